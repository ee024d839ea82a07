"""PostgreSQL as the lab runs it: made once, asked whether it takes connections, filled with roles and databases.

Sources: PostgreSQL 17 documentation, chapters "Creating a Database Cluster", "Message Flow" (start-up), appendix
"PostgreSQL Error Codes".

Traps:
    * A server that was killed and never reaped by its parent keeps its lock file looking alive: the pid still exists.
    * initdb refuses a folder that an interrupted run left half made, so it works beside the place and is renamed.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from telamon.desired.lab.data import DatabaseDesired, ServerDesired
from telamon.errors import MachineError, PlatformError, TemporaryError, brief
from telamon.platforms import procfs
from telamon.platforms.files import located, make_folder, sync_folder, write
from telamon.products.base import Endpoint
from telamon.state.account import Account
from telamon.state.phase import Phase

CONNECT_TIMEOUT = 3
"""Seconds; libpq takes whole ones."""
PROTOCOL = 196608
"""Version 3.0 of the protocol."""
CANNOT_CONNECT_NOW = "57P03"
REFUSED = ("authentication failed", "does not exist", "is not permitted to log in")
"""What a server says of a role that does not get in; the servers of a lab speak English."""
BUILTIN_LOCALES = frozenset({"C.UTF-8", "C.utf8"})
C_LOCALES = frozenset({"C", "POSIX"})


def exists(server: ServerDesired) -> bool:
    """Whether the server's data folder was made."""
    return (Path(server.data) / "PG_VERSION").exists()


def create(server: ServerDesired, password: str, *, account: Account | None) -> None:
    """Make the server's data folder, unless it is there.

    Args:
        server: where and with whose programs.
        password: of the superuser.
        account: as whom the server runs; ``None``: as we do.

    Raises:
        MachineError: the disk is full or read-only, or a program cannot be run.
        PlatformError: initdb failed, or the folder belongs to another release.
    """
    data = Path(server.data)
    if exists(server):
        _check_release(server)
        return
    make_folder(data.parent, mode=0o711)
    beside = data.with_name(f"{data.name}.new")
    with located(beside):
        shutil.rmtree(beside, ignore_errors=True)
    make_folder(beside, account=account)
    password_file = data.with_name("superuser.once")
    write(password_file, f"{password}\n", account=account)
    try:
        _initdb(server, beside, password_file=password_file, account=account)
    finally:
        password_file.unlink(missing_ok=True)
    with located(data):
        beside.rename(data)
        sync_folder(data.parent)


def clear_stale_lock(data: Path) -> None:
    """Remove the lock file of a server that is certainly dead.

    Raises:
        TemporaryError: a part of the dead server still lives.
    """
    lock = data / "postmaster.pid"
    try:
        pid = int(lock.read_text(encoding="utf-8").splitlines()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return
    owner = procfs.stat(pid)
    if owner is not None and owner.state != procfs.ZOMBIE and procfs.working_folder(pid) == str(data):
        return
    for other in procfs.pids():
        seen = procfs.stat(other)
        if (
            seen is not None
            and seen.name.startswith("postgres")
            and procfs.working_folder(other) == str(data)
        ):
            raise TemporaryError(f"process {other} of the lost database server is still ending", delay=0.2)
    lock.unlink(missing_ok=True)


def phase(endpoint: Endpoint, *, timeout: float = 0.5) -> Phase:
    """Whether the server would take a session: asked by beginning one, without a password and without ending it.

    Args:
        endpoint: where it listens.
        timeout: seconds until it counts as silent.
    """
    parameters = b"user\0telamon_probe\0database\0postgres\0\0"
    try:
        with socket.create_connection((endpoint.host, endpoint.port), timeout=timeout) as connection:
            connection.sendall(struct.pack("!II", len(parameters) + 8, PROTOCOL) + parameters)
            answer = _read_message(connection)
    except OSError:
        return Phase.UNREACHABLE
    kind, body = answer
    if kind == b"E" and f"C{CANNOT_CONNECT_NOW}".encode() in body.split(b"\0"):
        return Phase.STOPPING if b"shutting down" in body else Phase.STARTING
    return Phase.RUNNING if kind in {b"R", b"E"} else Phase.UNREACHABLE


def make_database(
    server: ServerDesired, wanted: DatabaseDesired, *, manager_password: str, password: str
) -> None:
    """Make a database, the role that owns it, and the one that nodes log in as.

    What is there already is brought to the password given.

    Args:
        server: the server.
        wanted: names and collation.
        manager_password: of the role that makes databases.
        password: of the role that nodes log in as.

    Raises:
        TemporaryError: the server does not take connections now.
        MachineError: the collation does not exist on this machine.
        PlatformError: a database of that name exists with another encoding or collation.
    """
    try:
        with psycopg.connect(
            host=server.socket_folder,
            port=server.port,
            user=server.manager.role,
            password=manager_password,
            dbname="postgres",
            connect_timeout=CONNECT_TIMEOUT,
            autocommit=True,
        ) as connection:
            make_login(connection, wanted.user, password=password, owner=wanted.name)
            _make_database(connection, wanted, reader=server.reader.role)
    except psycopg.OperationalError as error:
        raise TemporaryError(f"the database server refused: {brief(error)}", delay=1.0) from error
    except psycopg.errors.WrongObjectType as error:
        raise MachineError(
            f"the collation {wanted.collation} does not exist on this machine",
            remedy=f"Make the locale (Debian: locale-gen {wanted.collation}), then try again.",
        ) from error
    except psycopg.Error as error:
        raise PlatformError(f"the database {wanted.name} could not be made: {brief(error)}") from error


def takes(wanted: DatabaseDesired, password: str) -> bool | None:
    """Whether nodes can log in to their own database; ``None`` where the server does not say."""
    try:
        psycopg.connect(
            host=wanted.endpoint.host,
            port=wanted.endpoint.port,
            user=wanted.user,
            password=password,
            dbname=wanted.name,
            connect_timeout=CONNECT_TIMEOUT,
        ).close()
    except psycopg.OperationalError as error:
        refused = any(text in str(error) for text in REFUSED)
        return False if refused else None
    return True


def make_login(connection: psycopg.Connection, name: str, *, password: str, owner: str) -> None:
    """Let a role log in with a password: the owner of a database, or one that acts as its owner from its first word.

    Whatever such a role makes belongs to the owner, so nothing stands in the way of the next role's turn. The owner
    itself is made where it is missing, and keeps the right to log in or not.

    Args:
        connection: of the manager.
        name: of the role that logs in.
        password: of that role.
        owner: of the database.
    """
    # The password is turned into its verifier here: the text of a statement may end in the server's log.
    verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
    role, of = sql.Identifier(name), sql.Identifier(owner)
    with connection.transaction():
        for missing in sorted({name, owner} - _roles(connection, (name, owner))):
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(missing)))
        if name != owner:
            connection.execute(sql.SQL("GRANT {} TO {}").format(of, role))
            connection.execute(sql.SQL("ALTER ROLE {} SET role = {}").format(role, sql.Literal(owner)))
        connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(verifier.decode()))
        )


def end_login(connection: psycopg.Connection, name: str) -> int:
    """Let a role log in no more, and end the sessions that it has. Done before, it does nothing.

    Args:
        connection: of the manager.
        name: of the role; absent is no error.

    Returns:
        How many sessions were ended.

    Raises:
        TemporaryError: a session does not end.
    """
    if not _roles(connection, (name,)):
        return 0
    connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(sql.Identifier(name)))
    # Sessions count under the role that logged in, whatever role they act as.
    ended = connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s", (name,)
    ).fetchall()
    if any(row != (True,) for row in ended):
        raise TemporaryError(f"a session of {name} does not end", delay=1.0)
    return len(ended)


def _roles(connection: psycopg.Connection, names: Sequence[str]) -> set[str]:
    rows = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (list(names),))
    return {str(row[0]) for row in rows.fetchall()}


def _make_database(connection: psycopg.Connection, wanted: DatabaseDesired, *, reader: str) -> None:
    name = sql.Identifier(wanted.name)
    found = connection.execute(
        "SELECT pg_encoding_to_char(encoding), coalesce(datlocale, datcollate) FROM pg_database"
        " WHERE datname = %s",
        (wanted.name,),
    ).fetchone()
    if found is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' {}").format(
                name, name, _locale(wanted.collation)
            )
        )
    elif (found[0], found[1]) != ("UTF8", wanted.collation):
        raise PlatformError(
            f"database {wanted.name} has encoding {found[0]} and collation {found[1]}, not UTF8 and"
            f" {wanted.collation}",
            remedy="Dump it, drop it and restore it into one that Telamon makes.",
        )
    connection.execute(sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(name))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(reader)))


def _locale(collation: str) -> sql.Composable:
    if collation in BUILTIN_LOCALES:
        return sql.SQL("LOCALE_PROVIDER builtin BUILTIN_LOCALE {} LOCALE 'C'").format(sql.Literal(collation))
    given = sql.Literal("C" if collation in C_LOCALES else collation)
    return sql.SQL("LOCALE_PROVIDER libc LC_COLLATE {} LC_CTYPE {}").format(given, given)


def _read_message(connection: socket.socket) -> tuple[bytes, bytes]:
    head = _read_exactly(connection, 5)
    length = int(struct.unpack("!I", head[1:])[0]) - 4
    return head[:1], _read_exactly(connection, min(max(length, 0), 8192))


def _read_exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            raise ConnectionResetError("the server closed the connection")
        found += part
    return found


def _initdb(server: ServerDesired, data: Path, *, password_file: Path, account: Account | None) -> None:
    command = [
        f"{server.bin}/initdb",
        f"--pgdata={data}",
        f"--username={server.superuser.role}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        # The server's own provider: no locale of the machine is needed, and an upgrade of libc cannot change an order.
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--data-checksums",
        "--no-instructions",
    ]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath)},
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise MachineError(
            f"initdb cannot be run: {brief(error)}", remedy="Install the lab parts again."
        ) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace")
        if "No space left on device" in said:
            raise MachineError(
                f"there is no room left for the database in {data.parent}",
                remedy="Free some space, or choose another place with --state.",
            )
        lines = [
            line for line in said.splitlines() if "error" in line or "FATAL" in line
        ] or said.splitlines()
        raise PlatformError(f"initdb failed: {(lines or ['no message'])[-1][:200]}")


def _check_release(server: ServerDesired) -> None:
    with located(Path(server.data)):
        found = (Path(server.data) / "PG_VERSION").read_text(encoding="utf-8").strip()
    done = subprocess.run([f"{server.bin}/postgres", "--version"], capture_output=True, check=False, cwd="/")
    release = done.stdout.decode(errors="replace").split()
    if done.returncode == 0 and release and release[-1].split(".")[0] != found:
        raise PlatformError(
            f"the data in {server.data} is of PostgreSQL {found}, and the server is {release[-1]}",
            remedy=f"Install PostgreSQL {found} again, or dump and restore the data.",
        )

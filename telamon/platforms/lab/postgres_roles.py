"""What makes a PostgreSQL server a primary or a standby, on the disk and while it runs.

Sources: PostgreSQL 17 documentation, sections 26.2 (log-shipping standby servers), 19.6 (replication settings),
9.28 (``pg_promote``), pg_basebackup, 32.16 (the password file).

Traps:
    * ``listen_addresses`` is read once, at the start. So the role decides, at the start, whether a server listens on
      the writer's address; a promoted standby takes no client before it was started again.
    * A server whose bind fails on one of two addresses starts all the same. So nobody may hold the writer's address
      when a primary starts; that is looked at first.
    * A row that was written proves nothing by itself: it may be on the primary alone. The position of the log that it
      names must be on the standby's disk.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from telamon.desired.lab.data import ServerDesired
from telamon.errors import MachineError, PlatformError, TemporaryError, brief
from telamon.platforms.files import located, make_folder, sync_folder, write
from telamon.platforms.lab.addresses import is_listened
from telamon.state.account import Account
from telamon.state.world import Role

SIGNAL = "standby.signal"
"""The file that makes a server a standby when it starts."""
CONNECT_TIMEOUT = 3
SETTLES_WITHIN = "10s"
"""How long the primary may take to let commits wait for a standby."""


def role_on_disk(server: ServerDesired) -> Role | None:
    """The role in which a server would start; ``None`` where it has no data."""
    data = Path(server.data)
    if not (data / "PG_VERSION").exists():
        return None
    return Role.STANDBY if (data / SIGNAL).exists() else Role.PRIMARY


def prepare_start(server: ServerDesired, *, account: Account | None) -> None:
    """Write the settings of the role in which a server is about to start.

    Args:
        server: which does not run.
        account: as whom it runs.

    Raises:
        PlatformError: it has no data.
        TemporaryError: it would be the primary, and something still listens on the writer's address.
        MachineError: the disk is full or read-only.
    """
    role = role_on_disk(server)
    if role is None:
        raise PlatformError(f"{server.member} has no data to start with")
    listens, sockets = [server.endpoint.host], [server.socket_folder]
    lines = []
    if role is Role.PRIMARY:
        if is_listened(server.writer.host, server.writer.port):
            raise TemporaryError(
                f"something still listens on the writer's address {server.writer}", delay=0.1
            )
        _clear_sockets(server)
        listens.append(server.writer.host)
        sockets.append(server.writer_sockets)
    else:
        source = next(iter(server.sources.values()), None)
        if source is None:
            raise PlatformError(f"{server.member} is a standby and knows no other server")
        lines.append(
            f"primary_conninfo = 'host={source.host} port={source.port} user={server.replicator.role} "
            f"passfile={server.password_file} application_name={server.member} connect_timeout=2'"
        )
        # Whom the commits of a former life waited for means nothing when it is promoted.
        write(Path(server.waits_file), _waits(""), account=account)
    lines.append(f"listen_addresses = '{','.join(listens)}'")
    lines.append(f"unix_socket_directories = '{','.join(sockets)}'")
    text = "# Written by telamon at each start; changes are overwritten.\n" + "\n".join(lines) + "\n"
    write(Path(server.role_file), text, account=account)


def promote(server: ServerDesired, password: str) -> None:
    """Ask a standby to take writes, and return at once.

    Raises:
        TemporaryError: it cannot be asked now.
    """
    with closing(_connect(server, password)) as connection, _told(f"{server.member} could not be promoted"):
        if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
            connection.execute("SELECT pg_promote(wait => false)")


def wait_for_nobody(server: ServerDesired, password: str, *, account: Account | None, term: int) -> None:
    """Let commits go without a standby. The database's own data says so before the first of them does.

    Raises:
        TemporaryError: the primary cannot be asked now.
        MachineError: the disk is full or read-only.
    """
    with closing(_connect(server, password)) as connection, _told(f"{server.member} could not be asked"):
        # Local: this very commit must not wait for the standby that is gone.
        connection.execute("SET synchronous_commit = local")
        _note(connection, "", term)
        write(Path(server.waits_file), _waits(""), account=account)
        connection.execute("SELECT pg_reload_conf()")


def ask_to_wait(
    server: ServerDesired, password: str, *, account: Account | None, standby: str, term: int
) -> None:
    """Ask for every commit to wait for a standby; :func:`settle` makes sure of it.

    Raises:
        TemporaryError: the primary cannot be asked now.
        MachineError: the disk is full or read-only.
    """
    what = f"{server.member} could not be told to wait for {standby}"
    with closing(_connect(server, password)) as connection, _told(what):
        connection.execute("SET synchronous_commit = local")
        # An older note must not count for what begins now.
        _note(connection, "", term)
        write(Path(server.waits_file), _waits(standby), account=account)
        connection.execute("SELECT pg_reload_conf()")


def settle(server: ServerDesired, password: str, *, standby: str) -> None:
    """Return when no commit can go without the standby any more.

    A backend asks a flag of the checkpointer's whether to wait. The postmaster has told the checkpointer when a session
    begun afterwards sees the setting; and the second of two checkpoints is begun by a loop that has heard of it. So
    whatever the log holds then is all that went without the standby; :func:`attest` notes how far that is.

    Raises:
        TemporaryError: the primary cannot be asked now, or has not read its settings.
    """
    what = f"{server.member} could not be told to wait for {standby}"
    with closing(_connect(server, password)) as connection, _told(what):
        seen = connection.execute("SELECT current_setting('synchronous_standby_names')").fetchone()
        if seen != (_names(standby),):
            raise TemporaryError(f"{server.member} has not read its settings yet", delay=0.2)
        connection.execute(sql.SQL("SET statement_timeout = {}").format(sql.Literal(SETTLES_WITHIN)))
        connection.execute("CHECKPOINT")
        connection.execute("CHECKPOINT")


def attest(server: ServerDesired, password: str, *, standby: str, term: int) -> None:
    """Note in the data that commits wait for a standby, and from where on.

    Raises:
        TemporaryError: the primary cannot be asked now.
    """
    with closing(_connect(server, password)) as connection, _told(f"{server.member} could not be asked"):
        connection.execute("SET synchronous_commit = local")
        _note(connection, standby, term)


def copy(
    server: ServerDesired,
    source: str,
    *,
    replication_password: str,
    account: Account | None,
    marker: tuple[str, str],
) -> None:
    """Copy the data of a running server and make a standby of it. The old data goes once the new is whole.

    Args:
        server: which does not run.
        source: member to copy from.
        replication_password: of the role that standbys log in with.
        account: as whom the servers run.
        marker: variable of the environment by which the next controller ends what this one leaves behind.

    Raises:
        TemporaryError: the copy broke off.
        MachineError: the disk is full or read-only, or the program cannot be run.
    """
    data = Path(server.data)
    beside, old = data.with_name(f"{data.name}.new"), data.with_name(f"{data.name}.old")
    endpoint = server.sources[source]
    line = f"{endpoint.host}:{endpoint.port}:*:{server.replicator.role}:{replication_password}\n"
    write(Path(server.password_file), line, account=account)
    with located(beside):
        for left in (beside, old):
            shutil.rmtree(left, ignore_errors=True)
    make_folder(beside, account=account)
    _base_backup(server, source, into=beside, account=account, marker=marker)
    write(beside / SIGNAL, "", account=account)
    with located(data):
        if data.exists():
            data.rename(old)
        beside.rename(data)
        sync_folder(data.parent)
        shutil.rmtree(old, ignore_errors=True)


def _base_backup(
    server: ServerDesired, source: str, *, into: Path, account: Account | None, marker: tuple[str, str]
) -> None:
    endpoint = server.sources[source]
    address = (
        f"host={endpoint.host} port={endpoint.port} user={server.replicator.role} "
        f"passfile={server.password_file} connect_timeout=3 tcp_user_timeout=10000"
    )
    command = [
        f"{server.bin}/pg_basebackup",
        f"--pgdata={into}",
        f"--dbname={address}",
        "--wal-method=stream",
        "--checkpoint=fast",
        "--no-manifest",
        # One call for the file system instead of one for each of 1,000 files.
        "--sync-method=syncfs",
        "--no-password",
    ]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), marker[0]: marker[1]},
            stdin=subprocess.DEVNULL,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise MachineError(
            f"pg_basebackup cannot be run: {brief(error)}", remedy="Install the lab parts again."
        ) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        if "No space left on device" in said[-1]:
            raise MachineError(
                f"there is no room left for a copy of the database in {into.parent}",
                remedy="Free some space, or choose another place with --state.",
            )
        raise TemporaryError(f"copying from {source} broke off: {said[-1][:200]}", delay=1.0)


def _clear_sockets(server: ServerDesired) -> None:
    """Remove what a killed server has left in the folder that all primaries share."""
    folder = Path(server.writer_sockets)
    with located(folder):
        for path in folder.glob(".s.PGSQL.*"):
            path.unlink(missing_ok=True)


def _note(connection: psycopg.Connection, standby: str, term: int) -> None:
    connection.execute(
        "INSERT INTO telamon.replication (term, standby, mark) VALUES (%s, %s, pg_current_wal_insert_lsn())"
        " ON CONFLICT (only_one) DO UPDATE SET term = excluded.term, standby = excluded.standby,"
        " mark = excluded.mark",
        (term, standby),
    )


def _names(standby: str) -> str:
    return f'"{standby}"' if standby else ""


def _waits(standby: str) -> str:
    return f"# Written by telamon.\nsynchronous_standby_names = '{_names(standby)}'\n"


def _connect(server: ServerDesired, password: str) -> psycopg.Connection:
    """A session of the operator, by the server's own socket."""
    try:
        return psycopg.connect(
            host=server.socket_folder,
            port=server.port,
            user=server.operator.role,
            password=password,
            dbname="postgres",
            connect_timeout=CONNECT_TIMEOUT,
            autocommit=True,
        )
    except psycopg.OperationalError as error:
        raise TemporaryError(f"{server.member} takes no session: {brief(error)}", delay=0.5) from error


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn an error of the server into one that says what could not be done."""
    try:
        yield
    except psycopg.Error as error:
        raise TemporaryError(f"{what}: {brief(error)}", delay=0.5) from error

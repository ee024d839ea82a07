"""A product's database: held still at one instant, dumped as of it, loaded beside, and put in place of another.

Source: PostgreSQL 17 documentation, "Snapshot Synchronization Functions" (``pg_export_snapshot``), pg_dump(1),
pg_restore(1), ``ALTER DATABASE``.

Traps:
    * A database cannot be renamed while somebody is connected to it, and a pool connects again at once: connections
      are forbidden first, and those there are ended after that.
    * The server's own workers may be ended by a superuser alone. ``DROP DATABASE`` and ``ALTER DATABASE RENAME`` end
      those of the database by themselves, whoever asks.
    * Renaming obeys transactions, so the old database and the new one change places in one step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from telamon.errors import MachineError, PlatformError, TemporaryError, brief
from telamon.platforms.backup.programs import Command, run
from telamon.products.backup import FileRows, RepositoryRows
from telamon.state.account import Account

CONNECT_TIMEOUT = 10
"""Seconds; libpq takes whole ones."""
LOCKED_WITHIN = "3s"
"""How long to wait for a lock: whoever comes after us waits as well."""
FETCHED = 10_000
"""Rows fetched at a time."""
LOADS_WITH = 2
"""Connections that load a database at a time."""
INCOMING = "telamon_incoming_"
"""Begin of the name of a schema that waits to be put in force (:mod:`telamon.platforms.backup.schemas`)."""
OUTGOING = "telamon_outgoing_"
"""Begin of the name of a schema that was in force, and is kept aside."""


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server, and as whom it is spoken to.

    Attributes:
        bin: folder of its programs.
        host: folder of its unix socket, or an address.
        port: part of the socket's name, or the port.
        user: the role that logs in.
        password: of that role.
        account: whom its process runs as; ``None``: we do.
        protection: how connections to it are protected: parameters of libpq that begin with ``ssl``.
    """

    bin: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    account: Account | None = None
    protection: Mapping[str, str] = field(default_factory=dict)

    def connect(self, database: str = "postgres", *, autocommit: bool = True) -> psycopg.Connection:
        """Connect.

        Raises:
            TemporaryError: the server does not take connections now.
        """
        try:
            return psycopg.connect(
                make_conninfo("", **self.protection),
                host=self.host,
                port=self.port,
                user=self.user,
                password=self.password,
                dbname=database,
                connect_timeout=CONNECT_TIMEOUT,
                autocommit=autocommit,
            )
        except psycopg.OperationalError as error:
            raise TemporaryError(f"the database server refused: {brief(error)}", delay=2.0) from error

    def command(self, program: str, *words: str) -> Command:
        """One of the server's own programs, connected to it."""
        where = ("--host", self.host, "--port", str(self.port), "--username", self.user, "--no-password")
        # Source: PostgreSQL 17 documentation, 32.15 "Environment Variables": each of these parameters has one.
        protection = {f"PG{name.upper()}": value for name, value in self.protection.items()}
        environment = {"PGPASSWORD": self.password, **protection}
        return Command((f"{self.bin}/{program}", *where, *words), environment=environment)


@dataclass(frozen=True)
class Instant:
    """A database held still.

    Attributes:
        database: its name.
        snapshot: id under which other connections see the same.
        lsn: position of the write-ahead log.
        taken: when, RFC 3339 in UTC.
        release: of the server.
        connection: keeps it; nothing else may be done on it.
    """

    database: str
    snapshot: str
    lsn: str
    taken: str
    release: str
    connection: psycopg.Connection

    def demanded_files(self, rows: FileRows) -> Iterator[tuple[str, int | None]]:
        """Path below the shared home, and size where the row tells it, of every file that a row needs."""
        for path, length in _rows(self.connection, rows.statement, what=rows.what):
            yield str(path), None if length is None else int(length)

    def demanded_commits(self, rows: RepositoryRows) -> Iterator[tuple[str, str | None]]:
        """Name of the repository, and commit in it where the row names one."""
        for name, commit in _rows(self.connection, rows.statement, what=rows.what):
            yield str(name), None if commit is None else str(commit)

    def answers(self, rows: RepositoryRows) -> bool:
        """Whether the database has the tables and columns that are asked for."""
        try:
            # A refusal ends a transaction, and with it the instant, but for what is nested in it.
            with self.connection.transaction():
                self.connection.execute(f"EXPLAIN {rows.statement}".encode())
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            return False
        return True

    def counts(self) -> Mapping[str, int]:
        """How many rows every table has; what is kept aside is none of them."""
        tables = self.connection.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            " AND NOT starts_with(schemaname, %s) AND NOT starts_with(schemaname, %s) ORDER BY 1, 2",
            (INCOMING, OUTGOING),
        ).fetchall()
        found = {}
        for schema, table in tables:
            asking = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
            row = self.connection.execute(asking).fetchone()
            found[f"{schema}.{table}"] = int(row[0]) if row else 0
        return found


@contextmanager
def still(server: Server, database: str) -> Iterator[Instant]:
    """Hold a database still at this instant, while others go on writing to it.

    Raises:
        TemporaryError: the server does not take connections now.
        PlatformError: the server refuses, or the connection is lost.
    """
    with translated(database), server.connect(database, autocommit=False) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = connection.execute(
            "SELECT pg_export_snapshot(), pg_current_wal_insert_lsn()::text,"
            " to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
            " current_setting('server_version')"
        ).fetchone()
        if row is None:
            raise PlatformError(f"the database server told no snapshot of {database}")
        snapshot, lsn, taken, release = (str(value) for value in row)
        yield Instant(database, snapshot, lsn, taken, release, connection)


@contextmanager
def unchanged(server: Server, database: str, *, tables: Sequence[str]) -> Iterator[None]:
    """Let nobody change some tables while the block runs; reading goes on.

    Raises:
        TemporaryError: somebody else holds one of them for too long.
    """
    if not tables:
        yield
        return
    with translated(database), server.connect(database, autocommit=False) as connection:
        connection.execute("SELECT set_config('lock_timeout', %s, true)", (LOCKED_WITHIN,))
        for table in tables:
            connection.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.Identifier(table)))
        yield


def dump(server: Server, instant: Instant, *, target: Path, schemas: Sequence[str] = ()) -> None:
    """Write a database as of an instant into one file.

    Equal rows give equal bytes in it, and it is not compressed, so that the vault finds what it has already.

    Args:
        server: where it is.
        instant: that is written.
        target: the file.
        schemas: what is written of it; all but what is kept aside where empty.

    Raises:
        MachineError: the disk is full.
        PlatformError: the server refused.
    """
    words = ("--format", "custom", "--compress", "0", "--no-owner", "--no-privileges", "--file", str(target))
    aside = [f"--exclude-schema={begin}*" for begin in (INCOMING, OUTGOING)]
    chosen = [f"--schema={_pattern(name)}" for name in schemas] or aside
    run(server.command("pg_dump", *words, *chosen, "--snapshot", instant.snapshot, instant.database))


def _pattern(name: str) -> str:
    """A pattern that fits one name alone. Source: PostgreSQL 17 documentation, psql, "Patterns"."""
    return '"' + name.replace('"', '""') + '"'


def size_of(server: Server, database: str) -> int:
    """Bytes that a database takes on the server's disk."""
    # Whoever owns one database may be let into no other.
    with translated(database), server.connect(database) as connection:
        row = connection.execute("SELECT pg_database_size(%s)", (database,)).fetchone()
        return int(row[0]) if row else 0


def demand_disk(server: Server, database: str, *, need: int, disk: int) -> None:
    """Refuse to load what the disk of a server has no room for: a server whose disk is full serves nobody.

    What is taken are all tables of the server, and as much of its log as it keeps between two checkpoints. Sources:
    PostgreSQL 17 documentation, 9.28.7 (``pg_tablespace_size`` asks for no right where it is the database's own),
    28.5 "WAL Configuration" (``max_wal_size``).

    Args:
        server: as the role that owns the database.
        database: its name.
        need: bytes of what is to be loaded.
        disk: bytes that the disk has at most.

    Raises:
        MachineError: there is no room.
    """
    with translated(database), server.connect(database) as connection:
        row = connection.execute(
            "SELECT pg_tablespace_size(dattablespace) + pg_size_bytes(current_setting('max_wal_size'))"
            " FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    free = disk - (int(row[0]) if row else 0)
    if free < need:
        raise MachineError(
            f"the disk of the database server has {max(free, 0) // 2**20} MiB left at most, and {need // 2**20} are"
            f" needed to load {database} beside what is in force",
            remedy="Raise spec.database.storage and apply that, or remove from the server what nobody needs.",
        )


def exists(server: Server, database: str) -> bool:
    """Whether there is a database of that name."""
    with translated(database), server.connect() as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone()
        return found is not None


def load(server: Server, source: Path, *, database: str, owner: str, like: str | None = None) -> None:
    """Make a database out of a dump; one of that name from an earlier try is dropped first.

    Args:
        server: where, as a role that makes databases.
        source: the dump.
        database: the name to give it; nobody may use that yet.
        owner: the role that everything in it belongs to.
        like: a database whose collation it gets, and into which the same roles may go; ``None``: the server's own,
            and nobody but the owner.

    Raises:
        MachineError: the disk is full.
        PlatformError: the dump does not load as it is.
    """
    with translated(database), server.connect() as connection:
        drop(connection, database)
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' {}").format(
                sql.Identifier(database), sql.Identifier(owner), _collation(connection, like)
            )
        )
        connection.execute(
            sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database))
        )
        for guest in _guests(connection, like):
            connection.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                    sql.Identifier(database), sql.Identifier(guest)
                )
            )
    words = ("--dbname", database, "--no-owner", "--no-privileges", "--role", owner, "--exit-on-error")
    run(server.command("pg_restore", *words, "--jobs", str(LOADS_WITH), str(source)))
    with translated(database), server.connect(database) as connection:
        connection.execute("ANALYZE")


def swap(server: Server, *, live: str, incoming: str, outgoing: str) -> None:
    """Put a database in place of another, in one step; done before, it does nothing.

    Args:
        server: where.
        live: name under which the product knows its database.
        incoming: the one to put there.
        outgoing: name that the one there gets.

    Raises:
        PlatformError: the one to put there is missing.
    """
    with translated(live), server.connect() as connection:
        found = _among(connection, (live, incoming, outgoing))
        if incoming not in found:
            if {live, outgoing} <= found:
                _let_in(connection, live)
                return
            raise PlatformError(
                f"there is no database {incoming} to put in place of {live}",
                remedy="Begin the restore anew: it makes that database out of the backup.",
            )
        if live in found:
            _expel(connection, live)
        _expel(connection, incoming)
        with connection.transaction():
            if live in found:
                _rename(connection, live, outgoing)
            _rename(connection, incoming, live)
        _let_in(connection, live)


def drop(connection: psycopg.Connection, database: str) -> None:
    """Drop a database with whoever is connected to it; absent is no error."""
    if _among(connection, (database,)):
        _expel(connection, database)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(database)))


def reopen(server: Server, database: str) -> None:
    """Let a database that :func:`swap` has put aside be connected to again by whoever could before."""
    with translated(database), server.connect() as connection:
        _let_in(connection, database)


def forget(server: Server, database: str) -> None:
    """Drop a database that nobody needs any more; absent is no error."""
    with translated(database), server.connect() as connection:
        drop(connection, database)


def _among(connection: psycopg.Connection, names: tuple[str, ...]) -> set[str]:
    rows = connection.execute("SELECT datname FROM pg_database WHERE datname = ANY(%s)", (list(names),))
    return {str(row[0]) for row in rows.fetchall()}


def _expel(connection: psycopg.Connection, database: str) -> None:
    connection.execute(
        sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(sql.Identifier(database))
    )
    connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = %s AND backend_type = 'client backend'",
        (database,),
    )


def _let_in(connection: psycopg.Connection, database: str) -> None:
    connection.execute(
        sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true").format(sql.Identifier(database))
    )


def _rename(connection: psycopg.Connection, old: str, new: str) -> None:
    connection.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new))
    )


def _guests(connection: psycopg.Connection, like: str | None) -> Sequence[str]:
    """The roles that may connect to a database without being its owner. Source: PostgreSQL 17, ``aclexplode``."""
    rows = connection.execute(
        "SELECT DISTINCT pg_get_userbyid(given.grantee) FROM pg_database, aclexplode(datacl) AS given"
        " WHERE datname = %s AND given.privilege_type = 'CONNECT' AND given.grantee NOT IN (0, datdba)",
        (like,),
    )
    return [str(row[0]) for row in rows.fetchall()]


def _collation(connection: psycopg.Connection, like: str | None) -> sql.Composable:
    """The locale of another database, word for word. Source: PostgreSQL 17, ``pg_database``."""
    if like is None:
        return sql.SQL("")
    row = connection.execute(
        "SELECT datlocprovider::text, datcollate, datctype, datlocale FROM pg_database WHERE datname = %s",
        (like,),
    ).fetchone()
    if row is None:
        return sql.SQL("")
    provider, collate, ctype, locale = row
    text = sql.SQL("LC_COLLATE {} LC_CTYPE {}").format(sql.Literal(collate), sql.Literal(ctype))
    if provider == "b":
        return sql.SQL("LOCALE_PROVIDER builtin BUILTIN_LOCALE {} {}").format(sql.Literal(locale), text)
    if provider == "i":
        return sql.SQL("LOCALE_PROVIDER icu ICU_LOCALE {} {}").format(sql.Literal(locale), text)
    return sql.SQL("LOCALE_PROVIDER libc {}").format(text)


def _rows(connection: psycopg.Connection, statement: str, *, what: str) -> Iterator[tuple[Any, Any]]:
    try:
        with connection.cursor(name="demanded") as cursor:
            cursor.itersize = FETCHED
            cursor.execute(statement.encode())
            yield from cursor
    except psycopg.errors.UndefinedTable as error:
        raise PlatformError(
            f"the database has no table for every {what}: {brief(error)}",
            remedy="The product may not be set up yet, or it is of a release that keeps them elsewhere.",
        ) from error


@contextmanager
def translated(database: str) -> Iterator[None]:
    """Put what the driver says into our words.

    Args:
        database: which one is asked.

    Raises:
        TemporaryError: the server broke off, or does not take connections now.
        PlatformError: it refuses.
    """
    try:
        yield
    except psycopg.OperationalError as error:
        raise TemporaryError(f"the database server broke off: {brief(error)}", delay=2.0) from error
    except psycopg.Error as error:
        raise PlatformError(f"the database server refused for {database}: {brief(error)}") from error

"""A product's data in the schemas of its own database: made ready beside those in force, and put in their place.

Whoever owns one database may make no other, but may make, rename and drop schemas in it. So what is restored waits in
schemas whose names begin with :data:`INCOMING`, and what it takes the place of is kept in such as begin with
:data:`OUTGOING`.

Sources: PostgreSQL 17 documentation, "Schemas", ``ALTER SCHEMA`` (the owner, who may also create in the database),
``DROP SCHEMA``, pg_dump(1), pg_restore(1), 20.12 "Lock Management".

Traps:
    * pg_restore puts things back under the names that the dump has. A dump is therefore loaded into a server for a
      moment, renamed there, and dumped again.
    * Renaming obeys transactions, so all schemas change places in one step.
    * What belongs to the database as a whole (extensions, large objects) is in no schema, or cannot be there twice.
    * A schema with thousands of tables needs a lock for each of them where it is dropped at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from telamon.errors import PlatformError, TemporaryError
from telamon.platforms.backup.database import (
    INCOMING,
    LOADS_WITH,
    OUTGOING,
    Instant,
    Server,
    dump,
    still,
    translated,
)
from telamon.platforms.backup.programs import run

ENDS_WITHIN = 5_000
"""Milliseconds that the server waits for a session that was told to end."""
LONGEST = 63
"""Bytes. Source: PostgreSQL 17 documentation, 4.1.1: what is longer is cut to that, and nobody is told."""


def aside(name: str, *, begin: str) -> str:
    """What a schema is called while it waits, or is kept.

    Args:
        name: that it has in force.
        begin: :data:`INCOMING` or :data:`OUTGOING`.

    Raises:
        PlatformError: the name would be cut; nobody would find it under what is left.
    """
    longer = f"{begin}{name}"
    if len(longer.encode()) > LONGEST:
        raise PlatformError(
            f"the schema {name} cannot be put aside: its name is too long",
            remedy=f"Give it one of at most {LONGEST - len(begin)} bytes, or put the backup back by hand.",
        )
    return longer


def demand_movable(server: Server, database: str) -> None:
    """Refuse a database whose schemas cannot change places.

    Args:
        server: as the role that owns the database.
        database: its name.

    Raises:
        PlatformError: one of its schemas is somebody else's, or it holds what lies in no schema.
    """
    with translated(database), server.connect(database) as connection:
        _demand_simple(connection)
        for name in _of_product(connection):
            aside(name, begin=OUTGOING)
        # Who logs in acts as the owner from the first word, so it is the owner whom rights are given to.
        owner, creates = connection.execute(
            "SELECT current_user, has_database_privilege(current_database(), 'CREATE')"
        ).fetchone() or (server.user, False)
        if not creates:
            given = _statement("GRANT CREATE ON DATABASE {} TO {}", database, str(owner))
            raise PlatformError(
                f"the role {owner} may make no schema in the database {database}",
                remedy=f"As a superuser: {given}",
            )
        foreign = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)"
            " AND NOT pg_has_role(current_user, nspowner, 'USAGE') ORDER BY nspname",
            (list(_of_product(connection)),),
        ).fetchone()
        if foreign is not None:
            # Before release 15 the schema "public" belonged to the superuser.
            raise PlatformError(
                f"the schema {foreign[0]} of the database {database} is not {owner}'s to rename",
                remedy=f"As a superuser: {_statement('ALTER SCHEMA {} OWNER TO {}', str(foreign[0]), str(owner))}",
            )


def make_incoming(trial: Server, database: str, *, target: Path) -> None:
    """Dump a database that was loaded for trial so that it can be loaded beside the one in force.

    Args:
        trial: a server for a moment; its schemas are renamed.
        database: its name there.
        target: the dump.

    Raises:
        PlatformError: the database holds what lies in no schema, or one whose name is too long.
    """
    with translated(database), trial.connect(database) as connection:
        _demand_simple(connection)
        with connection.transaction():
            names = [
                _rename(connection, name, aside(name, begin=INCOMING)) for name in _of_product(connection)
            ]
    with still(trial, database) as instant:
        dump(trial, instant, target=target, schemas=names)


def dump_outgoing(server: Server, instant: Instant, *, target: Path) -> None:
    """Dump what is kept aside, under the names that it has there.

    Args:
        server: where it is.
        instant: of it.
        target: the dump.
    """
    names = _beginning(instant.connection, OUTGOING)
    dump(server, instant, target=target, schemas=names)


def name_as_before(trial: Server, database: str) -> None:
    """Give what was kept aside, and is loaded for trial, the names that it had when it was in force.

    Args:
        trial: a server for a moment.
        database: its name there.
    """
    with translated(database), trial.connect(database) as connection, connection.transaction():
        for name in _beginning(connection, OUTGOING):
            before = name.removeprefix(OUTGOING)
            # Every new database has one called "public"; it is empty here.
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {}").format(sql.Identifier(before)))
            _rename(connection, name, before)


def load(server: Server, source: Path, *, database: str) -> None:
    """Load what :func:`make_incoming` has dumped; what an earlier try has left is dropped first.

    Args:
        server: as the role that owns the database.
        source: the dump.
        database: its name.

    Raises:
        MachineError: the disk is full.
        PlatformError: the dump does not load as it is.
    """
    forget(server, database, begin=INCOMING)
    words = ("--dbname", database, "--no-owner", "--no-privileges", "--exit-on-error")
    try:
        run(server.command("pg_restore", *words, "--jobs", str(LOADS_WITH), str(source)))
    except PlatformError as error:
        raise PlatformError(
            str(error),
            remedy=error.remedy
            or "The programs of PostgreSQL must be of the server's own release: put those into the image.",
        ) from error
    with translated(database), server.connect(database) as connection:
        for table in _tables(connection, _beginning(connection, INCOMING)):
            connection.execute(sql.SQL("ANALYZE {}").format(table))


def swap(server: Server, database: str) -> None:
    """Put what waits in force, and keep aside what was, in one step; done before, it does nothing.

    Args:
        server: as the role that owns the database.
        database: its name.

    Raises:
        PlatformError: nothing waits.
        TemporaryError: a session that a node has left behind does not end.
    """
    if not _exchange(server, database, enters=INCOMING, leaves=OUTGOING) and not kept(server, database):
        raise PlatformError(
            f"nothing waits in {database} to be put in force",
            remedy="Begin the restore anew: it loads the backup again.",
        )


def swap_back(server: Server, database: str) -> None:
    """Put back what :func:`swap` has kept aside, in one step; done before, it does nothing.

    Args:
        server: as the role that owns the database.
        database: its name.

    Raises:
        TemporaryError: a session that a node has left behind does not end.
    """
    _exchange(server, database, enters=OUTGOING, leaves=INCOMING)


def kept(server: Server, database: str) -> bool:
    """Whether something is kept aside.

    Args:
        server: where.
        database: its name.
    """
    with translated(database), server.connect(database) as connection:
        return bool(_beginning(connection, OUTGOING))


def forget(server: Server, database: str, *, begin: str) -> None:
    """Drop what nobody needs any more; absent is no error.

    Args:
        server: as the role that owns the database.
        database: its name.
        begin: of the names of the schemas: :data:`INCOMING` or :data:`OUTGOING`.
    """
    with translated(database), server.connect(database) as connection:
        names = _beginning(connection, begin)
        for table in _tables(connection, names):
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(table))
        for name in names:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))


def _exchange(server: Server, database: str, *, enters: str, leaves: str) -> bool:
    """Put in force what begins with one word, and let what was in force begin with another, in one step.

    Returns:
        Whether there was anything to put in force.
    """
    with translated(database), server.connect(database) as connection:
        entering = _beginning(connection, enters)
        if not entering:
            return False
        _expel(connection)
        with connection.transaction():
            for name in _of_product(connection):
                _rename(connection, name, aside(name, begin=leaves))
            for name in entering:
                _rename(connection, name, name.removeprefix(enters))
        return True


def _demand_simple(connection: psycopg.Connection) -> None:
    """Refuse what cannot be there twice."""
    found = connection.execute(
        "SELECT 'the extension ' || extname FROM pg_extension JOIN pg_namespace AS space"
        " ON space.oid = extnamespace WHERE space.nspname <> 'pg_catalog'"
        " UNION ALL (SELECT 'large objects' FROM pg_largeobject_metadata LIMIT 1) LIMIT 1"
    ).fetchone()
    if found is not None:
        raise PlatformError(
            f"the database holds {found[0]}, which cannot wait beside what is in force",
            remedy="Put the backup back by hand: its page says what it is, README.txt beside the vault how.",
        )


def _statement(words: str, *names: str) -> str:
    """A statement that somebody else is asked to make, with its names as the server reads them."""
    return sql.SQL(words).format(*map(sql.Identifier, names)).as_string(None)


def _of_product(connection: psycopg.Connection) -> Sequence[str]:
    """The schemas in force, by name."""
    rows = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE NOT starts_with(nspname, 'pg_')"
        " AND nspname <> 'information_schema'"
        " AND NOT starts_with(nspname, %s) AND NOT starts_with(nspname, %s) ORDER BY nspname",
        (INCOMING, OUTGOING),
    )
    return [str(row[0]) for row in rows.fetchall()]


def _beginning(connection: psycopg.Connection, begin: str) -> Sequence[str]:
    rows = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s) ORDER BY nspname", (begin,)
    )
    return [str(row[0]) for row in rows.fetchall()]


def _tables(connection: psycopg.Connection, names: Sequence[str]) -> Sequence[sql.Identifier]:
    rows = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s) ORDER BY 1, 2", (list(names),)
    )
    return [sql.Identifier(str(schema), str(table)) for schema, table in rows.fetchall()]


def _rename(connection: psycopg.Connection, old: str, new: str) -> str:
    connection.execute(
        sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new))
    )
    return new


def _expel(connection: psycopg.Connection) -> None:
    """End what a node has left behind: it would go on writing to what it knows, whatever that is called.

    A role that logs in for the owner acts as the owner at once, and the owner may not end what another role has begun.

    Raises:
        TemporaryError: one of them does not end: the server waits for it a while, and then says no more than "false".
    """
    sessions = (
        " FROM pg_stat_activity WHERE datname = current_database() AND usename = session_user"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    connection.execute("SET ROLE NONE")
    connection.execute(f"SELECT pg_terminate_backend(pid, {ENDS_WITHIN}){sessions}".encode())
    left = connection.execute(f"SELECT min(pid), count(*){sessions}".encode()).fetchone()
    connection.execute("RESET ROLE")
    if left is not None and left[1]:
        raise TemporaryError(
            f"{left[1]} sessions of {connection.info.user} in {connection.info.dbname} do not end, among them that of"
            f" the server process {left[0]}: they could go on writing",
            delay=2.0,
            remedy="Where that does not pass, end them on the database server, and look for who connects again.",
        )

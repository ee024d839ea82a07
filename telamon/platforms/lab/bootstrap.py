"""All that the superuser of a cluster is ever used for: to make the roles that Telamon itself logs in as.

It is one transaction, which may be repeated, and which also brings a cluster of an earlier release to what this one
needs. From then on every statement of the superuser stands in the server's log, so that anybody can see that there are
no others; those that name a password's verifier are left out of it.

Sources: PostgreSQL 17 documentation, ``CREATE ROLE``, ``GRANT``, ``COMMENT``; section 19.8 (``log_statement``), which
a superuser alone may set for a role.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing

import psycopg
from psycopg import sql

from telamon.desired.lab.data import Login, ServerDesired
from telamon.desired.lab.database_roles import (
    ATTRIBUTES,
    MANAGER,
    NOTES,
    OPERATOR,
    OWN_ROLES,
    READER,
    REPLICATOR,
    ClusterRole,
    mark,
)
from telamon.errors import TemporaryError, brief
from telamon.platforms.lab import postgres

CONNECT_TIMEOUT = 3
SYSTEM_DATABASES = ("postgres", "template1")

_NOTES = """\
CREATE TABLE IF NOT EXISTS {schema}.replication (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    term bigint NOT NULL,
    standby text NOT NULL,
    mark pg_lsn NOT NULL)
"""
"""What the database itself knows of its standby: which one, under which term, and up to which position of the log
commits had gone without it."""
_MARK = "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s"
_EARLIER_ROLES = """\
SELECT rolname FROM pg_roles
WHERE NOT rolsuper AND NOT starts_with(rolname, 'pg_') AND NOT rolname = ANY(%s) ORDER BY 1
"""
_EARLIER_DATABASES = """\
SELECT datname FROM pg_database WHERE NOT datistemplate AND NOT datname = ANY(%s) ORDER BY 1
"""


def bootstrap(server: ServerDesired, password: str, *, passwords: Mapping[str, str]) -> None:
    """Make Telamon's own roles on a primary, or let a standby read again who may come in; done before, it is no harm.

    Args:
        server: which runs.
        password: of the superuser.
        passwords: of each role of its own logins, by name.

    Raises:
        TemporaryError: the server does not let the superuser in now, or somebody else does the same.
    """
    try:
        with closing(_connect(server, password)) as connection:
            if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,):
                make_roles(connection, passwords=passwords)
            # A server that has run since before an update admits whom its file named then.
            connection.execute("SELECT pg_reload_conf()")
    except psycopg.Error as error:
        raise TemporaryError(
            f"the roles of {server.member} could not be made: {brief(error)}", delay=1.0
        ) from error


def make_roles(connection: psycopg.Connection, *, passwords: Mapping[str, str]) -> None:
    """Make Telamon's own roles, all or none of them, and bring those that are there to what they should be.

    Args:
        connection: of the superuser, to the database ``postgres``.
        passwords: of each role, by name.
    """
    with connection.transaction():
        # Local: a standby that is lost must not hold this up.
        connection.execute("SET LOCAL synchronous_commit = local")
        connection.execute("SET LOCAL log_statement = 'all'")
        connection.execute("ALTER ROLE CURRENT_USER SET log_statement = 'all'")
        for role in OWN_ROLES:
            _make(connection, role, password=passwords[role.name])
        for statement in (*_notes(), *_closed(), *_handed_over(connection)):
            connection.execute(statement)
        connection.execute(
            sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(OPERATOR.name), sql.Literal(mark()))
        )


def stands(connection: psycopg.Connection, server: ServerDesired, *, passwords: Mapping[str, str]) -> bool:
    """Whether Telamon's own roles are as this release wants them, and all of them get in.

    Args:
        connection: of the operator.
        server: the same.
        passwords: of each role of its own logins, by name.

    Raises:
        psycopg.Error: the server broke off.
    """
    if connection.execute(_MARK, (OPERATOR.name,)).fetchone() != (mark(),):
        return False
    return all(_gets_in(server, login, passwords[login.role]) for login in server.own_logins)


def is_refusal(error: psycopg.Error) -> bool:
    """Whether a server said that a role may not come in, rather than nothing at all."""
    return any(text in str(error) for text in (*postgres.REFUSED, "pg_hba.conf"))


def _connect(server: ServerDesired, password: str) -> psycopg.Connection:
    return psycopg.connect(
        host=server.socket_folder,
        port=server.port,
        user=server.superuser.role,
        password=password,
        dbname="postgres",
        connect_timeout=CONNECT_TIMEOUT,
        autocommit=True,
        application_name="telamon",
    )


def _gets_in(server: ServerDesired, login: Login, password: str) -> bool:
    replicates = login.role == REPLICATOR.name
    where = server.endpoint.host if replicates else server.socket_folder
    try:
        psycopg.connect(
            host=where,
            port=server.port,
            user=login.role,
            password=password,
            dbname="postgres",
            connect_timeout=CONNECT_TIMEOUT,
            replication="true" if replicates else "false",
        ).close()
    except psycopg.OperationalError as error:
        if is_refusal(error):
            return False
        raise
    return True


def _make(connection: psycopg.Connection, role: ClusterRole, *, password: str) -> None:
    name = sql.Identifier(role.name)
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role.name,)).fetchone()
    if found is None:
        connection.execute(sql.SQL("CREATE ROLE {}").format(name))
    words = ["LOGIN", "NOSUPERUSER", "NOBYPASSRLS"]
    words += [word if word in role.attributes else f"NO{word}" for word in ATTRIBUTES]
    connection.execute(sql.SQL(f"ALTER ROLE {{}} {' '.join(words)}").format(name))
    verifier = connection.pgconn.encrypt_password(password.encode(), role.name.encode(), b"scram-sha-256")
    connection.execute("SET LOCAL log_statement = 'none'")
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier.decode())))
    connection.execute("SET LOCAL log_statement = 'all'")
    for statement in _grants(role):
        connection.execute(statement)


def _grants(role: ClusterRole) -> Iterator[sql.Composed]:
    name = sql.Identifier(role.name)
    for group in role.member_of:
        yield sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), name)
    for function in role.may_call:
        yield sql.SQL(f"GRANT EXECUTE ON FUNCTION pg_catalog.{function} TO {{}}").format(name)
    for setting, value in role.settings.items():
        yield sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
    if role.enters:
        yield sql.SQL("GRANT CONNECT ON DATABASE postgres TO {}").format(name)


def _notes() -> Iterator[sql.Composed]:
    """The operator's own place; in a cluster of an earlier release it is the superuser's."""
    names = {"schema": sql.Identifier(NOTES), "operator": sql.Identifier(OPERATOR.name)}
    yield sql.SQL("CREATE SCHEMA IF NOT EXISTS {schema}").format(**names)
    yield sql.SQL(_NOTES).format(**names)
    yield sql.SQL("ALTER SCHEMA {schema} OWNER TO {operator}").format(**names)
    yield sql.SQL("ALTER TABLE {schema}.replication OWNER TO {operator}").format(**names)


def _closed() -> Iterator[sql.Composed]:
    """Nobody else has any business in the databases that no product owns."""
    for database in SYSTEM_DATABASES:
        yield sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database))


def _handed_over(connection: psycopg.Connection) -> Iterator[sql.Composed]:
    """What the superuser of an earlier release made becomes the manager's to administer, and the reader's to read."""
    manager, reader = sql.Identifier(MANAGER.name), sql.Identifier(READER.name)
    own = [role.name for role in OWN_ROLES]
    for (name,) in connection.execute(_EARLIER_ROLES, (own,)).fetchall():
        yield sql.SQL("GRANT {} TO {} WITH ADMIN TRUE, INHERIT TRUE, SET TRUE").format(
            sql.Identifier(name), manager
        )
    for (name,) in connection.execute(_EARLIER_DATABASES, (list(SYSTEM_DATABASES),)).fetchall():
        yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(name), reader)

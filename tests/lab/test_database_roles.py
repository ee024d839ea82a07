"""Each role that keeps a database cluster may do its own work, and is refused everybody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from telamon.desired.lab.database_roles import MANAGER, OPERATOR, OWN_ROLES, READER, REPLICATOR, ClusterRole
from telamon.platforms.backup import database as databases
from telamon.platforms.backup.scratch import SETTINGS, scratch
from telamon.platforms.lab import bootstrap, postgres
from tests.lab import backups
from tests.lab.backups import TRACKER, Site

PROGRAM = "COPY (SELECT 1) TO PROGRAM 'true'"
REFUSED: tuple[tuple[ClusterRole, str, str], ...] = (
    (OPERATOR, "postgres", "CREATE ROLE another"),
    (OPERATOR, "postgres", "CREATE DATABASE another"),
    (OPERATOR, "postgres", "ALTER SYSTEM SET fsync = off"),
    (OPERATOR, "postgres", "SELECT rolpassword FROM pg_authid"),
    (OPERATOR, "postgres", "CREATE TABLE public.another (n int)"),
    (OPERATOR, "postgres", PROGRAM),
    (MANAGER, "postgres", "SELECT pg_promote()"),
    (MANAGER, "postgres", "SELECT pg_reload_conf()"),
    (MANAGER, "postgres", "CHECKPOINT"),
    (MANAGER, "postgres", "CREATE ROLE another SUPERUSER"),
    (MANAGER, "postgres", "CREATE ROLE another REPLICATION"),
    (MANAGER, "postgres", "ALTER ROLE telamon PASSWORD 'mine'"),
    (MANAGER, "postgres", f"ALTER ROLE \"{READER.name}\" PASSWORD 'mine'"),
    (MANAGER, "postgres", f'GRANT "{OPERATOR.name}" TO "{MANAGER.name}"'),
    (MANAGER, "postgres", "GRANT pg_execute_server_program TO jira"),
    (MANAGER, "postgres", "UPDATE telamon.replication SET standby = 'mine'"),
    (MANAGER, "postgres", PROGRAM),
    (READER, "jira", "DELETE FROM fileattachment"),
    (READER, "jira", "CREATE TABLE another (n int)"),
    (READER, "jira", "SET ROLE jira"),
    (READER, "postgres", "CREATE DATABASE another"),
    (READER, "postgres", "ALTER ROLE jira PASSWORD 'mine'"),
    (READER, "postgres", "SELECT pg_read_file('PG_VERSION')"),
    (READER, "postgres", "SELECT pg_promote()"),
    (READER, "postgres", PROGRAM),
)


@pytest.fixture(scope="module")
def site(module_root: Path) -> Iterator[Site]:
    """A product's database beside the roles that keep the cluster."""
    with backups.site(module_root, "jira", TRACKER) as made:
        yield made


@pytest.mark.parametrize(("role", "database", "statement"), REFUSED)
def test_what_is_not_its_own_work_is_refused(
    site: Site, role: ClusterRole, database: str, statement: str
) -> None:
    with closing(site.as_role(role).connect(database)) as connection:
        # Read-only sessions are a habit; what is refused here is refused whatever a session asks for.
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("role", "database"), [(OPERATOR, "jira"), (REPLICATOR, "jira"), (REPLICATOR, "postgres")]
)
def test_databases_that_it_has_no_business_in_stay_shut(site: Site, role: ClusterRole, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(
            host=site.server.host,
            port=site.server.port,
            user=role.name,
            password=site.server.password,
            dbname=database,
        )


def test_product_gets_into_no_database_but_its_own(site: Site) -> None:
    with closing(site.manager.connect()) as connection:
        postgres.make_login(connection, "jira", password="jira's", owner="jira")
    for database in bootstrap.SYSTEM_DATABASES:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(
                host=site.server.host,
                port=site.server.port,
                user="jira",
                password="jira's",
                dbname=database,
            )


def test_roles_made_again_are_the_same_and_take_the_new_password(site: Site) -> None:
    passwords = {role.name: site.server.password for role in OWN_ROLES}
    with closing(site.server.connect()) as connection:
        bootstrap.make_roles(connection, passwords={**passwords, READER.name: "another"})
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(
                host=site.server.host,
                port=site.server.port,
                user=READER.name,
                password=site.server.password,
                dbname="jira",
            )
        bootstrap.make_roles(connection, passwords=passwords)
    assert databases.size_of(site.shelf.server, "jira") > 0


def test_large_objects_are_dumped_by_the_reader_and_belong_to_the_owner_once_loaded(
    site: Site, root: Path
) -> None:
    with closing(site.connect()) as connection:
        connection.execute("SET ROLE jira")
        row = connection.execute("SELECT lo_from_bytea(0, 'kept'::bytea)").fetchone()
        assert row is not None
        number = row[0]
    target = root / "database.dump"
    with databases.still(site.shelf.server, "jira") as instant:
        databases.dump(site.shelf.server, instant, target=target)
    databases.load(site.manager, target, database="again", owner="jira", like="jira")
    with closing(site.server.connect("again")) as connection:
        found = connection.execute(
            "SELECT lo_get(oid), pg_get_userbyid(lomowner) FROM pg_largeobject_metadata WHERE oid = %s",
            (number,),
        ).fetchone()
    assert found == (b"kept", "jira")
    with databases.still(site.shelf.server, "again") as instant:
        assert instant.counts()["public.jiraissue"] == 20000, (
            "a loaded database can be read by the same roles"
        )
    databases.forget(site.manager, "again")


def test_a_database_in_use_is_dropped_by_the_manager(site: Site) -> None:
    with closing(site.manager.connect()) as connection:
        connection.execute("CREATE DATABASE used OWNER jira TEMPLATE template0")
    with closing(site.shelf.server.connect("used")) as reading:
        databases.forget(site.manager, "used")
        with pytest.raises(psycopg.OperationalError):
            reading.execute("SELECT 1")
    assert not databases.exists(site.manager, "used")


def test_cluster_of_an_earlier_release_is_handed_over(site: Site, root: Path) -> None:
    """There the superuser made everything, and noted the standby in a table of its own."""
    with scratch(
        root / "earlier", programs=site.server.bin, account=site.server.account, settings=SETTINGS
    ) as server:
        with closing(server.connect()) as connection:
            connection.execute("CREATE ROLE old LOGIN PASSWORD 'old'")
            connection.execute("CREATE ROLE old_turn LOGIN IN ROLE old")
            connection.execute("CREATE DATABASE old OWNER old TEMPLATE template0")
            connection.execute("REVOKE CONNECT, TEMPORARY ON DATABASE old FROM PUBLIC")
            connection.execute("CREATE SCHEMA telamon")
            connection.execute(
                "CREATE TABLE telamon.replication (only_one boolean PRIMARY KEY DEFAULT true,"
                " term bigint NOT NULL, standby text NOT NULL, mark pg_lsn NOT NULL)"
            )
            connection.execute("INSERT INTO telamon.replication VALUES (true, 7, 'database-1', '0/0')")
            bootstrap.make_roles(connection, passwords={role.name: server.password for role in OWN_ROLES})
        operator, manager, reader = (
            databases.Server(server.bin, server.host, server.port, role.name, server.password, server.account)
            for role in (OPERATOR, MANAGER, READER)
        )
        with closing(operator.connect()) as connection:
            assert connection.execute("SELECT term FROM telamon.replication").fetchone() == (7,)
            connection.execute("UPDATE telamon.replication SET term = 8")
        with closing(manager.connect()) as connection:
            assert postgres.end_login(connection, "old_turn") == 0
            postgres.make_login(connection, "old_turn", password="new", owner="old")
        target = root / "old.dump"
        with databases.still(reader, "old") as instant:
            databases.dump(reader, instant, target=target)
        databases.load(manager, target, database="old_incoming", owner="old", like="old")
        databases.swap(manager, live="old", incoming="old_incoming", outgoing="old_outgoing")
        databases.forget(manager, "old_outgoing")
        assert databases.size_of(reader, "old") > 0

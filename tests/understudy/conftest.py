"""Fixtures for the tests of the understudies: one PostgreSQL for all, a database for each test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.understudy.jirasupport import JiraCluster
from tests.understudy.support import PostgreSQL


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """A PostgreSQL server shared by the tests of a run; a test that kills it starts it again."""
    server = PostgreSQL.make()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def database_numbers() -> Iterator[int]:
    """Numbers for the names of databases, each given once."""
    return itertools.count(1)


@pytest.fixture
def database(postgres: PostgreSQL, database_numbers: Iterator[int]) -> Mapping[str, str]:
    """An empty database with a role of its own: JDBC url, user and password."""
    return postgres.create_database(f"u{os.getpid()}_{next(database_numbers)}")


@pytest.fixture
def jira(tmp_path: Path, database: Mapping[str, str]) -> Iterator[JiraCluster]:
    """A cluster of issue trackers without nodes yet."""
    cluster = JiraCluster(tmp_path, database)
    yield cluster
    for node in cluster.made:
        node.clean_up()

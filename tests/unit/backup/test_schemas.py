"""Schemas that change places: what is refused before anything changes, and in whose name rights are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from telamon.errors import PlatformError
from telamon.platforms.backup.database import INCOMING, OUTGOING, Server
from telamon.platforms.backup.schemas import LONGEST, aside, demand_movable


@dataclass(frozen=True)
class Rows:
    """What the server answers to one question."""

    rows: Sequence[tuple[Any, ...]]

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(iter(self.rows), None)

    def fetchall(self) -> Sequence[tuple[Any, ...]]:
        return self.rows


@dataclass(frozen=True)
class Answering(Server):
    """A server with one schema, on which the role ``_my_app_a`` acts as the owner ``my_app``."""

    creates: bool = True
    foreign: str = ""

    def connect(self, database: str = "postgres", *, autocommit: bool = True) -> Any:
        return self

    def __enter__(self) -> Answering:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def execute(self, statement: str, values: object = None) -> Rows:
        """Answer by what is asked for."""
        if "has_database_privilege" in statement:
            return Rows([("my_app", self.creates)])
        if "pg_has_role" in statement:
            return Rows([(self.foreign,)] if self.foreign else [])
        return Rows([] if "pg_extension" in statement else [("public",)])


def server(**given: Any) -> Answering:
    """It, as the role that nodes log in as."""
    return Answering("/programs", "db.acme.example", 5432, "_my_app_a", "secret", **given)


def test_what_is_all_the_owners_can_change_places() -> None:
    demand_movable(server(), "my_app")


def test_rights_are_asked_for_in_the_name_of_the_owner_whoever_has_logged_in() -> None:
    with pytest.raises(PlatformError) as lacking:
        demand_movable(server(creates=False), "my-app")
    assert 'GRANT CREATE ON DATABASE "my-app" TO "my_app"' in (lacking.value.remedy or "")
    with pytest.raises(PlatformError) as foreign:
        demand_movable(server(foreign="Public"), "my_app")
    assert 'ALTER SCHEMA "Public" OWNER TO "my_app"' in (foreign.value.remedy or "")
    assert "_my_app_a" not in f"{lacking.value} {lacking.value.remedy} {foreign.value} {foreign.value.remedy}"


@pytest.mark.parametrize("begin", [INCOMING, OUTGOING])
def test_a_name_that_the_server_would_cut_is_refused(begin: str) -> None:
    room = LONGEST - len(begin)
    assert aside("é" * (room // 2), begin=begin) == begin + "é" * (room // 2)
    for name in ("a" * (room + 1), "é" * (room // 2 + 1)):
        with pytest.raises(PlatformError, match="too long"):
            aside(name, begin=begin)

"""The servers of a lab go from one minor release of PostgreSQL to the next under writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from telamon.errors import MachineError
from telamon.naming import DATABASE
from telamon.plan.step import Wait
from tests.lab.programs import RELEASE, earlier
from tests.lab.support import tiny_stack, until
from tests.lab.test_database import FIRST, SECOND, Client, in_sync, record, writing
from tests.lab.world import World, kept

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(600)]


def served(client: Client) -> str:
    """The release of whoever takes writes, by its own word."""
    with client.connect() as connection:
        row = connection.execute("SHOW server_version").fetchone()
    assert row is not None
    return str(row[0])


def releases(world: World) -> dict[str, str | None]:
    """What each server runs, as the last look has it."""
    return {member.name: member.release for member in world.view(DATABASE).seen.members}


def held_back(world: World) -> str:
    """Why the database does not go on, or ""."""
    outcome = world.host.lanes()[DATABASE].outcome
    decision = outcome.decision if outcome is not None else None
    return decision.message if isinstance(decision, Wait) else ""


def test_servers_go_over_one_by_one_and_not_back(root: Path) -> None:
    programs = earlier(root / "beside")
    old, new = tiny_stack(platform={"databasePrograms": str(programs)}), tiny_stack()
    with kept(root, old, down=False) as world:
        with writing(world) as client:
            assert served(client) == RELEASE
            world.host.put(new, "test")
            until(lambda: in_sync(world, SECOND) and len(set(releases(world).values())) == 1, within=120)
            client.wait_for_more()
            after = served(client)
            assert set(releases(world).values()) == {after}
            assert _numbers(after) > _numbers(RELEASE)
            until(lambda: world.view(DATABASE).memory.release == after)
        world.host.put(old, "test")
        until(lambda: "is not taken back" in held_back(world))
        assert set(releases(world).values()) == {after}
        assert record(world).primary == SECOND
        world.host.put(new, "test")
        world.settle()
        assert record(world).synced == FIRST


def test_programs_of_another_major_release_are_refused_before_anything_starts(root: Path) -> None:
    programs = root / "beside"
    programs.mkdir()
    server = programs / "postgres"
    server.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 16.14'\n", encoding="utf-8")
    server.chmod(0o755)
    world = World(root, tiny_stack(platform={"databasePrograms": str(programs)}))
    try:
        with pytest.raises(MachineError, match=r"are of PostgreSQL 16\.14"):
            world.host.put(world.stack, "test")
    finally:
        world.leave()


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release))

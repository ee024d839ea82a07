"""The suite of the database that every platform keeps, on two real PostgreSQL servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from telamon.desired.component import ComponentDesired
from telamon.desired.in_force import InForce
from telamon.naming import DATABASE
from telamon.platforms.clock import SteadyClock
from telamon.platforms.lab.compiler import LabCompiler
from telamon.platforms.lab.platform import LabPlatform
from telamon.state.world import ComponentState
from tests.contract import database_suite
from tests.contract.database_suite import (
    DatabaseHarness,
    test_commits_wait_for_a_standby_until_they_wait_for_nobody,
    test_empty_server_is_made_once_and_is_a_primary,
    test_every_effect_of_a_hand_over_is_seen,
    test_fenced_twice_it_is_gone_at_once,
    test_own_roles_are_made_on_the_primary_and_its_standby_has_them,
    test_roles_are_not_made_on_a_server_that_does_not_run,
    test_server_that_runs_is_not_made_a_standby,
    test_server_without_data_does_not_start,
    test_standby_is_not_promoted_beside_a_living_primary,
)
from tests.lab.support import tiny_stack, until

__all__ = [
    "test_commits_wait_for_a_standby_until_they_wait_for_nobody",
    "test_empty_server_is_made_once_and_is_a_primary",
    "test_every_effect_of_a_hand_over_is_seen",
    "test_fenced_twice_it_is_gone_at_once",
    "test_own_roles_are_made_on_the_primary_and_its_standby_has_them",
    "test_roles_are_not_made_on_a_server_that_does_not_run",
    "test_server_that_runs_is_not_made_a_standby",
    "test_server_without_data_does_not_start",
    "test_standby_is_not_promoted_beside_a_living_primary",
]


@dataclass
class LabDatabase:
    """The lab under the suite."""

    platform: LabPlatform
    desired: ComponentDesired

    def until(self, holds: Callable[[ComponentState], bool]) -> ComponentState:
        """Let real time pass."""

        def look() -> ComponentState | None:
            seen = self.platform.observe(self.desired)
            return seen if holds(seen) else None

        found = until(look, within=60)
        assert found is not None
        return found


@pytest.fixture
def harness(root: Path) -> Iterator[DatabaseHarness]:
    """Two servers without data."""
    platform = LabPlatform(root, SteadyClock())
    components = LabCompiler(root, platform).install(tiny_stack(), InForce())
    yield LabDatabase(platform, next(found for found in components if found.name == DATABASE))
    platform.close()


def test_no_test_of_the_suite_is_left_out() -> None:
    assert set(database_suite.names(vars(database_suite))) == set(__all__)

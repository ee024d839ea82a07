"""The suite of the database on the memory platform; ``tests/lab`` runs the same on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from telamon.desired.component import ComponentDesired
from telamon.platforms.memory.clock import ManualClock
from telamon.platforms.memory.platform import MemoryPlatform
from telamon.state.world import ComponentState
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
from tests.support.stacks import INFRASTRUCTURE, database

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
class MemoryDatabase:
    """The memory platform under the suite."""

    clock: ManualClock
    platform: MemoryPlatform
    desired: ComponentDesired

    def until(self, holds: Callable[[ComponentState], bool]) -> ComponentState:
        """Let simulated time pass, up to ten minutes."""
        for _ in range(1_200):
            seen = self.platform.observe(self.desired)
            if holds(seen):
                return seen
            self.clock.sleep(0.5)
        raise AssertionError(f"never so: {self.platform.observe(self.desired)}")


@pytest.fixture
def harness() -> DatabaseHarness:
    """Two servers without data."""
    clock = ManualClock()
    desired = database(2)
    return MemoryDatabase(clock, MemoryPlatform(clock, {desired.name: INFRASTRUCTURE}), desired)

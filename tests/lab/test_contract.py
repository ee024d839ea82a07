"""The suite that every platform keeps, on real processes, a real balancer and a real database."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from telamon.desired.component import ComponentDesired
from telamon.desired.in_force import InForce
from telamon.errors import TemporaryError
from telamon.naming import DATABASE, EDGE
from telamon.platforms.clock import SteadyClock
from telamon.platforms.lab.compiler import LabCompiler
from telamon.platforms.lab.platform import LabPlatform
from telamon.state.phase import Phase
from telamon.state.world import ComponentState
from tests.contract import test_platform
from tests.contract.harness import Harness
from tests.contract.test_platform import (
    test_admitted_and_drained_twice,
    test_crash_is_not_a_stop,
    test_every_effect_that_is_predicted_is_seen,
    test_job_shows_and_ends,
    test_killed_at_once,
    test_nothing_lives_before_anything_was_started,
    test_objects_and_database_are_made_once,
    test_one_that_runs_is_not_forgotten,
    test_started_twice_it_lives_once,
    test_stopped_twice_it_is_gone_and_counts_as_asked,
    test_unknown_member_is_refused,
    test_work_that_nobody_wants_any_more_ends,
)
from tests.lab.support import strike, tiny_stack, until

__all__ = [
    "test_admitted_and_drained_twice",
    "test_crash_is_not_a_stop",
    "test_every_effect_that_is_predicted_is_seen",
    "test_job_shows_and_ends",
    "test_killed_at_once",
    "test_nothing_lives_before_anything_was_started",
    "test_objects_and_database_are_made_once",
    "test_one_that_runs_is_not_forgotten",
    "test_started_twice_it_lives_once",
    "test_stopped_twice_it_is_gone_and_counts_as_asked",
    "test_unknown_member_is_refused",
    "test_work_that_nobody_wants_any_more_ends",
]


@dataclass
class LabHarness:
    """The lab under the suite."""

    platform: LabPlatform
    desired: ComponentDesired
    job: str = "prepare-join"

    def until(self, holds: Callable[[ComponentState], bool]) -> ComponentState:
        """Let real time pass."""

        def look() -> ComponentState | None:
            seen = self.platform.observe(self.desired)
            return seen if holds(seen) else None

        found = until(look, within=60)
        assert found is not None
        return found

    def crash(self, member: str) -> None:
        """Kill its process from outside."""
        strike(self.platform._processes.seen()[member].pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def lab(module_root: Path) -> Iterator[LabPlatform]:
    """Database and balancers of a lab, ready; nothing of the application."""
    platform = LabPlatform(module_root, SteadyClock())
    compiler = LabCompiler(module_root, platform)
    for component in compiler.install(tiny_stack(), InForce()):
        if component.name not in {DATABASE, EDGE}:
            continue
        platform.apply(component)
        members = component.members
        if component.name == DATABASE:
            platform.establish(component, members[0].name)
            members = members[:1]
        for member in members:
            platform.start(component, member.name)
        if component.name == DATABASE:
            until(partial(_bootstrapped, platform, component))
        until(partial(_run, platform, component, len(members)))
    yield platform
    platform.close()


@pytest.fixture
def harness(lab: LabPlatform) -> Iterator[Harness]:
    """An application of which nothing runs."""
    part = lab._lab.part("tiny")
    assert part is not None
    yield LabHarness(lab, part.desired)
    for member in part.desired.members:
        lab.drain("tiny", member.name)
        lab.stop("tiny", member.name, grace=0)
        lab.stop("tiny", member.name, grace=0)
    until(lambda: not lab.observe(part.desired).members)


def test_no_test_of_the_suite_is_left_out() -> None:
    assert {name for name in vars(test_platform) if name.startswith("test_")} == set(__all__)


def _bootstrapped(platform: LabPlatform, component: ComponentDesired) -> bool:
    try:
        platform.bootstrap(component, component.members[0].name)
    except TemporaryError:
        return False
    return True


def _run(platform: LabPlatform, component: ComponentDesired, count: int) -> bool:
    seen = platform.observe(component)
    return [member.phase for member in seen.members] == [Phase.RUNNING] * count

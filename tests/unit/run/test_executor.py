"""What the executor does around a decision: record first, ask once, rest after failures, never act blindly."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import pytest

from telamon.desired.component import ComponentDesired
from telamon.errors import MachineError, PlatformError, TemporaryError
from telamon.plan.step import ApplyObjects, StartMember, Wait
from telamon.platforms.memory.clock import ManualClock
from telamon.platforms.memory.parts import Fault
from telamon.platforms.memory.platform import MemoryPlatform
from telamon.platforms.memory.store import MemoryJournal
from telamon.run.executor import STEP_VISIBLE_WITHIN, Executor
from telamon.state.world import ComponentState
from tests.support.stacks import INFRASTRUCTURE, database


@dataclass
class Stubborn(MemoryPlatform):
    """A platform whose verbs fail, or whose eyes do not see, as a test says."""

    fails: Exception | None = None
    blind: bool = False
    hangs: float = 0.0
    applied: int = 0

    def apply(self, desired: ComponentDesired) -> None:
        self.applied += 1
        self.clock.sleep(self.hangs)
        if self.fails is not None:
            raise self.fails
        if not self.blind:
            super().apply(desired)

    def observe(self, desired: ComponentDesired) -> ComponentState:
        if self.blind and self.fails is not None:
            raise self.fails
        return super().observe(desired)


@dataclass
class Rig:
    """An executor of the database on a stubborn platform."""

    clock: ManualClock
    platform: Stubborn
    journal: MemoryJournal
    executor: Executor


@pytest.fixture
def rig() -> Rig:
    """Nothing has happened yet."""
    clock, journal = ManualClock(), MemoryJournal()
    platform = Stubborn(clock, {"database": INFRASTRUCTURE})
    return Rig(clock, platform, journal, Executor("database", platform, journal, clock))


def kinds(rig: Rig) -> list[str]:
    """The journal, by kind."""
    return [entry.kind for entry in rig.journal.entries]


def test_intent_is_recorded_before_the_verb_and_the_outcome_after(rig: Rig) -> None:
    rig.platform.fails = RuntimeError("a defect, right inside the verb")
    with pytest.raises(RuntimeError):
        rig.executor.tick(database(), {})
    assert kinds(rig) == ["intent"]


def test_a_step_that_is_not_seen_yet_is_asked_for_once(rig: Rig) -> None:
    rig.platform.blind = True
    for _ in range(5):
        rig.executor.tick(database(), {})
    assert rig.platform.applied == 1
    outcome = rig.executor.tick(database(), {})
    assert isinstance(outcome.decision, Wait)
    assert outcome.decision.reason == "Acting"


def test_a_step_that_is_never_seen_is_asked_for_again(rig: Rig) -> None:
    rig.platform.blind = True
    rig.executor.tick(database(), {})
    rig.clock.sleep(STEP_VISIBLE_WITHIN + 1)
    rig.executor.tick(database(), {})
    assert rig.platform.applied == 2


def test_a_step_whose_verb_hung_for_long_has_its_time_to_be_seen(rig: Rig) -> None:
    rig.platform.blind, rig.platform.hangs = True, STEP_VISIBLE_WITHIN + 5
    rig.executor.tick(database(), {})
    rig.clock.sleep(1.0)
    outcome = rig.executor.tick(database(), {})
    assert isinstance(outcome.decision, Wait)
    assert (rig.platform.applied, outcome.decision.reason) == (1, "Acting")


def test_a_verb_that_hung_for_long_before_it_failed_is_rested_from(rig: Rig) -> None:
    rig.platform.fails, rig.platform.hangs = PlatformError("it broke off"), 40.0
    first = rig.executor.tick(database(), {})
    assert isinstance(first.decision, Wait)
    assert first.decision.seconds == pytest.approx(1.0)
    rig.clock.sleep(0.5)
    rig.executor.tick(database(), {})
    assert rig.platform.applied == 1
    rig.clock.sleep(0.6)
    rig.executor.tick(database(), {})
    assert rig.platform.applied == 2


def test_a_new_desire_does_not_wait_for_an_old_step(rig: Rig) -> None:
    rig.platform.blind = True
    rig.executor.tick(database(), {})
    rig.executor.tick(replace(database(), objects="o2"), {})
    assert rig.platform.applied == 2


def test_failures_rest_ever_longer_and_say_what_helps(rig: Rig) -> None:
    rig.platform.fails = MachineError("the disk is full", remedy="make room")
    first = rig.executor.tick(database(), {})
    assert (first.error, first.remedy) == ("the disk is full", "make room")
    tries = []
    for _ in range(200):
        before = rig.platform.applied
        rig.executor.tick(database(), {})
        if rig.platform.applied > before:
            tries.append(rig.clock.now())
        rig.clock.sleep(0.5)
    gaps = [later - sooner for sooner, later in itertools.pairwise(tries)]
    assert gaps == sorted(gaps)
    assert gaps[-1] >= 30


def test_a_temporary_failure_says_itself_when_to_try_again(rig: Rig) -> None:
    rig.platform.fails = TemporaryError("busy", delay=7.0)
    rig.executor.tick(database(), {})
    rig.platform.fails = None
    rig.clock.sleep(6.5)
    assert isinstance(rig.executor.tick(database(), {}).decision, Wait)
    rig.clock.sleep(1.0)
    assert isinstance(rig.executor.tick(database(), {}).decision, ApplyObjects)


def test_retry_ends_the_rest(rig: Rig) -> None:
    rig.platform.fails = PlatformError("no")
    for _ in range(5):
        rig.executor.tick(database(), {})
        rig.clock.sleep(40)
    rig.executor.tick(database(), {})
    rig.platform.fails = None
    rig.executor.retry()
    assert isinstance(rig.executor.tick(database(), {}).decision, ApplyObjects)


def test_what_cannot_be_observed_is_left_alone(rig: Rig) -> None:
    rig.platform.blind, rig.platform.fails = True, PlatformError("the socket is gone")
    outcome = rig.executor.tick(database(), {})
    assert isinstance(outcome.decision, Wait)
    assert outcome.decision.reason == "Unobservable"
    assert kinds(rig) == []


def test_a_crash_is_recorded_before_it_is_healed(rig: Rig) -> None:
    while not isinstance(rig.executor.tick(database(), {}).decision, StartMember):
        rig.clock.sleep(0.5)
    rig.clock.sleep(5)
    rig.executor.tick(database(), {})
    assert rig.platform.strike("database", "database-0", fault=Fault.CRASH)
    while not isinstance(rig.executor.tick(database(), {}).decision, StartMember):
        rig.clock.sleep(0.5)
    failure = kinds(rig).index("failure")
    assert kinds(rig)[failure : failure + 3] == ["failure", "intent", "outcome"]
    assert rig.executor.restarts == {"database-0": 1}


def test_a_new_desire_does_not_rest_from_what_failed_for_the_old_one(rig: Rig) -> None:
    rig.platform.fails = PlatformError("there is no such member")
    rig.executor.tick(database(), {})
    rig.platform.fails = None
    outcome = rig.executor.tick(replace(database(), objects="o2"), {})
    assert isinstance(outcome.decision, ApplyObjects)

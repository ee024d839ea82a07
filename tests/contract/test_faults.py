"""The suite of faults on the memory platform; tests/lab runs it on real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from telamon.errors import MachineError
from telamon.naming import WRITER
from telamon.plan.fault import CorruptIndex, CutLink, FullDisk, KillController, Throttle
from telamon.platforms.memory.faults import MemoryFaults
from telamon.state.classify import Condition
from telamon.state.phase import Phase
from telamon.state.world import Life, MemberState
from tests.contract.faults_suite import (
    Harness,
    test_killed_member_dies_once,
    test_made_twice_it_is_there_once_and_ends_once,
    test_nobody_cannot_be_hurt,
    test_one_that_dies_whenever_it_starts_lives_again_when_that_is_over,
    test_two_faults_cannot_have_one_name,
    test_what_has_no_end_is_refused,
    test_what_nobody_ends_ends_by_itself,
)
from tests.support.stacks import World, world

__all__ = [
    "test_killed_member_dies_once",
    "test_made_twice_it_is_there_once_and_ends_once",
    "test_nobody_cannot_be_hurt",
    "test_one_that_dies_whenever_it_starts_lives_again_when_that_is_over",
    "test_two_faults_cannot_have_one_name",
    "test_what_has_no_end_is_refused",
    "test_what_nobody_ends_ends_by_itself",
]
OTHER = "tracker-0"


@dataclass
class MemoryHarness:
    """A small stack that is kept, in simulated time."""

    world: World = field(default_factory=world)
    member: str = "tracker-1"

    def __post_init__(self) -> None:
        self.world.run()
        self.faults = MemoryFaults(self.world.platform, self.world.clock)

    def seen(self, member: str) -> MemberState:
        found = self.world.platform.observe(self.world.desired["tracker"]).member(member)
        assert found is not None
        return found

    def life(self) -> object:
        found = self.seen(self.member)
        return found.started if found.life is Life.ALIVE else None

    def silent(self) -> bool:
        found = self.seen(self.member)
        return found.life is Life.ALIVE and found.phase is Phase.UNREACHABLE

    def until(self, holds: Callable[[], bool]) -> None:
        self.world.run_until(holds)


@pytest.fixture
def memory() -> MemoryHarness:
    return MemoryHarness()


@pytest.fixture
def harness(memory: MemoryHarness) -> Iterator[Harness]:
    yield memory
    memory.faults.calm()
    memory.world.run()


def test_members_that_are_cut_off_lose_their_database_until_it_is_over(memory: MemoryHarness) -> None:
    memory.faults.disturb(CutLink("tracker-*", WRITER), name="cut", seconds=60)
    assert {memory.seen(name).database_lost_since is None for name in (OTHER, memory.member)} == {False}
    memory.faults.calm("cut")
    assert {memory.seen(name).database_lost_since is None for name in (OTHER, memory.member)} == {True}


def test_torn_index_stays_torn_until_the_node_recovers_it(memory: MemoryHarness) -> None:
    memory.faults.disturb(CorruptIndex(memory.member, "index"), name="torn", seconds=5)
    memory.faults.calm()
    made = memory.world
    view = made.outcomes["tracker"].view
    assert view.condition(memory.seen(memory.member)) is Condition.INDEX_BROKEN
    made.run()
    assert memory.member in made.serving_members("tracker")


@pytest.mark.parametrize("fault", [FullDisk("tracker-1"), Throttle("tracker-1", 0.5), KillController()])
def test_what_a_simulated_stack_does_not_have_is_said(memory: MemoryHarness, fault: FullDisk) -> None:
    assert "simulated" in memory.faults.lacks(fault)
    with pytest.raises(MachineError, match="simulated"):
        memory.faults.disturb(fault, name="one", seconds=5)
    assert memory.faults.active() == ()

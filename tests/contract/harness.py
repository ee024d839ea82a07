"""What the platform suite needs of an adapter under test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from telamon.desired.component import ComponentDesired
from telamon.plan.view import Memory, View
from telamon.platforms.memory.clock import ManualClock
from telamon.platforms.memory.parts import Behaviour, Fault
from telamon.platforms.memory.platform import MemoryPlatform
from telamon.ports import Platform
from telamon.state.world import ComponentState, MemberState
from tests.support.stacks import product


class Harness(Protocol):
    """An adapter with one component of two members, none of which runs yet."""

    desired: ComponentDesired
    job: str
    """A call that the component can take."""

    @property
    def platform(self) -> Platform:
        """The adapter."""

    def until(self, holds: Callable[[ComponentState], bool]) -> ComponentState:
        """Let time pass until the picture is as asked; fails with the last picture where it never is."""

    def crash(self, member: str) -> None:
        """End a member without asking it."""


@dataclass
class MemoryHarness:
    """The memory platform under the suite."""

    clock: ManualClock
    platform: MemoryPlatform
    desired: ComponentDesired
    job: str = "prepare-join"

    @classmethod
    def fresh(cls) -> MemoryHarness:
        """A new world."""
        clock = ManualClock()
        desired = replace(product(2), account=False)
        return cls(clock, MemoryPlatform(clock, {desired.name: Behaviour(set_up=False)}), desired)

    def until(self, holds: Callable[[ComponentState], bool]) -> ComponentState:
        """Let simulated time pass, up to ten minutes."""
        for _ in range(1_200):
            seen = self.platform.observe(self.desired)
            if holds(seen):
                return seen
            self.clock.sleep(0.5)
        raise AssertionError(f"never so: {self.platform.observe(self.desired)}")

    def crash(self, member: str) -> None:
        """Strike it."""
        assert self.platform.strike(self.desired.name, member, fault=Fault.CRASH)


def view_of(harness: Harness, seen: ComponentState) -> View:
    """A view without neighbours or memory, at the instant of the picture."""
    return View(harness.desired, seen, Memory(), seen.at)


def member(seen: ComponentState, name: str) -> MemberState:
    """A member, which must have been seen."""
    found = seen.member(name)
    assert found is not None, seen
    return found

"""A copy of another stack starts nothing on data that could act as the original, wherever it is interrupted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telamon.plan.cloning import QUIET, QUIETEN, SEEDED
from telamon.plan.step import Admit, Begin, Call, Record, StartMember, Step
from telamon.plan.works.clone import SeedClone
from telamon.platforms.memory.parts import Behaviour
from tests.support.replay import forks
from tests.support.stacks import World, product, world

BACKUP = "tracker-20260312T101500Z"


def a_copy() -> World:
    """A stack that was never started, and begins with a backup of another one."""
    stack = world()
    stack.desired["tracker"] = replace(product(2), seed=BACKUP, quietens=True)
    return stack


def position(steps: list[Step], kind: type[Step], *, fact: str = "") -> int:
    """Where the first step of a kind stands that is about the product."""
    return next(
        number
        for number, step in enumerate(steps)
        if isinstance(step, kind)
        and getattr(step, "component", "") == "tracker"
        and (not fact or getattr(step, "fact", "") == fact)
    )


def expect_quiet(steps: list[Step]) -> None:
    """Data before nodes, quiet before users, each of it once."""
    assert position(steps, Record, fact=SEEDED) < position(steps, StartMember)
    assert position(steps, Record, fact=QUIET) < position(steps, Admit)
    assert [step for step in steps if isinstance(step, Call) and step.call == "set-up"] == []


def test_copy_starts_on_its_data_and_is_quiet_before_users_come() -> None:
    stack = a_copy()
    stack.run()
    expect_quiet(stack.steps)
    assert sum(isinstance(step, Begin) and isinstance(step.work, SeedClone) for step in stack.steps) == 1
    assert stack.calls(QUIETEN) == 1
    assert len(stack.outcomes["tracker"].view.serving()) == 2


def test_controller_may_die_after_any_step() -> None:
    for prefix in tuple(forks(a_copy())):
        other = prefix.fork()
        other.restart_controller()
        other.run()
        expect_quiet(other.steps)
        assert len(other.outcomes["tracker"].view.serving()) == 2


def test_copy_whose_data_cannot_be_put_in_place_starts_nothing() -> None:
    stack = a_copy()
    stack.tick()
    stack.platform.behave("tracker", Behaviour(failing_works=frozenset({SeedClone.kind})))
    with pytest.raises(AssertionError, match="SeedFailed"):
        stack.run(seconds=60.0)
    assert not [step for step in stack.steps if isinstance(step, StartMember) and step.component == "tracker"]


def test_stack_with_data_of_its_own_never_becomes_a_copy() -> None:
    stack = world()
    stack.run()
    stack.steps.clear()
    stack.desired["tracker"] = replace(stack.desired["tracker"], seed=BACKUP, quietens=True)
    stack.run()
    assert stack.steps == []

"""A plan replayed: the world after each of its steps, and what can happen to it there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from telamon.desired.component import ComponentDesired
from telamon.platforms.memory.parts import Fault
from telamon.state.world import ComponentKind
from tests.support.stacks import LOOK, World

MOST_PASSES = 4_000
"""Passes after which a plan that nobody disturbs must have ended."""


def forks(stack: World) -> Iterator[World]:
    """The world after 0, 1, 2 … steps of what it is about to do, up to its end.

    Raises:
        AssertionError: it does not come to an end.
    """
    yield stack.fork()
    for _ in range(MOST_PASSES):
        acted = False
        for name in tuple(stack.desired):
            if stack.look_at(name):
                acted = True
                stack.compile_again()
                yield stack.fork()
        if stack.settled():
            return
        if not acted:
            stack.clock.sleep(LOOK)
    raise AssertionError(f"no end: {[outcome.decision for outcome in stack.outcomes.values()]}")


def after(passes: int, begin: Callable[[], World]) -> World:
    """The world some passes after a begin that is always the same."""
    return _after(passes, begin).fork()


@functools.cache
def _after(passes: int, begin: Callable[[], World]) -> World:
    if not passes:
        return begin()
    stack = after(passes - 1, begin)
    stack.tick()
    return stack


def alive(stack: World) -> tuple[tuple[str, str], ...]:
    """Every member that lives, after its component."""
    return stack.platform.alive()


def can_happen(fault: Fault, component: ComponentDesired) -> bool:
    """Whether members of a component have what the fault is about."""
    match fault:
        case Fault.LEAVE_CLUSTER:
            return component.clustered
        case Fault.BREAK_INDEX:
            return component.indexed
        case Fault.LOSE_DATABASE:
            return component.kind is not ComponentKind.DATABASE
        case _:
            return True


def in_turn(stack: World, place: int) -> Iterator[tuple[str, str, Fault]]:
    """Every member that lives, after its component, and one thing that can happen to it: another one at each place."""
    for number, (component, member) in enumerate(alive(stack)):
        possible = [fault for fault in Fault if can_happen(fault, stack.desired[component])]
        yield component, member, possible[(place + number) % len(possible)]

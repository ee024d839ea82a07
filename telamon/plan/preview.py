"""What would be done, step by step, before anything is done.

The same rules that act are asked, and each answer's predicted effect is taken for real, until nothing is left to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from telamon.plan import effects
from telamon.plan.decide import attend, next_step
from telamon.plan.step import (
    Done,
    Finished,
    Forget,
    Record,
    StartMember,
    Step,
    StopMember,
    Wait,
    describe,
    member_of,
)
from telamon.plan.view import View

MOST_STEPS = 2_000
"""A plan that is longer than this does not end; the property tests look for one."""

SETTLING = 30.0
"""Predicted seconds between two rounds, enough for back-off to run out within a few of them."""

ROUNDS_WITHOUT_A_STEP = 12
"""Rounds of waiting after which what is left is reported as waiting."""


@dataclass(frozen=True)
class PlannedStep:
    """One step of a preview."""

    component: str
    member: str
    step: str
    because: str


@dataclass(frozen=True)
class PlannedWait:
    """What a component would be left waiting for."""

    component: str
    reason: str
    message: str


@dataclass(frozen=True)
class PlannedRestart:
    """Members of a component that would be restarted, in that order."""

    component: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """Steps in the order in which they would be taken (components go side by side), and what would stay undone."""

    steps: tuple[PlannedStep, ...]
    waits: tuple[PlannedWait, ...]
    restarts: tuple[PlannedRestart, ...] = ()


def unfold(views: Mapping[str, View]) -> Preview:
    """Unfold the plan of a whole stack.

    Args:
        views: every component as desired and as seen now; neighbours are derived.

    Returns:
        The steps to come; facts that are only recorded are left out.
    """
    current = dict(views)
    steps: list[PlannedStep] = []
    taken: list[Step] = []
    idle = 0
    while idle < ROUNDS_WITHOUT_A_STEP and len(steps) < MOST_STEPS:
        took = False
        for name in current:
            view = _with_neighbours(current, name)
            decision = next_step(view)
            if isinstance(decision, Finished):
                took = True
                view = _concluded(view)
            elif not isinstance(decision, Wait | Done):
                took = True
                steps.extend(_shown(decision))
                taken.append(decision)
                after = effects.apply(decision, attend(view))
                view = replace(view, seen=after.seen, memory=after.memory)
            current[name] = view
        if took:
            idle = 0
            continue
        if all(isinstance(next_step(_with_neighbours(current, name)), Done) for name in current):
            break
        idle += 1
        current = {name: _later(view) for name, view in current.items()}
    return Preview(tuple(steps), tuple(_left(current)), tuple(_restarts(taken)))


def _concluded(view: View) -> View:
    """The view after the end of its operation: what it has brought into force is what is desired."""
    wanted = view.desired.upgrade
    if wanted is None or view.memory.release != wanted.to_release:
        return replace(view, operation=None)
    desired = replace(view.desired, members=wanted.members, upgrade=None)
    return replace(view, desired=desired, operation=None)


def _with_neighbours(current: Mapping[str, View], name: str) -> View:
    standings = {other: view.standing() for other, view in current.items()}
    return replace(current[name], neighbours=standings)


def _later(view: View) -> View:
    settled = effects.settle(attend(view))
    return replace(view, seen=settled.seen, now=view.now + SETTLING)


def _shown(step: Step) -> list[PlannedStep]:
    if isinstance(step, Record | Forget):
        return []
    return [PlannedStep(step.component, member_of(step) or "", describe(step), step.because)]


def _restarts(taken: Sequence[Step]) -> Iterator[PlannedRestart]:
    """Members that are stopped and started again, in the order in which they are stopped."""
    stopped: dict[str, dict[str, bool]] = {}
    for step in taken:
        if isinstance(step, StopMember):
            stopped.setdefault(step.component, {}).setdefault(step.member, False)
        elif isinstance(step, StartMember) and step.member in stopped.get(step.component, {}):
            stopped[step.component][step.member] = True
    for component, members in stopped.items():
        again = tuple(member for member, started in members.items() if started)
        if again:
            yield PlannedRestart(component, again)


def _left(current: Mapping[str, View]) -> list[PlannedWait]:
    left = []
    for name in current:
        decision = next_step(_with_neighbours(current, name))
        if isinstance(decision, Wait):
            left.append(PlannedWait(name, decision.reason, decision.message))
    return left

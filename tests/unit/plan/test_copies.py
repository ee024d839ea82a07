"""Members that hold copies of one another's data leave one by one, and only while every copy is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telamon.desired.component import ComponentDesired
from telamon.plan.checks import refusals
from telamon.plan.preview import unfold
from telamon.plan.step import Done, StopMember, Wait
from telamon.plan.view import Memory, View
from telamon.platforms.memory.parts import Behaviour, Fault
from telamon.state.phase import Phase
from telamon.state.world import ComponentKind, ComponentState, Copies, Life, MemberState
from tests.support.stacks import World, members, world

NAME = "tracker-search"
COPYING = 40.0
"""Seconds from RUNNING until a node has all of its copies."""


def search(count: int = 3, *, revision: str = "r1") -> ComponentDesired:
    """A search cluster."""
    return ComponentDesired(
        NAME,
        ComponentKind.COMPANION,
        "tracker",
        members(NAME, count, revision=revision),
        "o1",
        rotates=False,
        keeps_copies=True,
    )


def running(count: int = 3) -> World:
    """One that is whole."""
    made = world(search(count))
    made.platform.behaviours = {
        NAME: Behaviour(start=2.0, stop=1.0, catch_up=COPYING, clustered=False, indexed=False, set_up=False)
    }
    made.run()
    made.steps.clear()
    return made


def stops(made: World) -> list[tuple[str, bool]]:
    """Run until all is settled: who was stopped, and whether every copy was there at that instant."""
    found: list[tuple[str, bool]] = []
    while not made.settled() or not found:
        whole = made.platform.observe(made.desired[NAME]).copies
        before = len(made.steps)
        made.tick()
        assert whole is not None
        found += [(step.member, whole.whole) for step in made.steps[before:] if isinstance(step, StopMember)]
        assert made.clock.now() < 5_000, made.outcomes[NAME].decision
    return found


def test_another_configuration_reaches_one_after_the_other_each_once_the_copies_are_whole() -> None:
    made = running()
    made.desire(search(revision="r2"))
    found = stops(made)
    assert sorted(name for name, _ in found) == [f"{NAME}-{n}" for n in range(3)]
    assert all(whole for _, whole in found)


def test_a_restart_that_is_asked_for_waits_for_the_copies_too() -> None:
    made = running()
    made.operate(NAME, "restart")
    found = stops(made)
    assert len(found) == 3
    assert all(whole for _, whole in found)


def test_nodes_that_are_too_many_leave_one_by_one_too() -> None:
    made = running()
    made.desire(search(1))
    found = stops(made)
    assert [name for name, _ in found] == [f"{NAME}-2", f"{NAME}-1"]
    assert all(whole for _, whole in found)


def test_it_is_not_done_before_every_copy_is_there() -> None:
    made = running()
    made.platform.strike(NAME, f"{NAME}-1", fault=Fault.CRASH)
    made.tick()
    reasons = set()
    while not isinstance(made.outcomes[NAME].decision, Done):
        decision = made.outcomes[NAME].decision
        reasons |= {decision.reason} if isinstance(decision, Wait) else set()
        made.tick()
    assert "Replicating" in reasons


def test_a_plan_shows_every_restart_of_a_cluster_that_is_whole() -> None:
    made = running()
    desired = search(revision="r2")
    seen = made.platform.observe(desired)
    preview = unfold({NAME: View(desired, seen, made.outcomes[NAME].view.memory, made.clock.now())})
    stopped = [step.member for step in preview.steps if "stop" in step.step.lower()]
    assert sorted(stopped) == [f"{NAME}-{n}" for n in range(3)]
    assert not preview.waits


def view(copies: Copies | None, *, count: int, wanted: int) -> View:
    """Some members that run, of a component that wants some."""
    alive = tuple(
        MemberState(f"{NAME}-{n}", n, life=Life.ALIVE, phase=Phase.RUNNING, started=0.0, admitted=True)
        for n in range(count)
    )
    desired = search(wanted)
    return View(desired, ComponentState(NAME, desired.kind, 0.0, members=alive, copies=copies), Memory(), 0.0)


MISSING = Copies(whole=False, detail="1 shard is missing")


@pytest.mark.parametrize(
    ("copies", "count", "wanted", "refused"),
    [
        (MISSING, 3, 3, True),
        (Copies(whole=True), 3, 3, False),
        (None, 3, 3, False),
        # The second of two holds what the first one lacks.
        (MISSING, 2, 1, True),
        # Nobody else has what the only one has, and yellow is all that one alone can be.
        (MISSING, 1, 1, False),
        # Of three that should be there the last one has everything.
        (MISSING, 1, 3, True),
        (MISSING, 3, 0, False),
    ],
)
def test_who_may_leave(copies: Copies | None, count: int, wanted: int, refused: bool) -> None:
    step = StopMember(NAME, f"{NAME}-0", "its configuration changed")
    found = [
        each
        for each in refusals(step, view(copies, count=count, wanted=wanted))
        if each.guard == "copies-are-whole"
    ]
    assert bool(found) is refused
    assert all("1 shard is missing" in each.message for each in found)


def test_a_sick_one_is_stopped_all_the_same() -> None:
    step = StopMember(NAME, f"{NAME}-0", "it does not answer", kill=True, failure=True)
    assert not refusals(step, view(MISSING, count=3, wanted=3))


def test_what_nobody_knows_is_not_whole() -> None:
    unknown = replace(MISSING, detail="its nodes cannot be asked: the secret search has no key password")
    step = StopMember(NAME, f"{NAME}-0", "its configuration changed")
    found = refusals(step, view(unknown, count=3, wanted=3))
    assert "the secret search has no key password" in found[0].message

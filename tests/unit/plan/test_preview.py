"""A preview names what will be done, in the words and the order in which it is done."""

from __future__ import annotations

from telamon.plan.preview import PlannedRestart, unfold
from telamon.plan.step import Record, describe
from telamon.plan.view import Memory, View
from telamon.state.world import ComponentState
from tests.support.stacks import World, database, product, world


def views(stack: World) -> dict[str, View]:
    """The stack as seen now, before any pass of a new controller."""
    return {
        name: View(
            desired,
            stack.platform.observe(desired),
            stack.executors[name].memory,
            stack.clock.now(),
        )
        for name, desired in stack.desired.items()
    }


def test_preview_of_a_first_start_is_what_then_happens() -> None:
    stack = world(database(), product())
    foreseen = unfold(views(stack))
    stack.run()
    happened = {name: [] for name in stack.desired}  # type: dict[str, list[str]]
    for step in stack.steps:
        if not isinstance(step, Record):
            happened[step.component].append(describe(step))
    for name, steps in happened.items():
        assert [step.step for step in foreseen.steps if step.component == name] == steps
    assert foreseen.waits == ()


def test_preview_of_a_change_drains_before_it_stops() -> None:
    stack = world(database(), product())
    stack.run()
    stack.desired["tracker"] = product(revision="r2")
    assert [step.step for step in unfold(views(stack)).steps] == [
        "drain tracker-0",
        "stop tracker-0",
        "start tracker-0",
        "admit tracker-0 to the front door",
        "drain tracker-1",
        "stop tracker-1",
        "start tracker-1",
        "admit tracker-1 to the front door",
    ]


def test_preview_of_a_change_says_who_is_restarted_in_which_order() -> None:
    stack = world(database(), product())
    assert unfold(views(stack)).restarts == ()
    stack.run()
    stack.desired["tracker"] = product(revision="r2")
    assert unfold(views(stack)).restarts == (PlannedRestart("tracker", ("tracker-0", "tracker-1")),)


def test_preview_of_nothing_to_do_is_empty() -> None:
    stack = world()
    stack.run()
    foreseen = unfold(views(stack))
    assert foreseen.steps == ()
    assert foreseen.waits == ()


def test_preview_says_what_would_be_left_waiting() -> None:
    tracker = product()
    alone = View(tracker, ComponentState("tracker", tracker.kind, 0.0), Memory(), 0.0)
    foreseen = unfold({"tracker": alone})
    assert [(wait.component, wait.reason) for wait in foreseen.waits] == [("tracker", "WaitingForDatabase")]

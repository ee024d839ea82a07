"""What the database writes is kept where that is asked for, and nothing else depends on it."""

from __future__ import annotations

from dataclasses import replace

from telamon.plan.step import Begin, Wait
from telamon.plan.works.backup import KeepLog
from tests.support.stacks import World, database, edge, product, world


def running_world(*, keeps: bool) -> World:
    """A small stack that runs."""
    made = world(replace(database(), keeps_log=keeps), edge(), product(2))
    made.run()
    return made


def begun(made: World) -> int:
    """How often the log was begun to be kept."""
    return sum(1 for step in made.steps if isinstance(step, Begin) and isinstance(step.work, KeepLog))


def test_log_is_kept_where_it_is_asked_for_and_begun_once() -> None:
    assert begun(running_world(keeps=True)) == 1
    assert begun(running_world(keeps=False)) == 0


def test_a_log_that_cannot_be_kept_is_told_and_tried_again_while_users_are_served() -> None:
    made = world(replace(database(), keeps_log=True), edge(), product(2))
    made.run_until(lambda: begun(made) == 1)
    component = made.platform._components["database"]
    component.behaviour = replace(component.behaviour, failing_works=frozenset({KeepLog.kind}))
    made.run_until(lambda: _waits_for_the_log(made))
    made.run_until(lambda: begun(made) == 2)
    made.run_until(lambda: made.serving("tracker") == 2)
    component.behaviour = replace(component.behaviour, failing_works=frozenset())
    made.run()


def _waits_for_the_log(made: World) -> bool:
    decision = made.outcomes["database"].decision
    return isinstance(decision, Wait) and decision.reason == "LogNotKept"

"""What somebody has changed by hand of a component's objects is put right, unless somebody has said to leave it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from telamon.model.status import StackStatus
from telamon.operator.report import Lane, Transitions, stack_status
from telamon.plan.decide import next_step
from telamon.plan.step import ApplyObjects, Done
from telamon.plan.view import View
from telamon.run.executor import Outcome
from tests.support.stacks import World, companion, database, edge, product, world

CHANGED = "differs: Service/tracker"


@pytest.fixture
def made() -> World:
    """A stack that is as it is desired, and of which a product is left to drift."""
    found = world(database(), edge(), replace(product(2), leaves_drift=True), companion())
    found.run()
    return found


def seen_as(made: World, objects: str | None) -> View:
    """The product, with its objects as somebody has left them."""
    view = made.view("tracker")
    return view.with_seen(replace(view.seen, objects=objects))


def told(view: View) -> StackStatus:
    """What is reported of it."""
    lanes = {"tracker": Lane(Outcome(view, Done()), 1, {})}
    now = datetime(2026, 11, 20, tzinfo=UTC)
    return stack_status(lanes, generation=1, now=now, transitions=Transitions(), urls={})


def test_it_is_told_and_left(made: World) -> None:
    view = seen_as(made, CHANGED)
    assert next_step(view) == Done()
    status = told(view)
    assert CHANGED in status.components[0].message
    (drifted,) = [each for each in status.conditions if each.type == "Drifted"]
    assert (drifted.status, drifted.message) == ("True", f"tracker: {CHANGED}")
    assert {each.type: each.status for each in status.conditions}["Ready"] == "True"
    assert seen_as(made, None).drift == "all of its objects are gone"


def test_where_nothing_was_changed_nothing_is_told(made: World) -> None:
    view = made.view("tracker")
    assert view.drift == ""
    assert [each.status for each in told(view).conditions if each.type == "Drifted"] == ["False"]
    usual = replace(view, desired=replace(view.desired, leaves_drift=False))
    assert not [each for each in told(usual).conditions if each.type == "Drifted"]


def test_what_is_desired_anew_is_applied_all_the_same(made: World) -> None:
    view = seen_as(made, CHANGED)
    anew = replace(view, desired=replace(view.desired, objects="o2"))
    assert isinstance(next_step(anew), ApplyObjects)


def test_without_that_word_it_is_put_right(made: World) -> None:
    view = seen_as(made, CHANGED)
    usual = replace(view, desired=replace(view.desired, leaves_drift=False))
    assert isinstance(next_step(usual), ApplyObjects)


def test_what_was_never_applied_is(made: World) -> None:
    view = seen_as(made, None)
    begin = replace(view, memory=view.memory.without_fact(f"applied:{view.desired.objects}"))
    assert isinstance(next_step(begin), ApplyObjects)

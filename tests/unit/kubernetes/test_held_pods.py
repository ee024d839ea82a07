"""A pod that does not end because its machine is silent: it is left, and people are told what they can do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from telamon.desired.kubernetes.data import Object
from telamon.plan.converge import wait_for_the_busy
from telamon.plan.step import Wait
from telamon.platforms.kubernetes.pods import OVERDUE, held
from telamon.state.world import Life
from tests.support.stacks import companion, database, edge, product, world

DUE = datetime(2026, 11, 20, 9, 0, 0, tzinfo=UTC)


def ending(**spec: str) -> Object:
    """A pod that was asked to end, and should have by now."""
    return {"metadata": {"name": "jira-1", "deletionTimestamp": "2026-11-20T09:00:00Z"}, "spec": spec}


@pytest.mark.parametrize(
    ("late", "says"),
    [(-20.0, False), (0.0, False), (OVERDUE - 1, False), (OVERDUE + 1, True)],
    ids=["has time", "is due", "clocks may differ", "is overdue"],
)
def test_a_machine_is_named_once_it_has_no_excuse(late: float, *, says: bool) -> None:
    words = held(ending(nodeName="machine-1"), DUE.timestamp() + late)
    assert bool(words) is says
    assert not says or ("machine-1" in words and "node.kubernetes.io/out-of-service" in words)


def test_one_that_no_machine_has_or_that_goes_on_is_held_by_nobody() -> None:
    late = DUE.timestamp() + 1000
    assert held(ending(), late) == ""
    assert held({"metadata": {"name": "jira-1"}, "spec": {"nodeName": "machine-1"}}, late) == ""


def test_whoever_waits_is_told_for_what() -> None:
    made = world(database(), edge(), product(2), companion())
    made.run()
    view = made.view("tracker")
    members = [
        replace(member, life=Life.ENDING, held="the machine m does not say that it has ended")
        if member.name == "tracker-1"
        else member
        for member in view.seen.members
    ]
    changed = replace(view, seen=replace(view.seen, members=tuple(members)))
    (wait,) = wait_for_the_busy(changed)
    assert isinstance(wait, Wait)
    assert wait.message == "tracker-1 is Stopping: the machine m does not say that it has ended"

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


def starting(**status: object) -> Object:
    """A pod that does not run yet."""
    began = {"startTime": "2026-11-20T09:00:00Z", **status}
    return {"metadata": {"name": "jira-1", "namespace": "acme-jira"}, "spec": {}, "status": began}


def waiting(reason: str, message: str = "") -> dict[str, object]:
    """The status of a container that waits."""
    return {"name": "main", "state": {"waiting": {"reason": reason, "message": message}}}


@pytest.mark.parametrize(
    ("pod", "says"),
    [
        (
            starting(
                conditions=[
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes fit",
                    }
                ]
            ),
            "no machine can take it: 0/3 nodes fit",
        ),
        (
            starting(containerStatuses=[waiting("ImagePullBackOff", "no such image")]),
            "its image cannot be pulled (ImagePullBackOff): no such image",
        ),
        (
            starting(initContainerStatuses=[waiting("CreateContainerConfigError", 'secret "x" not found')]),
            'its container cannot be made (CreateContainerConfigError): secret "x" not found',
        ),
        (
            starting(containerStatuses=[waiting("ContainerCreating")]),
            "kubectl describe pod jira-1 --namespace acme-jira",
        ),
    ],
    ids=["a full cluster", "no image", "no secret", "a volume in use"],
)
def test_what_keeps_a_pod_from_starting_is_told_in_its_own_words(pod: Object, says: str) -> None:
    assert says in held(pod, DUE.timestamp() + 120)


def test_a_pod_that_starts_as_pods_do_is_held_by_nobody() -> None:
    assert held(starting(containerStatuses=[waiting("ContainerCreating")]), DUE.timestamp() + 20) == ""
    assert (
        held(starting(containerStatuses=[{"name": "main", "state": {"running": {}}}]), DUE.timestamp() + 120)
        == ""
    )
    gated = starting(conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}])
    assert held(gated, DUE.timestamp() + 120) == ""


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

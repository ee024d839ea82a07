"""A volume that is in use, a quota that is used up: what only events tell is told of the pod that it concerns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from telamon.desired.kubernetes.data import Object
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.hindrances import LASTS, PREPARED_WITHIN, Hindrances
from telamon.platforms.memory.clock import ManualClock

BEGAN = datetime(2026, 11, 20, 9, 0, 0, tzinfo=UTC)
LATE = BEGAN.timestamp() + 60


class Cluster(Api):
    """An API server with events, that counts how often they are read."""

    def __init__(self, *events: Object) -> None:
        self.events: Sequence[Object] = events
        self.reads = 0

    def list(self, kind: Kind, *, namespace: str, labels: Mapping[str, str]) -> tuple[Object, ...]:
        assert kind.kind == "Event"
        self.reads += 1
        return tuple(self.events)


def event(reason: str, message: str, *, uid: str = "u-1", minute: int = 1, kind: str = "Warning") -> Object:
    """An event about a pod or its set."""
    return {
        "metadata": {"name": f"{uid}.{minute}", "resourceVersion": "7"},
        "involvedObject": {"uid": uid},
        "lastTimestamp": f"2026-11-20T09:{minute:02}:00Z",
        "type": kind,
        "reason": reason,
        "message": message,
    }


def pod(waiting: str = "ContainerCreating") -> Object:
    """A pod that a machine has taken, and whose container waits."""
    status = {
        "startTime": BEGAN.isoformat(),
        "containerStatuses": [{"name": "main", "state": {"waiting": {"reason": waiting}}}],
    }
    return {"metadata": {"name": "jira-1", "namespace": "a", "uid": "u-1"}, "spec": {}, "status": status}


def said(*events: Object, item: Object | None = None, at: float = LATE) -> str:
    """What is told of a pod."""
    return Hindrances(Cluster(*events), ManualClock(LATE)).of_pod(item or pod(), at)


MULTI = 'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) jira-1'


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            event("FailedAttachVolume", MULTI),
            "its volume is in use on another machine (FailedAttachVolume): Multi",
        ),
        (
            event("FailedMount", "secret x not found"),
            "its volumes cannot be mounted (FailedMount): secret x not found",
        ),
        (
            event("FailedCreatePodSandBox", "no plugin"),
            "its network cannot be made (FailedCreatePodSandBox): no plugin",
        ),
        (event("BackOff", "something else"), ""),
        (event("FailedMount", "of another pod", uid="u-2"), ""),
        (event("Scheduled", "as usual", kind="Normal"), ""),
    ],
    ids=["in use", "no secret", "no network", "no hindrance", "another", "usual"],
)
def test_what_keeps_a_pod_from_its_volumes_is_told(found: Object, words: str) -> None:
    told = said(found)
    assert words in told
    assert bool(words) == bool(told)


def test_of_several_the_last_counts() -> None:
    first, last = event("FailedMount", "first", minute=1), event("FailedMount", "last", minute=2)
    assert "last" in said(last, first)


def test_a_pod_that_is_in_time_or_runs_is_hindered_by_nothing() -> None:
    found = event("FailedMount", "not yet")
    assert said(found, at=BEGAN.timestamp() + PREPARED_WITHIN - 1) == ""
    assert said(found, item=pod("CrashLoopBackOff")) == ""


QUOTA = (
    'create Pod jira-1 in StatefulSet jira failed error: pods "jira-1" is forbidden: exceeded quota: bounds, requested:'
    " pods=1, used: pods=1, limited: pods=1"
)
SET = {"metadata": {"name": "jira", "namespace": "acme-jira", "uid": "s-1"}}


def test_a_pod_that_nobody_may_make_says_so_until_it_is_made() -> None:
    cluster, clock = Cluster(event("FailedCreate", QUOTA, uid="s-1")), ManualClock(LATE)
    hindrances = Hindrances(cluster, clock)
    told = hindrances.of_set(SET, "jira-1")
    assert "exceeded quota: bounds" in told
    assert "apply it to acme-jira" in told
    assert hindrances.of_set(SET, "jira-0") == ""
    made = event("SuccessfulCreate", "create Pod jira-1 in StatefulSet jira successful", uid="s-1", minute=2)
    cluster.events = (*cluster.events, made)
    # Events are read again after a while, and not at each look.
    assert cluster.reads == 1
    clock.sleep(LASTS)
    assert hindrances.of_set(SET, "jira-1") == ""
    assert cluster.reads == 2

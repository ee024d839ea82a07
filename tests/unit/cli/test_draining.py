"""Emptying a machine goes on where it is, tells what it waits for, and gives way to whoever takes it back."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from telamon.cli.draining import empty
from telamon.cli.session import Session
from telamon.errors import ConflictError, Interrupted, RefusedError, TemporaryError, TimeoutExpired
from telamon.naming import labels
from telamon.platforms.kubernetes.api import POD, Api, Kind
from telamon.platforms.kubernetes.draining import NODE
from telamon.units import Duration
from tests.support.desk import Desk

HOUR = Duration.parse("1h")


def node(name: str) -> dict[str, Any]:
    """A machine that is ready."""
    status = {
        "conditions": [{"type": "Ready", "status": "True"}],
        "nodeInfo": {"kubeletVersion": "v1.35.4-eks-1"},
    }
    return {"metadata": {"name": name}, "spec": {}, "status": status}


def pod(name: str, machine: str, *, owner: str = "ReplicaSet", stack: str = "") -> dict[str, Any]:
    """A pod that is ready."""
    owners = [{"kind": owner, "controller": True}] if owner else []
    known = dict(labels(stack, "jira")) if stack else {}
    about = {"name": name, "namespace": "default", "uid": name, "ownerReferences": owners, "labels": known}
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": about, "spec": {"nodeName": machine}, "status": status}


@dataclass
class Cluster:
    """An API server of two machines, in which a pod that is evicted runs on the other one at once."""

    nodes: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {each: node(each) for each in ("a", "b")}
    )
    pods: list[dict[str, Any]] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    evicted: list[str] = field(default_factory=list)

    def list(self, kind: Kind, **_: object) -> tuple[dict[str, Any], ...]:
        """What there is."""
        return tuple(self.nodes.values()) if kind == NODE else tuple(self.pods) if kind == POD else ()

    def get(self, _kind: Kind, name: str) -> dict[str, Any] | None:
        """A machine."""
        return self.nodes.get(name)

    def minor(self) -> int:
        """Its version."""
        return 35

    def change(self, item: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        """Write a machine."""
        found = self.nodes[item["metadata"]["name"]]
        found["metadata"] |= changes["metadata"]
        found["spec"] |= changes["spec"]

    def evict(self, item: Mapping[str, Any]) -> None:
        """Move a pod."""
        self.meanwhile()
        self.evicted.append(item["metadata"]["name"])
        (found,) = (each for each in self.pods if each["metadata"]["name"] == item["metadata"]["name"])
        found["spec"]["nodeName"] = "b"


@pytest.fixture
def session(desk: Desk) -> Session:
    """Somebody's terminal."""
    return desk.session(io.StringIO(), io.StringIO())


def emptied(session: Session, cluster: Cluster, *, timeout: Duration = HOUR) -> tuple[str, ...]:
    """Empty the first machine."""
    return empty(session, cast(Api, cluster), name="a", timeout=timeout)


def test_pods_leave_one_by_one_and_those_of_the_machine_stay(session: Session) -> None:
    cluster = Cluster(
        pods=[pod("one", "a"), pod("two", "a"), pod("agent", "a", owner="DaemonSet"), pod("far", "b")]
    )
    assert emptied(session, cluster) == ("default/one", "default/two")
    assert cluster.nodes["a"]["spec"]["unschedulable"] is True


def test_a_budget_that_allows_nothing_is_waited_for(session: Session) -> None:
    cluster = Cluster(pods=[pod("one", "a")])
    refusals = iter([TemporaryError("the budget allows none", delay=1.0)] * 2)

    def refuse() -> None:
        if (error := next(refusals, None)) is not None:
            raise error

    cluster.meanwhile = refuse
    assert emptied(session, cluster) == ("default/one",)


def test_a_budget_that_never_allows_it_is_told_when_the_time_is_over(session: Session) -> None:
    cluster = Cluster(pods=[pod("one", "a")])

    def refuse() -> None:
        raise TemporaryError("the budget allows none", delay=1.0)

    cluster.meanwhile = refuse
    with pytest.raises(TimeoutExpired, match="not empty after 1m: the budget allows none"):
        emptied(session, cluster, timeout=Duration.parse("1m"))


def test_one_that_was_interrupted_goes_on(session: Session) -> None:
    cluster = Cluster(pods=[pod("one", "a"), pod("two", "a")])

    def interrupt() -> None:
        if cluster.evicted:
            raise KeyboardInterrupt

    cluster.meanwhile = interrupt
    with pytest.raises(Interrupted, match="takes no new pods"):
        emptied(session, cluster)
    cluster.meanwhile = lambda: None
    assert emptied(session, cluster) == ("default/two",)


def test_whoever_takes_it_back_is_given_way(session: Session) -> None:
    cluster = Cluster(pods=[pod("one", "a"), pod("two", "a")])
    cluster.meanwhile = lambda: cluster.nodes["a"].update(node("a"))
    with pytest.raises(ConflictError, match="somebody lets a take pods again"):
        emptied(session, cluster)
    assert cluster.evicted == ["one"]
    assert "unschedulable" not in cluster.nodes["a"]["spec"]


def test_nothing_begins_where_a_pod_would_be_lost(session: Session) -> None:
    cluster = Cluster(pods=[pod("one", "a"), pod("bare", "a", owner="")])
    with pytest.raises(RefusedError, match="default/bare"):
        emptied(session, cluster)
    assert (cluster.evicted, cluster.nodes["a"]["spec"]) == ([], {})


def test_pods_of_a_stack_that_nobody_tells_of_stay(session: Session) -> None:
    cluster = Cluster(pods=[pod("jira-0", "a", owner="StatefulSet", stack="acme")])
    with pytest.raises(TimeoutExpired, match="nobody tells how the stack acme stands"):
        emptied(session, cluster, timeout=Duration.parse("1m"))
    assert cluster.evicted == []

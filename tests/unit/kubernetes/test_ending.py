"""What a Stack that is deleted need not wait for, and what is said of what it does wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from telamon.desired.component import ComponentDesired
from telamon.desired.kubernetes.data import Object
from telamon.errors import DeniedError, PlatformError, TelamonError, TemporaryError
from telamon.naming import LABEL_COMPONENT, LABEL_STACK
from telamon.operator.ending import awaited
from telamon.operator.report import Lane, Trouble
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.remains import Remains
from telamon.platforms.kubernetes.spaces import DENIED_FOR, Spaces
from telamon.platforms.memory.clock import ManualClock
from telamon.state.world import ComponentKind, Life

REFUSED = DeniedError("the cluster refuses: pods is forbidden")


class Cluster(Api):
    """An API server with namespaces and whatever is in them; some may not be looked into."""

    def __init__(self, *objects: Object, denied: frozenset[str] = frozenset()) -> None:
        self.objects: Sequence[Object] = objects
        self.denied = denied

    def get(self, kind: Kind, name: str, *, namespace: str = "") -> Object | None:
        if namespace in self.denied or (not namespace and kind.kind in self.denied):
            raise REFUSED
        return next((item for item in self._of(kind, namespace) if item["metadata"]["name"] == name), None)

    def list(self, kind: Kind, *, namespace: str, labels: Mapping[str, str]) -> tuple[Object, ...]:
        if namespace in self.denied or (not namespace and kind.kind in self.denied):
            raise REFUSED
        return tuple(
            item
            for item in self._of(kind, namespace)
            if labels.items() <= (item["metadata"].get("labels") or {}).items()
        )

    def delete(self, item: Object, *, grace: float | None = None, alone: bool = False) -> None:
        self.objects = [each for each in self.objects if each is not item]
        if item["kind"] == "StatefulSet":
            # As the garbage collector does.
            self.objects = [each for each in self.objects if each["kind"] != "Pod"]

    def _of(self, kind: Kind, namespace: str) -> Sequence[Object]:
        return [
            item
            for item in self.objects
            if item["kind"] == kind.kind and item["metadata"].get("namespace", "") == namespace
        ]


def space(name: str, **metadata: str) -> Object:
    """A namespace of the stack."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {LABEL_STACK: "acme"}, **metadata},
    }


def made(kind: str, name: str, namespace: str = "acme-tiny") -> Object:
    """An object of the component."""
    labels = {LABEL_STACK: "acme", LABEL_COMPONENT: "tiny"}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": {}}


@pytest.mark.parametrize(
    "objects", [(), (space("acme-tiny", deletionTimestamp="2026-11-20T09:00:00Z"),)], ids=("gone", "going")
)
def test_nothing_is_left_to_end_where_the_namespace_goes(objects: tuple[Object, ...]) -> None:
    spaces = Spaces(Cluster(*objects), "acme", ManualClock(100.0))
    assert spaces.counts_as_gone("acme-tiny", REFUSED)
    assert spaces.left() == ()
    assert "is being deleted" in str(spaces.told("acme-tiny", REFUSED))


@pytest.mark.parametrize("error", [TemporaryError("it does not answer", delay=1.0), PlatformError("no")])
def test_what_is_no_missing_right_is_asked_again(error: TelamonError) -> None:
    assert not Spaces(Cluster(), "acme", ManualClock(100.0)).counts_as_gone("acme-tiny", error)


@pytest.mark.parametrize("denied", [frozenset[str](), frozenset({"Namespace"})], ids=("seen", "unseen"))
def test_a_right_that_was_taken_away_is_waited_for_a_while(denied: frozenset[str]) -> None:
    clock = ManualClock(100.0)
    spaces = Spaces(Cluster(space("acme-tiny"), denied=denied), "acme", clock)
    assert not spaces.counts_as_gone("acme-tiny", REFUSED)
    assert spaces.told("acme-tiny", REFUSED) is REFUSED
    clock.sleep(DENIED_FOR)
    assert spaces.counts_as_gone("acme-tiny", REFUSED)
    assert spaces.left() == ("acme-tiny",)


def test_what_nobody_can_compile_is_ended_by_its_labels() -> None:
    volume = made("PersistentVolumeClaim", "local-home-tiny-0")
    others = {**made("Service", "other"), "metadata": {"name": "other", "namespace": "acme-tiny"}}
    cluster = Cluster(
        space("acme-tiny"),
        space("acme-edge"),
        made("StatefulSet", "tiny"),
        made("Pod", "tiny-0"),
        made("Pod", "prepare-x7k2p"),
        made("Service", "tiny"),
        volume,
        others,
        denied=frozenset({"acme-edge"}),
    )
    clock = ManualClock(100.0)
    remains = Remains(cluster, "acme", Spaces(cluster, "acme", clock), clock)
    desired = ComponentDesired("tiny", ComponentKind.PRODUCT, "tiny", members=())
    assert remains.components() == {"tiny"}
    assert [(each.name, each.life) for each in remains.observe(desired).members] == [("tiny-0", Life.ALIVE)]
    remains.end("tiny")
    assert not remains.observe(desired).members
    remains.withdraw("tiny")
    assert [item for item in cluster.objects if item["kind"] != "Namespace"] == [volume, others]


def test_a_stack_that_is_taken_down_says_what_it_waits_for() -> None:
    trouble = Trouble("NothingRecorded", "the disk is full", None)
    lanes = {"jira": Lane(None, 1, {}), "wiki": Lane(None, 1, {}, trouble)}
    assert awaited(lanes) == "jira: not looked at; wiki: the disk is full"
    assert awaited({}) == "its objects"

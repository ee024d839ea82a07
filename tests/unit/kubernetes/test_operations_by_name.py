"""Who asks for an operation by a name that another one had gets what was asked for, and nothing of the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.errors import ConflictError
from telamon.operator.operations import Operations, Wish
from telamon.plan.step import Finished
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.asking import Asking
from telamon.platforms.kubernetes.store import KubernetesStore
from telamon.platforms.memory.clock import ManualClock
from tests.support.manifests import SMALL, products, stack_of

STACK = stack_of(SMALL.replace("PRODUCTS", "    jira: {version: 11.3.1}").replace("MORE", ""))
SPEC = {"verb": "restore", "target": {"stack": "acme", "component": "jira"}, "params": {}, "generation": 1}


class Cluster(Api):
    """An API server that keeps a Stack and its operations, and gives each a uid of its own."""

    def __init__(self, *, keeps_uid: bool = True) -> None:
        self.operations: dict[str, Object] = {}
        self.writes = 0
        self.keeps_uid = keeps_uid

    def get(self, kind: Kind, name: str, *, namespace: str = "") -> Object | None:
        if kind.kind == "Operation":
            return self.operations.get(name)
        own = STACK.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
        return {**own, "metadata": {"name": "acme", "namespace": OPERATOR_NAMESPACE}}

    def list(self, kind: Kind, *, namespace: str, labels: Mapping[str, str]) -> tuple[Object, ...]:
        found = self.operations.values() if kind.kind == "Operation" else ()
        return tuple(item for item in found if item["metadata"]["namespace"] == namespace)

    def create(self, item: Object) -> Object:
        name = str(item["metadata"]["name"])
        if name in self.operations:
            raise ConflictError("it is there")
        uid = f"{self.writes:08}-0000-4000-8000-000000000000"
        return self._kept({**item, "metadata": {**item["metadata"], "uid": uid, "generation": 1}})

    def change(self, item: Object, changes: Mapping[str, Any], *, part: str = "") -> Object:
        live = dict(self.operations[str(item["metadata"]["name"])])
        for section, values in changes.items():
            merged = {**live.get(section, {}), **values}
            live[section] = {key: value for key, value in merged.items() if value is not None}
        if not self.keeps_uid:
            live["status"] = {key: value for key, value in live.get("status", {}).items() if key != "uid"}
        return self._kept(live)

    def delete(self, item: Object, *, grace: float | None = None, alone: bool = False) -> None:
        del self.operations[str(item["metadata"]["name"])]

    def _kept(self, item: Object) -> Object:
        self.writes += 1
        metadata = {**item["metadata"], "resourceVersion": str(self.writes)}
        made: dict[str, Any] = {**item, "metadata": metadata}
        self.operations[str(metadata["name"])] = made
        return made


def operations_of(cluster: Cluster) -> Operations:
    """What the operator of the cluster keeps."""
    store = KubernetesStore(cluster, OPERATOR_NAMESPACE, "acme")
    store.known({"jira": "acme-jira"})
    return Operations(store, ManualClock(1000.0))


def asked(cluster: Cluster) -> str:
    """Ask for a restore, as a person does. Returns what it is called."""
    asking = Asking(cluster, "acme")
    asking.survey(products(STACK))
    return str(asking.ask(SPEC).metadata.name)


def test_the_first_is_the_first_and_then_they_are_counted() -> None:
    cluster = Cluster()
    assert [asked(cluster) for _ in range(2)] == ["restore-jira-1", "restore-jira-2"]


def test_one_that_took_the_name_of_another_shares_neither_jobs_nor_facts_with_it() -> None:
    cluster = Cluster()
    operations = operations_of(cluster)
    seen = []
    for _ in range(2):
        made = operations.make(Wish("restore", "jira", "", {}), stack="acme", generation=1)
        running = operations.active("jira")
        assert running is not None
        assert running.name == made.metadata.name == "restore-jira-1"
        seen.append((running.job("prepare-restore"), running.fact("stopping"), running.key))
        cluster.operations.clear()
    first, second = seen
    assert not set(first) & set(second)


def test_one_is_the_same_as_long_as_it_goes_on() -> None:
    operations = operations_of(Cluster())
    operations.make(Wish("restore", "jira", "", {}), stack="acme", generation=1)
    before = operations.active("jira")
    assert before is not None
    operations.cancel(before.name)
    after = operations.active("jira")
    assert after is not None
    assert after.cancelled
    assert after.key == before.key


def test_one_that_an_earlier_telamon_has_begun_goes_on_under_its_name() -> None:
    # Its custom resource knows of no uid, and what was noted of it goes by its name.
    cluster = Cluster(keeps_uid=False)
    operations = operations_of(cluster)
    operations.make(Wish("restore", "jira", "", {}), stack="acme", generation=1)
    cluster.keeps_uid = True
    running = operations.active("jira")
    assert running is not None
    operations.cancel(running.name)
    again = operations.active("jira")
    assert again is not None
    assert again.job("switch-data") == "restore-jira-1/switch-data"


def test_each_phase_that_an_operation_comes_to_is_told_once() -> None:
    told: list[tuple[str, str, str]] = []

    def tell(operation: Object, phase: str, *, note: str) -> None:
        told.append((str(operation["metadata"]["name"]), phase, note))

    store = KubernetesStore(Cluster(), OPERATOR_NAMESPACE, "acme", told=tell)
    store.known({"jira": "acme-jira"})
    operations = Operations(store, ManualClock(1000.0))
    operations.make(Wish("restore", "jira", "", {}), stack="acme", generation=1)
    assert told == []
    for _ in range(2):
        # Whoever takes over writes what the one before has written.
        operations.settle("restore-jira-1", Finished("Failed", "no room"))
    assert told == [("restore-jira-1", "Failed", "no room")]


class Died(Exception):
    """The operator ends at this very line."""


class Deadly(Cluster):
    """Whoever has written an operation down does not live to say that it has begun."""

    def change(self, item: Object, changes: Mapping[str, Any], *, part: str = "") -> Object:
        raise Died


def test_what_a_predecessor_wrote_down_and_did_not_begin_goes_on_and_is_not_asked_for_twice() -> None:
    cluster, wish = Cluster(), Wish("upgrade", "jira", "", {"from": "1.0", "to": "1.1"})
    deadly = Deadly()
    deadly.operations = cluster.operations
    with pytest.raises(Died):
        operations_of(deadly).make(wish, stack="acme", generation=2)
    assert list(cluster.operations) == ["upgrade-jira-1"]
    operations = operations_of(cluster)
    assert operations.active("jira") is None
    operations.make(wish, stack="acme", generation=2)
    running = operations.active("jira")
    assert running is not None
    assert running.name == "upgrade-jira-1"
    assert list(cluster.operations) == ["upgrade-jira-1"]
    # What somebody asks for besides is another one.
    operations.make(Wish("upgrade", "jira", "", {"from": "1.0", "to": "1.2"}), stack="acme", generation=2)
    assert list(cluster.operations) == ["upgrade-jira-1", "upgrade-jira-2"]

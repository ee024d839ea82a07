"""A Stack is not called ready without what somebody else has to apply for it."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from telamon.desired.kubernetes.components import applied_by_others, components
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.render import bundles
from telamon.errors import DeniedError
from telamon.model.status import StatusCondition
from telamon.operator.preparing import prepared
from telamon.operator.report import Transitions
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.prepared import Prepared, look
from tests.cluster.harness import stack
from tests.support.manifests import objects, site_of, small


class Cluster(Api):
    """An API server that holds objects; some kinds may not be read."""

    def __init__(self, objects: tuple[Object, ...], *, denied: str = "") -> None:
        self.objects: list[dict[str, Any]] = [copy.deepcopy(dict(item)) for item in objects]
        self.denied = denied

    def get(self, kind: Kind, name: str, *, namespace: str = "") -> Object | None:
        if kind.kind == self.denied:
            raise DeniedError("the cluster refuses")
        return next((item for item in self.objects if _key(item) == (kind.kind, namespace, name)), None)

    def one(self, kind: str, name: str = "") -> dict[str, Any]:
        """An object that somebody changes by hand."""
        return next(
            item
            for item in self.objects
            if item["kind"] == kind and item["metadata"]["name"].startswith(name)
        )


def _key(item: Object) -> tuple[str, str, str]:
    metadata = item["metadata"]
    return str(item["kind"]), str(metadata.get("namespace", "")), str(metadata["name"])


def applied() -> tuple[Object, ...]:
    """What somebody applies of a small stack."""
    rendered = bundles(known := site_of(stack("acme")))
    return applied_by_others(rendered, components(known, rendered))


def told(found: Prepared | None) -> StatusCondition:
    """The condition of it."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    return prepared(found, generation=3, now=now, transitions=Transitions())


def test_what_was_applied_as_it_is_rendered_is_in_force() -> None:
    found = look(Cluster(applied()), applied())
    assert found == Prepared()
    assert told(found).status == "True"
    assert {"Namespace", "NetworkPolicy", "ResourceQuota", "Role"} <= {item["kind"] for item in applied()}


def test_what_nobody_has_applied_is_told_with_who_applies_it() -> None:
    condition = told(look(Cluster(()), applied()))
    assert (condition.status, condition.reason) == ("False", "NotApplied")
    assert "Namespace acme-tiny" in condition.message
    assert "more: lacking" in condition.message
    assert all(words in condition.message for words in ("kubectl apply", "telamon up", "telamon render"))


def _opened(cluster: Cluster) -> None:
    cluster.one("NetworkPolicy", "deny-all")["spec"]["ingress"] = [{}]


def _widened(cluster: Cluster) -> None:
    cluster.one("Role", "telamon-operator")["rules"][0]["verbs"].append("escalate")


def _shared(cluster: Cluster) -> None:
    cluster.one("RoleBinding", "telamon-operator")["subjects"].append({"kind": "Group", "name": "everybody"})


def _shrunk(cluster: Cluster) -> None:
    cluster.one("ResourceQuota")["spec"]["hard"]["pods"] = "1"


def _relaxed(cluster: Cluster) -> None:
    cluster.one("Namespace", "acme-tiny")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = (
        "privileged"
    )


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (_opened, "NetworkPolicy acme-tiny/deny-all"),
        (_widened, "Role acme-tiny/telamon-operator"),
        (_shared, "RoleBinding acme-tiny/telamon-operator"),
        (_shrunk, "ResourceQuota acme-tiny/bounds"),
        (_relaxed, "Namespace acme-tiny"),
    ],
    ids=["a policy", "a role", "a binding", "a quota", "a namespace"],
)
def test_what_somebody_has_changed_by_hand_is_told(change: Any, name: str) -> None:
    cluster = Cluster(applied())
    change(cluster)
    found = look(cluster, applied())
    assert found == Prepared(differing=(name,))
    assert f"{name}: otherwise than the file says" in told(found).message


def test_quantities_in_another_form_are_the_same() -> None:
    cluster = Cluster(applied())
    quota = cluster.one("ResourceQuota")["spec"]["hard"]
    cores = float(quota["requests.cpu"].removesuffix("m")) / (
        1000 if quota["requests.cpu"].endswith("m") else 1
    )
    quota["requests.cpu"] = f"{round(cores * 1000)}m"
    assert look(cluster, applied()) == Prepared()


def test_one_that_is_being_deleted_is_lacking() -> None:
    cluster = Cluster(applied())
    cluster.one("ResourceQuota")["metadata"]["deletionTimestamp"] = "2026-11-20T09:00:00Z"
    assert look(cluster, applied()) == Prepared(lacking=("ResourceQuota acme-tiny/bounds",))


def test_a_front_door_whose_controller_lets_nobody_in_is_told_in_its_words() -> None:
    (gateway,) = objects(small(), "Gateway")
    cluster = Cluster((gateway,))
    said = {
        "type": "ResolvedRefs",
        "status": "False",
        "reason": "InvalidCertificateRef",
        "observedGeneration": 2,
    }
    live = cluster.one("Gateway")
    live["metadata"]["generation"] = 2
    live["status"] = {"listeners": [{"name": "jira", "conditions": [{**said, "message": "no such secret"}]}]}
    condition = told(look(cluster, (gateway,)))
    assert (condition.status, condition.reason) == ("False", "FrontDoorRefused")
    assert "Gateway acme-edge/web, listener jira: no such secret" in condition.message
    # What was said of it as it was before says nothing of it as it is.
    live["metadata"]["generation"] = 3
    assert look(cluster, (gateway,)) == Prepared()


def test_what_may_not_be_read_is_said_to_be_unknown() -> None:
    found = look(Cluster(applied(), denied="ResourceQuota"), applied())
    condition = told(found)
    assert (condition.status, condition.reason) == ("Unknown", "NotAllowed")
    assert (
        "ResourceQuota acme-tiny/bounds, ResourceQuota acme-database/bounds: may not be read by the operator"
        in condition.message
    )
    assert told(None).status == "Unknown"

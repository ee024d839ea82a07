"""The operator on a real API server, with an application whose pods are processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from telamon.desired.kubernetes.components import OPERATED, components
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.evidence import evidence_secret
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.errors import DeniedError, PlatformError
from telamon.platforms.clock import SteadyClock
from telamon.platforms.kubernetes.api import POD, STATEFUL_SET, Api, Kind
from telamon.platforms.kubernetes.lease import LEASE, KubernetesLease
from telamon.platforms.kubernetes.sheets import CONFIG_MAP
from telamon.platforms.kubernetes.store import OPERATION
from tests.cluster.harness import OPERATOR, stack
from tests.cluster.operators import Installed
from tests.cluster.routes import ROUTE, TCP, define
from tests.cluster.support import until
from tests.support.manifests import site_of

pytestmark = pytest.mark.lab

ROUTES = (
    ROUTE,
    Kind("gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy"),
    Kind("gateway.envoyproxy.io/v1alpha1", "HTTPRouteFilter"),
)
RECORDS = frozenset({"leases"})
"""What a leader writes while there is nothing to do."""


def writes(cluster: Installed) -> list[tuple[str, str, str, int]]:
    """What the operator has written, but for its lease."""
    found = cluster.plane.writes(OPERATOR)
    return [
        (each.verb, each.resource, each.name, each.code)
        for each in found
        if each.resource not in RECORDS and each.resource != "selfsubjectreviews"
    ]


def holder(cluster: Installed) -> str:
    """Who holds the lease."""
    found = cluster.api.get(LEASE, "telamon-operator", namespace=OPERATOR_NAMESPACE) or {}
    return str(found.get("spec", {}).get("holderIdentity", ""))


def test_of_all_that_write_as_the_operator_one_gets_through(cluster: Installed) -> None:
    cluster.prepare("fence")
    first, second = (Api(cluster.kubeconfig(pod)) for pod in ("operator-a", "operator-b"))
    clock = SteadyClock()
    leases = [
        KubernetesLease(api, OPERATOR_NAMESPACE, "telamon-operator", pod, clock)
        for api, pod in ((first, "operator-a"), (second, "operator-b"))
    ]
    assert leases[0].acquire()
    assert not leases[1].acquire()
    files: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "files", "namespace": "fence-tiny"},
        "data": {"one": "1"},
    }
    until(lambda: written(first, files))
    stack = cluster.ask_for("fence")

    # The other one takes over; whatever the first has decided comes too late, also where nothing has changed since.
    leases[0].release()
    assert leases[1].acquire()
    until(lambda: not written(first, {**files, "data": {"one": "2"}}))
    seen = first.get(CONFIG_MAP, "files", namespace="fence-tiny")
    assert seen is not None
    late: tuple[Callable[[], object], ...] = (
        lambda: first.apply({**files, "data": {"one": "3"}}, over=None),
        lambda: first.apply({**files, "metadata": {**files["metadata"], "name": "more"}}, over=None),
        lambda: first.create({**files, "metadata": {**files["metadata"], "name": "more"}}),
        lambda: first.change(seen, {"data": {"one": "3"}}),
        lambda: first.change(stack, {"status": {"observedGeneration": 7}}, part="status"),
        lambda: first.delete(seen),
    )
    for write in late:
        with pytest.raises(PlatformError, match="only the operator that holds the lease may write"):
            write()
    until(lambda: written(second, {**files, "data": {"one": "4"}}))
    cluster.api.delete(stack)
    leases[1].release()
    first.close()
    second.close()


def kept(name: str) -> list[Object]:
    """Everything that the operator writes for a stack: what is rendered, and a few kinds that this one has none of."""
    known = site_of(stack(name))
    (part,) = components(known, bundles(known))
    space = {"namespace": part.part.namespace}
    routes = [
        {"apiVersion": kind.version, "kind": kind.kind, "metadata": {"name": "tiny", **space}, "spec": {}}
        for kind in (*ROUTES, TCP)
    ]
    evidence = {"name": evidence_secret(name, "tiny"), **space}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": evidence, "stringData": {"log": "of a node"}}
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "nobodys",
    }
    volume = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "home", **space}}
    target = {"stack": name, "component": "tiny"}
    operation = {
        "apiVersion": OPERATION.version,
        "kind": OPERATION.kind,
        "metadata": {"name": "restart-tiny-1", **space},
        "spec": {"verb": "restart", "target": target, "generation": 1},
    }
    return [*part.objects, *part.preparing, *routes, secret, {**volume, "spec": claim}, operation]


def test_once_another_leads_no_write_of_any_kind_gets_through(cluster: Installed) -> None:
    name, space = "late", "late-tiny"
    cluster.prepare(name)
    define(cluster.api, space, TCP)
    first, second = (Api(cluster.kubeconfig(pod)) for pod in ("operator-a", "operator-b"))
    clock = SteadyClock()
    leases = [
        KubernetesLease(api, OPERATOR_NAMESPACE, "telamon-operator", pod, clock)
        for api, pod in ((first, "operator-a"), (second, "operator-b"))
    ]
    assert leases[0].acquire()
    files: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "files", "namespace": space},
        "data": {"one": "1"},
    }
    until(lambda: written(first, files))
    leases[0].release()
    assert leases[1].acquire()
    until(lambda: not written(first, {**files, "data": {"one": "2"}}))
    until(lambda: written(second, files))

    def refused(write: Callable[..., object], *given: Any, **more: Any) -> None:
        with pytest.raises(PlatformError, match="only the operator that holds the lease may write"):
            write(*given, **more)

    objects = [files, *kept(name)]
    for item in objects:
        # As it would be made; and, once another has made it, as it would be changed and taken away.
        metadata = item["metadata"]
        refused(first.apply, item, over=None) if item is not files else None
        second.apply(item, over=None)
        seen = cluster.api.get(Kind.of(item), metadata["name"], namespace=metadata["namespace"])
        assert seen is not None
        refused(first.change, seen, {"metadata": {"labels": {"late": "yes"}}})
        if item["kind"] not in {"Secret", "PersistentVolumeClaim"}:
            refused(first.delete, seen)
        if item["kind"] == OPERATION.kind:
            refused(first.change, seen, {"status": {"phase": "Succeeded"}}, part="status")
    until(lambda: cluster.api.get(POD, "tiny-0", namespace=space))
    pod = cluster.api.get(POD, "tiny-0", namespace=space)
    assert pod is not None
    refused(first.change, pod, {"metadata": {"labels": {"telamon.dev/serving": None}}})
    refused(first.delete, pod, grace=1.0)
    # Nobody evicts as the operator, whoever leads.
    with pytest.raises(DeniedError, match="pods/eviction"):
        second.evict(pod)
    assert {item["kind"] for item in objects} >= OPERATED
    for item in reversed(objects):
        found = cluster.api.get(
            Kind.of(item), item["metadata"]["name"], namespace=item["metadata"]["namespace"]
        )
        if found is not None:
            cluster.api.delete(found)
    leases[1].release()
    first.close()
    second.close()


def written(api: Api, item: dict[str, Any]) -> bool:
    """Whether a write gets through; the API server learns a moment late who holds the lease."""
    try:
        api.apply(item, over=None)
    except PlatformError:
        return False
    return True


def test_a_stack_is_installed_kept_and_taken_away(cluster: Installed) -> None:
    cluster.prepare("whole")
    operator = cluster.start()
    cluster.ask_for("whole")
    cluster.until_ready("whole")
    status = cluster.stack("whole")["status"]
    assert [member["state"] for member in status["members"]] == ["Serving", "Serving"]
    assert cluster.condition("whole", "Accepted")["status"] == "True"

    # A second look at everything, by a successor that knows nothing, writes nothing.
    before = len(writes(cluster))
    assert operator.end() == 0
    assert holder(cluster) == ""
    successor = cluster.start("operator-b")
    until(lambda: holder(cluster) == "operator-b", within=60)
    until(lambda: "is kept" in successor.log.read_text(encoding="utf-8"))
    cluster.operation("whole", "restart-tiny-1", verb="restart")
    until(lambda: cluster.phase("whole", "restart-tiny-1"), within=60)
    first = writes(cluster)[before:][0]
    assert first[:3] == ("patch", "operations", "restart-tiny-1"), writes(cluster)[before:]
    until(lambda: cluster.phase("whole", "restart-tiny-1") == "Succeeded", within=60)
    cluster.until_ready("whole")

    cluster.api.delete(cluster.stack("whole"))
    until(lambda: not cluster.stack("whole"), within=60)
    assert cluster.api.get(STATEFUL_SET, "tiny", namespace="whole-tiny") is None
    assert cluster.api.get(CONFIG_MAP, "whole.tiny.journal", namespace=OPERATOR_NAMESPACE) is None

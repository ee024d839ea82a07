"""Workloads and policies of any cluster, read out of its objects: from manifests, or as they live.

What makes pods counts as one workload; where pods themselves are given, each does, with its address. Pods that use the
network of their machine are left out, for what a policy does to them is not defined. Policies of other groups (those of
Calico, of Cilium, AdminNetworkPolicy) are not read.

Sources: Kubernetes, "Network Policies" ("NetworkPolicy and hostNetwork pods"), "Automatic labelling" (of namespaces),
"Pod Lifecycle" (phases).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from telamon.errors import UsageError
from telamon.reach.model import PROTOCOLS, Policy, Workload, policy_of

NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
POLICY: Final = ("networking.k8s.io/v1", "NetworkPolicy")
MAKERS: Final = frozenset({"CronJob", "DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet"})
ENDED: Final = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True)
class Inventory:
    """What there is.

    Attributes:
        workloads: every one of them.
        policies: every one of them.
        left_out: workloads of the network of their machine.
    """

    workloads: tuple[Workload, ...]
    policies: tuple[Policy, ...]
    left_out: tuple[str, ...]


def inventory(documents: Sequence[Mapping[str, Any]]) -> Inventory:
    """Read objects of Kubernetes; those that have to do with no flow are passed over.

    Args:
        documents: any, lists of objects among them.

    Raises:
        UsageError: a policy is none that a cluster would take, or there is no workload.
    """
    objects = [item for document in documents for item in _unfolded(document)]
    labels = {
        str(item["metadata"]["name"]): dict(item["metadata"].get("labels") or {})
        for item in objects
        if item["kind"] == "Namespace"
    }
    found = [item for item in objects if _runs(item)]
    on_machines = [item for item in found if _pod(item).get("spec", {}).get("hostNetwork")]
    workloads = tuple(_workload(item, labels) for item in found if item not in on_machines)
    policies = tuple(policy_of(item) for item in objects if (item.get("apiVersion"), item["kind"]) == POLICY)
    if not workloads:
        raise UsageError(
            "there is no workload among these objects",
            remedy="Name a folder with Deployments, StatefulSets, DaemonSets, Jobs or Pods beside its policies.",
        )
    return Inventory(workloads, policies, tuple(_name(item) for item in on_machines))


def _unfolded(document: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(document, Mapping) or "kind" not in document:
        return
    if str(document["kind"]).endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _unfolded(item)
    elif isinstance(document.get("metadata"), Mapping) and document["metadata"].get("name"):
        yield document


def _runs(item: Mapping[str, Any]) -> bool:
    if item["kind"] == "Pod":
        return (item.get("status") or {}).get("phase") not in ENDED
    return item["kind"] in MAKERS and not item["metadata"].get("ownerReferences")


def _pod(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pod itself, or the template of pods."""
    if item["kind"] == "Pod":
        return item
    spec = item.get("spec") or {}
    if item["kind"] == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    found: Mapping[str, Any] = spec.get("template") or {}
    return found


def _name(item: Mapping[str, Any]) -> str:
    return f"{item['metadata'].get('namespace', 'default')}/{item['metadata']['name']}"


def _workload(item: Mapping[str, Any], labels: Mapping[str, Mapping[str, str]]) -> Workload:
    pod, namespace = _pod(item), str(item["metadata"].get("namespace", "default"))
    ports = {
        str(port["name"]): (str(port.get("protocol") or PROTOCOLS[1]), int(port["containerPort"]))
        for container in (pod.get("spec") or {}).get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("name")
    }
    return Workload(
        _name(item),
        namespace,
        {NAMESPACE_NAME: namespace, **labels.get(namespace, {})},
        dict((pod.get("metadata") or {}).get("labels") or {}),
        ports,
        str((item.get("status") or {}).get("podIP") or ""),
    )

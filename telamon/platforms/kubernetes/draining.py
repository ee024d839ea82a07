"""Emptying machines of a cluster, in the name of whoever asks: the cluster as decisions need it, and their moves.

Nothing is remembered here. What has begun is told by the machine itself: it takes no new pods, and an annotation names
the stacks that had members on it.

Sources: Kubernetes API reference, Node (``spec.unschedulable``, ``spec.providerID``,
``status.nodeInfo.kubeletVersion``), Pod
(``metadata.ownerReferences``), SelfSubjectAccessReview, ``/version``; "Static Pods" (``kubernetes.io/config.mirror``);
EKS, Karpenter, GKE and AKS documentation: the label by which a machine names its node group.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.errors import DeniedError, NotReadyError
from telamon.model.kubernetes import minor_of
from telamon.model.status import GREEN
from telamon.naming import ANNOTATION_EMPTIED, LABEL_COMPONENT, LABEL_STACK
from telamon.plan.draining import Close, Crew, Evict, Fleet, Machine, Placed
from telamon.platforms.kubernetes.api import POD, STATEFUL_SET, Api, Kind
from telamon.platforms.kubernetes.store import STACK

NODE: Final = Kind("v1", "Node")
REVIEW: Final = "authorization.k8s.io/v1"
MIRROR: Final = "kubernetes.io/config.mirror"
GROUPS: Final = (
    "eks.amazonaws.com/nodegroup",
    "karpenter.sh/nodepool",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
)


class Right(NamedTuple):
    """What somebody may do.

    Attributes:
        verb: of the API.
        group: of the resource; "" for the core.
        resource: with its subresource, if one is meant.
    """

    verb: str
    group: str
    resource: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{f'.{self.group}' if self.group else ''}"


LOOKING: Final = (
    Right("list", "", "nodes"),
    Right("list", "", "pods"),
    Right("list", "apps", "statefulsets"),
    Right("list", "telamon.dev", "stacks"),
)
"""What whoever looks at machines needs, in all namespaces."""
REOPENING: Final = (Right("get", "", "nodes"), Right("patch", "", "nodes"))
EMPTYING: Final = (*LOOKING, *REOPENING, Right("create", "", "pods/eviction"))


def demand(api: Api, rights: tuple[Right, ...]) -> None:
    """Refuse whoever lacks a right, before anything is begun.

    Args:
        api: the API server, as whoever asks.
        rights: that are needed, in all namespaces.

    Raises:
        DeniedError: some are missing; every one is named.
    """
    lacking = [str(right) for right in rights if not _may(api, right)]
    if lacking:
        raise DeniedError(
            f"you lack rights in this cluster: {', '.join(lacking)}",
            remedy="Have somebody bind a ClusterRole with them to you; `kubectl auth can-i --list` shows what you may.",
        )


def look(api: Api) -> Fleet:
    """The cluster as it is now.

    Raises:
        DeniedError: something of it may not be listed.
    """
    everywhere: dict[str, Any] = {"namespace": "", "labels": {}}
    return Fleet(
        machines=tuple(_machine(item) for item in api.list(NODE, **everywhere)),
        pods=tuple(_placed(item) for item in api.list(POD, **everywhere)),
        crews=tuple(
            _crew(item)
            for item in api.list(STATEFUL_SET, **everywhere)
            if LABEL_STACK in (item["metadata"].get("labels") or {})
        ),
        unwell=_told(api),
        minor=api.minor(),
    )


def called(api: Api) -> tuple[tuple[str, str], ...]:
    """Every machine by its name, with the group that it belongs to, or "".

    Raises:
        DeniedError: machines may not be listed.
    """
    about = (item["metadata"] for item in api.names(NODE, namespace=""))
    return tuple((str(each["name"]), _group(each.get("labels") or {})[1]) for each in about)


def close(api: Api, name: str, *, move: Close) -> None:
    """Let a machine take no new pods.

    Args:
        api: the API server.
        name: of the machine.
        move: names the stacks whose members are on it.

    Raises:
        NotReadyError: there is no such machine.
        ConflictError: somebody else has changed it meanwhile.
    """
    node = _node(api, name)
    known = _emptied(node) or frozenset()
    stacks = ",".join(sorted(known | set(move.stacks)))
    api.change(
        node, {"metadata": {"annotations": {ANNOTATION_EMPTIED: stacks}}, "spec": {"unschedulable": True}}
    )


def reopen(api: Api, name: str) -> bool:
    """Let a machine take pods again; returns whether it did not before.

    Raises:
        NotReadyError: there is no such machine.
        ConflictError: somebody else has changed it meanwhile.
    """
    node = _node(api, name)
    if not node["spec"].get("unschedulable") and _emptied(node) is None:
        return False
    api.change(
        node, {"metadata": {"annotations": {ANNOTATION_EMPTIED: None}}, "spec": {"unschedulable": None}}
    )
    return True


def evict(api: Api, move: Evict) -> None:
    """Ask a pod to leave.

    Raises:
        TemporaryError: its disruption budget does not allow it now.
        ConflictError: there is another pod of that name by now.
    """
    named = {"name": move.pod.name, "namespace": move.pod.namespace, "uid": move.pod.uid}
    api.evict({"apiVersion": POD.version, "kind": POD.kind, "metadata": named})


def _may(api: Api, right: Right) -> bool:
    resource, _, part = right.resource.partition("/")
    asked = {"verb": right.verb, "group": right.group, "resource": resource}
    attributes = {"resourceAttributes": asked | ({"subresource": part} if part else {})}
    review = {"apiVersion": REVIEW, "kind": "SelfSubjectAccessReview", "metadata": {}, "spec": attributes}
    return bool(api.create(review)["status"]["allowed"])


def _told(api: Api) -> tuple[tuple[str, str], ...]:
    """Why each Stack is not as it should be; none where the cluster knows no Stacks."""
    try:
        found = api.list(STACK, namespace=OPERATOR_NAMESPACE, labels={})
    except NotReadyError:
        return ()
    return tuple((str(item["metadata"]["name"]), _fault(item)) for item in found)


def _fault(stack: Object) -> str:
    conditions = {str(each["type"]): each for each in (stack.get("status") or {}).get("conditions") or ()}
    for kind, wanted in (*GREEN, ("Accepted", "True")):
        told = conditions.get(kind)
        if told is None:
            return f"nobody tells yet whether it is {kind}"
        if told["status"] != wanted:
            return str(told.get("message") or f"{kind} is {told['status']}")
        if int(told.get("observedGeneration") or 0) != int(stack["metadata"]["generation"]):
            return "the operator has not looked at its newest spec yet"
    return ""


def _node(api: Api, name: str) -> Object:
    found = api.get(NODE, name)
    if found is None:
        raise NotReadyError(f"the cluster has no machine {name} any more")
    return found


def _emptied(node: Object) -> frozenset[str] | None:
    written = (node["metadata"].get("annotations") or {}).get(ANNOTATION_EMPTIED)
    return None if written is None else frozenset(name for name in str(written).split(",") if name)


def _machine(node: Object) -> Machine:
    labels, status = node["metadata"].get("labels") or {}, node.get("status") or {}
    version = str(status.get("nodeInfo", {}).get("kubeletVersion", ""))
    maker, group = _group(labels)
    spec = node.get("spec") or {}
    return Machine(
        name=str(node["metadata"]["name"]),
        version=version,
        minor=minor_of(".".join(version.split(".")[:2])),
        group=group,
        ready=_holds(status, "Ready"),
        closed=bool(spec.get("unschedulable")),
        emptied_for=_emptied(node),
        uid=str(node["metadata"].get("uid", "")),
        maker=maker,
        instance=str(spec.get("providerID", "")).rpartition("/")[2],
    )


def _group(labels: Object) -> tuple[str, str]:
    """By which label a machine says to which group it belongs, and to which; "" and "" where it says nothing."""
    maker = next((each for each in GROUPS if each in labels), "")
    return maker, str(labels.get(maker, ""))


def _placed(pod: Object) -> Placed:
    metadata, status = pod["metadata"], pod.get("status") or {}
    labels = metadata.get("labels") or {}
    owner: Object = next(
        (each for each in metadata.get("ownerReferences") or () if each.get("controller")), {}
    )
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    unplaced = conditions.get("PodScheduled", {})
    return Placed(
        namespace=str(metadata["namespace"]),
        name=str(metadata["name"]),
        uid=str(metadata["uid"]),
        machine=str(pod["spec"].get("nodeName", "")),
        owner=str(owner.get("kind", "")),
        stack=str(labels.get(LABEL_STACK, "")),
        component=str(labels.get(LABEL_COMPONENT, "")),
        mirror=MIRROR in (metadata.get("annotations") or {}),
        ended=status.get("phase") in {"Succeeded", "Failed"},
        ending="deletionTimestamp" in metadata,
        ready=_holds(status, "Ready"),
        waits=str(unplaced.get("message", "")) if unplaced.get("status") == "False" else "",
    )


def _crew(item: Object) -> Crew:
    metadata = item["metadata"]
    return Crew(
        namespace=str(metadata["namespace"]),
        name=str(metadata["name"]),
        stack=str(metadata["labels"][LABEL_STACK]),
        component=str(metadata["labels"].get(LABEL_COMPONENT, "")),
        wanted=int((item.get("spec") or {}).get("replicas", 1)),
    )


def _holds(status: Object, kind: str) -> bool:
    conditions = status.get("conditions") or ()
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)

"""What lives otherwise in a cluster than a stack file renders it: each difference with what it means.

Three things are held against one another: an object as it was rendered, as it lives, and as it would be if it were
applied now, which the API server tells of a rehearsal (``dryRun=All``). Defaults are in both of the last two, so that
no default is a difference. What somebody added beside what is rendered stays where it is when it is applied; of that
the managed fields tell, with who wrote it and when.

Sources: Kubernetes API concepts, "Dry-run"; Kubernetes, "Server-Side Apply" (``managedFields``, ``fieldsV1``).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.wanted import BroughtSecret, WantedSecret
from telamon.infra.drift import Deviation, Drift, Severity
from telamon.naming import LABEL_MANAGED_BY, LABEL_WORKED_ON, MANAGER

LAYER: Final = "kubernetes"
"""As a layer of what is compared."""
LONGEST: Final = 60
"""Characters of a value that are told."""
MOST: Final = 6
"""Fields of one object that are told; more are counted."""
COUNTED: Final = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"})
"""What an API server writes about an object by itself."""
HIDDEN: Final = frozenset({"data", "stringData", "binaryData", "env", "args", "command"})
"""Below these keys may be what nobody should read: that something differs is told, and not what is there."""
REPORTED: Final = ("status",)
CONTROL_PLANE: Final = ("kube-", "kubelet", "cloud-controller-manager")
"""What the names of the cluster's own writers begin with."""


@dataclass(frozen=True)
class Compared:
    """An object in its three forms.

    Attributes:
        wanted: as it was rendered.
        live: as it lives; ``None`` where it is not there.
        after: as it would be if it were applied now; ``None`` where that is refused, or nothing lives.
        refused: why it cannot be applied, or "".
    """

    wanted: Object
    live: Object | None
    after: Object | None
    refused: str = ""


@dataclass(frozen=True)
class Weight:
    """What a difference in some kinds means.

    Attributes:
        kinds: of the objects.
        severity: of a change.
        risk: what may come of it.
    """

    kinds: frozenset[str]
    severity: Severity
    risk: str


def _weight(severity: Severity, risk: str, *kinds: str) -> Weight:
    return Weight(frozenset(kinds), severity, risk)


CHANGED: Final = (
    _weight(
        Severity.HIGH,
        "who may reach what is otherwise than the file says",
        "NetworkPolicy",
        "GlobalNetworkPolicy",
    ),
    _weight(
        Severity.HIGH,
        "somebody may do what nobody approved",
        *("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount"),
    ),
    _weight(Severity.HIGH, "pods may be let in that the namespace should keep out", "Namespace"),
    _weight(Severity.HIGH, "pods that start from now on lack it, and do not come up", "Secret"),
    _weight(
        Severity.MEDIUM, "a drain may take more nodes of a product than it can spare", "PodDisruptionBudget"
    ),
    _weight(
        Severity.MEDIUM,
        "users may not get through, or to something else",
        *("Service", "Ingress", "Gateway", "HTTPRoute", "TCPRoute", "Certificate"),
    ),
    _weight(
        Severity.MEDIUM,
        "data may be lost with the object, or pods do not find them",
        *("PersistentVolume", "PersistentVolumeClaim", "StorageClass"),
    ),
    _weight(
        Severity.MEDIUM, "the next pod that starts is another one than was tried", "StatefulSet", "ConfigMap"
    ),
    _weight(Severity.LOW, "none while it is not needed: the operator makes it anew", "Job"),
)
"""Asked in this order; what is listed nowhere is of medium weight."""
UNLISTED: Final = _weight(Severity.MEDIUM, "it is not what the file says")
GRAVE: Final = frozenset(
    {
        "automountServiceAccountToken",
        "externalIPs",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "hostPath",
        "image",
        "initContainers",
        "persistentVolumeReclaimPolicy",
        "securityContext",
        "serviceAccountName",
    }
)
"""Keys whose change matters most, whatever the kind says."""
ADDED: Final = (
    _weight(
        Severity.HIGH,
        "policies add up: each lets through what no other one does",
        "NetworkPolicy",
    ),
    _weight(Severity.HIGH, "somebody may do what nobody approved", "RoleBinding", "ClusterRoleBinding"),
    _weight(
        Severity.HIGH,
        "it runs beside a product, and may reach what that may reach",
        *("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"),
    ),
    _weight(Severity.HIGH, "there may be a way in that nobody approved", "Ingress", "HTTPRoute", "TCPRoute"),
    _weight(Severity.MEDIUM, "pods may be reached by another name or port", "Service"),
    _weight(Severity.MEDIUM, "it changes how many nodes there are, or may be", "HorizontalPodAutoscaler"),
    _weight(
        Severity.MEDIUM,
        "pods may be refused, or a drain be held up",
        *("ResourceQuota", "LimitRange", "PodDisruptionBudget"),
    ),
    _weight(
        Severity.LOW,
        "none by itself: nothing that is rendered refers to it",
        *("ConfigMap", "Secret", "Role", "ServiceAccount", "PersistentVolumeClaim"),
    ),
)
MADE_BY_CLUSTER: Final = frozenset({("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")})
"""What every namespace gets. Source: Kubernetes, "Managing Service Accounts"."""


def address(item: Object) -> str:
    """An object as people name it: namespace, kind and name."""
    metadata = item["metadata"]
    parts = (metadata.get("namespace"), item["kind"], metadata["name"])
    return "/".join(str(part) for part in parts if part)


def differences(compared: Compared) -> Iterator[Drift]:
    """What is otherwise about one object.

    Args:
        compared: the object.
    """
    wanted, live = compared.wanted, compared.live
    weight = _of(CHANGED, wanted)
    if live is None:
        yield _drift(wanted, Deviation.GONE, weight.severity, told="it is not there", risk=weight.risk)
        return
    if compared.after is None:
        told = f"it is otherwise, and cannot be applied over what is there: {compared.refused}"
        yield _drift(wanted, Deviation.CHANGED, Severity.HIGH, told=told, risk=weight.risk)
        return
    found = tuple(_compare((), _own(live), _own(compared.after)))
    if found:
        yield _changed(wanted, live, found, weight=weight)
    yield from _beside(wanted, live, weight=weight)


def changes(live: Object, after: Object) -> tuple[str, ...]:
    """What applying an object changes in it, a field each; what may be secret is told without its value.

    Args:
        live: as it lives.
        after: as it would be if it were applied now.
    """
    found = _compare((), _own(live), _own(after))
    return tuple(each.becoming() for each in found)


def added(live: Sequence[Object], *, rendered: Collection[str], referred: Collection[str]) -> Iterator[Drift]:
    """Objects in the namespaces of a stack that the file does not render.

    Args:
        live: what is there; their metadata are enough.
        rendered: addresses of what is.
        referred: addresses of what rendered objects refer to, and others bring; one that ends with a hyphen stands for
            all that a number follows.
    """
    for item in sorted(live, key=address):
        metadata = item["metadata"]
        name = address(item)
        known = name in rendered or name in referred or name.rstrip("0123456789") in referred
        if known or metadata.get("ownerReferences") or (item["kind"], metadata["name"]) in MADE_BY_CLUSTER:
            continue
        if _is_own_work(item):
            continue
        weight = _of(ADDED, item)
        told = f"it was added by hand{_by(metadata)}"
        yield _drift(item, Deviation.ADDED, weight.severity, told=told, risk=weight.risk)


def bound(bindings: Sequence[Object], *, namespaces: Collection[str]) -> Iterator[Drift]:
    """Rights on the whole cluster that somebody gave to accounts of a stack; it needs none.

    Args:
        bindings: every ClusterRoleBinding.
        namespaces: of the stack.
    """
    risk = "somebody may do what nobody approved"
    for item in sorted(bindings, key=address):
        whom = [text for each in item.get("subjects") or () if (text := _subject(each, namespaces))]
        if whom:
            role = item.get("roleRef", {}).get("name", "")
            told = f"it gives {', '.join(whom)} the role {role} on the whole cluster{_by(item['metadata'])}"
            yield _drift(item, Deviation.ADDED, Severity.HIGH, told=told, risk=risk)


def lacking(
    wanted: Sequence[WantedSecret], there: Mapping[tuple[str, str], BroughtSecret]
) -> Iterator[Drift]:
    """Secrets that objects refer to, and that are not there, lack a key or are of another type.

    Args:
        wanted: what is referred to.
        there: what each secret that was found is like, by namespace and name.
    """
    risk = _of(CHANGED, {"kind": "Secret"}).risk
    for each in wanted:
        item = {"kind": "Secret", "metadata": {"namespace": each.namespace, "name": each.name}}
        found = there.get((each.namespace, each.name))
        if found is None:
            yield _drift(item, Deviation.GONE, Severity.HIGH, told="it is not there", risk=risk)
        elif missing := each.missing(found):
            told = f"it has no {', '.join(missing)}"
            yield _drift(item, Deviation.CHANGED, Severity.HIGH, told=told, risk=risk)
        elif wrong := each.of_wrong_type(found):
            yield _drift(item, Deviation.CHANGED, Severity.HIGH, told=f"it is {wrong}", risk=risk)


@dataclass(frozen=True)
class _Field:
    path: tuple[str, ...]
    before: Any
    after: Any

    def __str__(self) -> str:
        name = ".".join(self.path)
        if HIDDEN & set(self.path):
            return f"{name} is another"
        return f"{name} is {_shown(self.before)} and should be {_shown(self.after)}"

    def becoming(self) -> str:
        """As a change that is to come."""
        name = ".".join(self.path)
        if HIDDEN & set(self.path):
            return f"{name} becomes another"
        return f"{name}: {_shown(self.before)} becomes {_shown(self.after)}"


def _changed(wanted: Object, live: Object, found: Sequence[_Field], *, weight: Weight) -> Drift:
    strange = [each for each in found if not _is_ours(live, each.path)]
    if not strange:
        # What lives is what was applied for the stack: the file is newer.
        risk = "none by itself: apply the file, or let the operator do so"
        told = _several([str(each) for each in found])
        return _drift(wanted, Deviation.PENDING, Severity.LOW, told=told, risk=risk)
    paths = [each.path for each in strange]
    severity = _severity(wanted, paths, weight=weight)
    told = f"{_several([str(each) for each in strange])} ({_whose(live, paths)})"
    return _drift(wanted, Deviation.CHANGED, severity, told=told, risk=_risk(weight, severity))


def _beside(wanted: Object, live: Object, *, weight: Weight) -> Iterator[Drift]:
    """What somebody has written into an object beside what is rendered; applying leaves it where it is."""
    for entry in live["metadata"].get("managedFields") or ():
        if not _by_people(entry) or _has_made(entry, live["metadata"]):
            continue
        paths = [path for path in _unwanted((), entry.get("fieldsV1", {}), wanted) if path[0] not in REPORTED]
        if paths:
            severity = _severity(wanted, paths, weight=weight)
            names = _several([".".join(path) for path in paths])
            told = f"{_writer(entry)} wrote beside what is rendered: {names}"
            yield _drift(wanted, Deviation.ADDED, severity, told=told, risk=_risk(weight, severity))


def _has_made(entry: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    """Whether an object was made by this writer, and became ours later.

    Times are whole seconds: where we wrote in the second in which it was made, we have made it, and this is an edit.
    """
    made = metadata.get("creationTimestamp")
    if entry.get("operation") != "Update" or entry.get("time") != made:
        return False
    ours = (each for each in metadata["managedFields"] if each.get("manager") == MANAGER)
    return all(each.get("time") != made for each in ours)


def _risk(weight: Weight, severity: Severity) -> str:
    return weight.risk if severity > Severity.LOW or weight.severity is Severity.LOW else "none but confusion"


def _severity(item: Object, paths: Sequence[tuple[str, ...]], *, weight: Weight) -> Severity:
    if item["kind"] != "Namespace" and all(path[0] == "metadata" for path in paths):
        return Severity.LOW
    if any(GRAVE & set(path) for path in paths):
        return Severity.HIGH
    return weight.severity


def _own(item: Object) -> dict[str, Any]:
    """An object without what the cluster writes of it by itself."""
    metadata = {key: value for key, value in item["metadata"].items() if key not in COUNTED}
    return {key: value for key, value in item.items() if key not in REPORTED} | {"metadata": metadata}


def _compare(path: tuple[str, ...], before: Any, after: Any) -> Iterator[_Field]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from _compare((*path, key), before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        ours, theirs = _by_name(before), _by_name(after)
        if before != after and ours is not None and theirs is not None and list(ours) != list(theirs):
            for key in sorted({*ours, *theirs}):
                yield from _compare((*path, key), ours.get(key), theirs.get(key))
        elif len(before) == len(after):
            for number, (one, other) in enumerate(zip(before, after, strict=True)):
                yield from _compare((*path, _name(other) or str(number)), one, other)
        else:
            yield _Field(path, before, after)
    elif before != after:
        yield _Field(path, before, after)


def _by_name(items: Sequence[Any]) -> dict[str, Any] | None:
    """The items of a list by their names; ``None`` where one has none, or two have the same."""
    names = {_name(item): item for item in items}
    return None if "" in names or len(names) < len(items) else names


def _name(item: Any) -> str:
    return str(item.get("name", "")) if isinstance(item, Mapping) else ""


def _by_people(entry: Mapping[str, Any]) -> bool:
    """Whether neither we nor the cluster itself has written this, nor anybody who only reports or scales."""
    manager = str(entry.get("manager", ""))
    return manager != MANAGER and not manager.startswith(CONTROL_PLANE) and not entry.get("subresource")


def _is_ours(live: Object, path: tuple[str, ...]) -> bool:
    """Whether what is at a path is what was applied for the stack, and nobody has written it since.

    Whoever updates a field takes it from the one who applied it. One that was taken away is nobody's.
    """
    return any(
        _holds(entry.get("fieldsV1", {}), path)
        for entry in live["metadata"].get("managedFields") or ()
        if entry.get("manager") == MANAGER and entry.get("operation") == "Apply"
    )


def _whose(live: Object, paths: Sequence[tuple[str, ...]]) -> str:
    """Who has written any of these fields."""
    found = {
        _writer(entry)
        for entry in live["metadata"].get("managedFields") or ()
        if entry.get("manager") != MANAGER and any(_holds(entry.get("fieldsV1", {}), path) for path in paths)
    }
    # Of what was taken away nobody is told to have done it.
    return f"written by {', '.join(sorted(found))}" if found else "by whom is not known"


def _writer(entry: Mapping[str, Any]) -> str:
    return f"{entry.get('manager', '')} at {entry.get('time', 'a time that is not known')}"


def _holds(fields: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Whether somebody has written what is at a path, or above or below it."""
    if not path or not fields:
        return True
    below = [
        value
        for key, value in fields.items()
        if key == f"f:{path[0]}"
        or (key.startswith("k:") and path[0] in map(str, json.loads(key[2:]).values()))
    ]
    return any(_holds(value, path[1:]) for value in below)


def _unwanted(path: tuple[str, ...], fields: Mapping[str, Any], wanted: Any) -> Iterator[tuple[str, ...]]:
    """Paths of what was written and is not rendered.

    Source: Kubernetes, "Server-Side Apply": ``f:`` a key, ``k:`` an item of a list by its keys, ``v:`` one by value.
    """
    for key, below in fields.items():
        kind, _, name = key.partition(":")
        if kind == "f":
            if not isinstance(wanted, Mapping) or name not in wanted:
                yield from _leaves((*path, name), below)
            else:
                yield from _unwanted((*path, name), below, wanted[name])
        elif kind == "k":
            keys = json.loads(name)
            item = _item(wanted, keys)
            label = str(keys.get("name", next(iter(keys.values()), "")))
            if item is None:
                yield (*path, label)
            else:
                yield from _unwanted((*path, label), below, item)
        elif kind == "v" and (not isinstance(wanted, list | tuple) or json.loads(name) not in wanted):
            yield (*path, str(json.loads(name)))


def _leaves(path: tuple[str, ...], fields: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A key that is not rendered, or, of metadata, what is below it."""
    named = [key.partition(":")[2] for key in fields if key.startswith("f:")]
    if path[0] == "metadata" and len(path) == 2 and named:
        yield from (
            (*path, name) for name in named if name != "kubectl.kubernetes.io/last-applied-configuration"
        )
    else:
        yield path


def _item(wanted: Any, keys: Mapping[str, Any]) -> Any:
    if not isinstance(wanted, list | tuple):
        return None
    return next(
        (
            item
            for item in wanted
            if isinstance(item, Mapping) and all(item.get(key, value) == value for key, value in keys.items())
        ),
        None,
    )


def _subject(subject: Mapping[str, Any], namespaces: Collection[str]) -> str:
    name, group = str(subject.get("name", "")), "system:serviceaccounts:"
    if subject.get("kind") == "ServiceAccount" and subject.get("namespace") in namespaces:
        return f"{subject['namespace']}/{name}"
    if subject.get("kind") == "Group" and name.startswith(group) and name.removeprefix(group) in namespaces:
        return f"every account of {name.removeprefix(group)}"
    return ""


def _is_own_work(item: Object) -> bool:
    """Whether the operator has made it, a job for an operation or a secret of its own, and nobody else has written."""
    metadata = item["metadata"]
    writers = metadata.get("managedFields") or ()
    labels = metadata.get("labels") or {}
    job = item["kind"] == "Job" and LABEL_WORKED_ON in labels
    own = job or (item["kind"] == "Secret" and labels.get(LABEL_MANAGED_BY) == MANAGER)
    made = any(entry.get("manager") == MANAGER for entry in writers)
    return own and made and not any(_by_people(entry) for entry in writers)


def _by(metadata: Mapping[str, Any]) -> str:
    entries = [each for each in metadata.get("managedFields") or () if _by_people(each)]
    names = sorted({str(each.get("manager", "")) for each in entries})
    since = f" at {metadata['creationTimestamp']}" if metadata.get("creationTimestamp") else ""
    return f" by {', '.join(names)}{since}" if names else since


def _of(weights: Sequence[Weight], item: Object) -> Weight:
    return next((each for each in weights if item["kind"] in each.kinds), UNLISTED)


def _drift(item: Object, what: Deviation, severity: Severity, *, told: str, risk: str) -> Drift:
    return Drift(LAYER, address(item), what, severity, told, risk)


def _several(texts: Sequence[str]) -> str:
    more = len(texts) - MOST
    return "; ".join(texts[:MOST]) + (f"; and {more} more" if more > 0 else "")


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

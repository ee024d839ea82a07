"""A workload as facts that can be compared: what its pods are, whoever rendered them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Object = Mapping[str, Any]
Facts = dict[str, str]
NO: Final = "-"
"""What is not there."""
HIDDEN: Final = "(not shown)"
_OPTIONS: Final = "JVM_SUPPORT_RECOMMENDED_ARGS"
_PROBES: Final = ("readinessProbe", "startupProbe", "livenessProbe")
_PLACED: Final = (
    "nodeSelector",
    "tolerations",
    "affinity",
    "topologySpreadConstraints",
    "priorityClassName",
    "schedulerName",
)


@dataclass(frozen=True)
class Look:
    """A workload among the objects that were rendered with it.

    Attributes:
        objects: all of them.
        item: the workload; ``None`` where there is none.
    """

    objects: Sequence[Object]
    item: Object | None

    @property
    def spec(self) -> Mapping[str, Any]:
        """Of the workload."""
        return (self.item or {}).get("spec") or {}

    @property
    def pod(self) -> Mapping[str, Any]:
        """The specification of its pods."""
        return ((self.spec.get("template") or {}).get("spec")) or {}

    @property
    def main(self) -> Mapping[str, Any]:
        """The container that runs the product: the first one, with everybody who renders it."""
        return next(iter(self.pod.get("containers") or ()), {})


def pod_facts(look: Look) -> Mapping[str, Facts]:
    """Facts of a workload, grouped by meaning.

    Args:
        look: the workload.
    """
    main, pod, spec = look.main, look.pod, look.spec
    environment = dict(_environment(look))
    options = environment.pop(_OPTIONS, "")
    found: dict[str, Facts] = {
        "scale": {"replicas": str(spec.get("replicas", 1))},
        "updates": {"updateStrategy": str((spec.get("updateStrategy") or {}).get("type", "RollingUpdate"))},
        "image": {"image": str(main.get("image", NO))},
        "resources": dict(_flat(main.get("resources") or {}, "")),
        "environment": environment,
        "options": {_option(word): word for word in options.split()},
        "ports": {
            str(port.get("name", port.get("containerPort"))): str(port.get("containerPort"))
            for port in main.get("ports") or ()
        },
        "probes": {probe: _shown(main[probe]) for probe in _PROBES if main.get(probe)},
        "volumes": dict(_mounts(look)),
        "containers": {
            str(each.get("name")): str(each.get("image"))
            for each in (*(pod.get("initContainers") or ()), *(pod.get("containers") or ())[1:])
        },
        "security": dict(_flat(pod.get("securityContext") or {}, "pod"))
        | dict(_flat(main.get("securityContext") or {}, "container")),
        "placement": {key: _shown(pod[key]) for key in _PLACED if pod.get(key)},
        "stopping": {
            "terminationGracePeriodSeconds": str(pod.get("terminationGracePeriodSeconds", 30)),
            "preStop": _shown((main.get("lifecycle") or {}).get("preStop") or NO),
        },
    }
    return found


def claims_of_set(look: Look) -> Iterator[tuple[str, str]]:
    """Every claim whose data a workload's nodes keep: its name, and what it is.

    Args:
        look: the workload.
    """
    name = str(((look.item or {}).get("metadata") or {}).get("name", ""))
    for template in look.spec.get("volumeClaimTemplates") or ():
        size = (((template.get("spec") or {}).get("resources") or {}).get("requests") or {}).get(
            "storage", "?"
        )
        inner = str((template.get("metadata") or {}).get("name", ""))
        for ordinal in range(int(look.spec.get("replicas") or 1)):
            yield f"{inner}-{name}-{ordinal}", f"{size} of a node"
    for volume in look.pod.get("volumes") or ():
        claim = volume.get("persistentVolumeClaim")
        if isinstance(claim, Mapping):
            yield str(claim.get("claimName", "")), "shared by all nodes"


def _environment(look: Look) -> Iterator[tuple[str, str]]:
    for each in look.main.get("env") or ():
        yield str(each.get("name")), _value(each, look)


def _value(variable: Mapping[str, Any], look: Look) -> str:
    source = variable.get("valueFrom")
    if not isinstance(source, Mapping):
        return str(variable.get("value", ""))
    if reference := source.get("secretKeyRef"):
        return f"secret {reference.get('name')} {reference.get('key')}"
    if reference := source.get("fieldRef"):
        return f"field {reference.get('fieldPath')}"
    if reference := source.get("configMapKeyRef"):
        for item in look.objects:
            if item["kind"] == "ConfigMap" and item["metadata"].get("name") == reference.get("name"):
                return " ".join(str((item.get("data") or {}).get(reference.get("key"), "")).split())
        return f"ConfigMap {reference.get('name')} {reference.get('key')}"
    return _shown(source)


def _mounts(look: Look) -> Iterator[tuple[str, str]]:
    kinds = {str(each.get("name")): _kind(each) for each in look.pod.get("volumes") or ()}
    templates = {
        str((each.get("metadata") or {}).get("name")) for each in look.spec.get("volumeClaimTemplates") or ()
    }
    for mount in look.main.get("volumeMounts") or ():
        name = str(mount.get("name"))
        kind = "a volume of its own" if name in templates else kinds.get(name, NO)
        folder = f", folder {mount['subPath']}" if mount.get("subPath") and "volume" in kind else ""
        yield str(mount.get("mountPath")).rstrip("/"), f"{kind}{folder}"


def _kind(volume: Mapping[str, Any]) -> str:
    for kind, shown in (
        ("persistentVolumeClaim", "a claim"),
        ("configMap", "a ConfigMap"),
        ("secret", "a secret"),
        ("emptyDir", "an empty folder"),
        ("nfs", "a directory of NFS"),
        ("projected", "several sources"),
    ):
        if kind in volume:
            return shown
    return "another volume"


def _flat(data: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for key, value in data.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping):
            yield from _flat(value, here)
        else:
            yield here, _shown(value)


def _option(word: str) -> str:
    return word.partition("=")[0]


def _shown(value: Any) -> str:
    """A value on one line, the same however its keys were ordered."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_shown(value[key])}" for key in sorted(value, key=str)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_shown(each) for each in value) + "]"
    return "true" if value is True else "false" if value is False else str(value)

"""APIs that Kubernetes has stopped serving, and who still uses them.

What is rendered says in which version it was written. What lives does not: an API server answers in whatever version it
is asked for. Who wrote it in which version stands in ``metadata.managedFields``, and with ``kubectl apply`` also in an
annotation.

Sources: Kubernetes documentation, "Deprecated API Migration Guide", "Server-Side Apply" (field management) and
"Declarative Management of Kubernetes Objects" (``kubectl.kubernetes.io/last-applied-configuration``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

COUNTED: Final = "apiserver_requested_deprecated_apis"
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, order=True)
class Removal:
    """An API that is not served any more.

    Attributes:
        minor: first minor version of Kubernetes 1 without it.
        api: group and version.
        kinds: that were served under it.
        instead: group and version that serve them.
    """

    minor: int
    api: str
    kinds: tuple[str, ...]
    instead: str

    def __str__(self) -> str:
        return f"1.{self.minor} no longer serves {', '.join(self.kinds)} as {self.api}: write {self.instead}"


_FLOW: Final = ("FlowSchema", "PriorityLevelConfiguration")
REMOVALS: Final = (
    Removal(25, "autoscaling/v2beta1", ("HorizontalPodAutoscaler",), "autoscaling/v2"),
    Removal(25, "batch/v1beta1", ("CronJob",), "batch/v1"),
    Removal(25, "discovery.k8s.io/v1beta1", ("EndpointSlice",), "discovery.k8s.io/v1"),
    Removal(25, "events.k8s.io/v1beta1", ("Event",), "events.k8s.io/v1"),
    Removal(25, "node.k8s.io/v1beta1", ("RuntimeClass",), "node.k8s.io/v1"),
    Removal(25, "policy/v1beta1", ("PodDisruptionBudget",), "policy/v1"),
    Removal(26, "autoscaling/v2beta2", ("HorizontalPodAutoscaler",), "autoscaling/v2"),
    Removal(26, "flowcontrol.apiserver.k8s.io/v1beta1", _FLOW, "flowcontrol.apiserver.k8s.io/v1"),
    Removal(27, "storage.k8s.io/v1beta1", ("CSIStorageCapacity",), "storage.k8s.io/v1"),
    Removal(29, "flowcontrol.apiserver.k8s.io/v1beta2", _FLOW, "flowcontrol.apiserver.k8s.io/v1"),
    Removal(32, "flowcontrol.apiserver.k8s.io/v1beta3", _FLOW, "flowcontrol.apiserver.k8s.io/v1"),
)
"""As of November 2026; none is announced for a minor version after 1.32 that EKS offers."""


@dataclass(frozen=True, order=True)
class Use:
    """An object that somebody writes in a version that is not served any more.

    Attributes:
        kind: of the object.
        name: with its namespace where it has one.
        writer: who wrote it so: a field manager, or "" where the object itself says so.
        removal: of that version.
    """

    kind: str
    name: str
    writer: str
    removal: Removal


def uses(objects: Iterable[Mapping[str, Any]], *, minor: int) -> tuple[Use, ...]:
    """Objects that are written in versions which a minor version of Kubernetes no longer serves.

    Args:
        objects: as they were rendered, or as they live: with their managed fields.
        minor: of Kubernetes 1.

    Returns:
        Each with everybody who writes it so, in the order of kinds and names.
    """
    gone = {
        (each.api, kind): each for each in reversed(REMOVALS) for kind in each.kinds if each.minor <= minor
    }
    found = set()
    for each in objects:
        kind, metadata = str(each.get("kind", "")), each.get("metadata") or {}
        parts = (metadata.get("namespace"), metadata.get("name"))
        for api, writer in _written(each, metadata):
            removal = gone.get((api, kind))
            if removal is not None:
                found.add(Use(kind, "/".join(str(part) for part in parts if part), writer, removal))
    return tuple(sorted(found))


@dataclass(frozen=True, order=True)
class Requested:
    """A deprecated API that somebody has asked an API server for since it was started.

    Attributes:
        api: group and version.
        resource: that was asked for.
        removed: minor version of Kubernetes 1 that serves it no more; ``None`` where none is announced.
    """

    api: str
    resource: str
    removed: int | None

    def is_gone(self, minor: int) -> bool:
        """Whether a minor version of Kubernetes 1 serves it no more."""
        return self.removed is not None and self.removed <= minor


def requested(metrics: str) -> tuple[Requested, ...]:
    """The deprecated APIs that were asked for.

    Source: Kubernetes, "Deprecated API Migration Guide": the metric ``apiserver_requested_deprecated_apis``.

    Args:
        metrics: as an API server tells them.
    """
    found = set()
    for line in metrics.splitlines():
        name, brace, rest = line.partition("{")
        if name != COUNTED or not brace:
            continue
        words, _, value = rest.rpartition("}")
        labels = dict(_LABEL.findall(words))
        if float(value or 0) > 0:
            group, version = labels.get("group", ""), labels.get("version", "")
            removed = re.fullmatch(r"1\.(\d+)", labels.get("removed_release", ""))
            api = f"{group}/{version}" if group else version
            found.add((api, labels.get("resource", ""), None if removed is None else int(removed[1])))
    return tuple(Requested(*each) for each in sorted(found, key=str))


def _written(thing: Mapping[str, Any], metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """In which versions an object was written, and by whom."""
    managed = metadata.get("managedFields") or ()
    for entry in managed:
        yield str(entry.get("apiVersion", "")), str(entry.get("manager", ""))
    applied = (metadata.get("annotations") or {}).get(LAST_APPLIED)
    if applied:
        yield _version_in(applied), "kubectl apply"
    if not managed:
        yield str(thing.get("apiVersion", "")), ""


def _version_in(text: object) -> str:
    """The version that an applied configuration names; "" where it cannot be read, as anybody may write there."""
    try:
        document = json.loads(str(text))
    except ValueError:
        return ""
    return str(document.get("apiVersion", "")) if isinstance(document, dict) else ""

"""Where pods run: spread over machines and zones, and never the first to be put out.

Sources: Kubernetes, "Pod Topology Spread Constraints", "Assigning Pods to Nodes", "Pod Priority and Preemption".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from telamon.desired.kubernetes.data import Meta, Object, made, without_nothing
from telamon.desired.kubernetes.site import Part, Site
from telamon.naming import LABEL_COMPONENT, LABEL_PURPOSE, LABEL_STACK

HOST: Final = "kubernetes.io/hostname"
ZONE: Final = "topology.kubernetes.io/zone"
_PRIORITIES: Final[Mapping[str, int]] = {"production": 1_000_000, "staging": 100_000, "dev": 10_000}


def placement(part: Part, site: Site) -> dict[str, Any]:
    """The fields of a pod that say where it may run.

    Args:
        part: whose pod.
        site: the stack.
    """
    return {
        **machines(site),
        "affinity": {"podAntiAffinity": _apart(part, site)},
        "topologySpreadConstraints": [_spread(part, site, ZONE)],
    }


def machines(site: Site) -> dict[str, Any]:
    """The fields of a pod that say on which machines it may run, and what it may put out there.

    Args:
        site: the stack.
    """
    given = site.spec.placement
    selector = dict(given.node_selector)
    tolerations = [
        without_nothing(
            key=each.key,
            operator="Exists" if each.value is None else "Equal",
            value=each.value,
            effect=each.effect,
        )
        for each in given.tolerations
    ]
    if site.aws is not None:
        selector[LABEL_PURPOSE] = "products"
        tolerations.append(
            {"key": LABEL_PURPOSE, "operator": "Equal", "value": "products", "effect": "NoSchedule"}
        )
    return without_nothing(
        priorityClassName=given.priority_class or own_priority(site),
        nodeSelector=selector,
        tolerations=tolerations,
    )


def own_priority(site: Site) -> str:
    """Name of the priority class that is made where the file names none."""
    return f"{site.prefix}-{site.spec.environment}"


def priority_class(site: Site) -> tuple[Object, ...]:
    """The priority class, where the file names none."""
    if site.spec.placement.priority_class is not None:
        return ()
    environment = site.spec.environment
    return (
        made(
            "scheduling.k8s.io/v1",
            "PriorityClass",
            meta=Meta(own_priority(site), "", {LABEL_STACK: site.stack}),
            value=_PRIORITIES[environment],
            globalDefault=False,
            # A node that has no room waits; it puts out nobody else's work.
            preemptionPolicy="Never" if environment == "dev" else "PreemptLowerPriority",
            description=f"The {environment} products of the stack {site.stack}.",
        ),
    )


def _selector(part: Part, site: Site) -> dict[str, Any]:
    return {"matchLabels": {LABEL_STACK: site.stack, LABEL_COMPONENT: part.name}}


def _apart(part: Part, site: Site) -> dict[str, Any]:
    """Two nodes on one machine are lost together."""
    term = {"labelSelector": _selector(part, site), "topologyKey": HOST}
    if site.spec.placement.apart == "required":
        return {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    weighted = {"weight": 100, "podAffinityTerm": term}
    return {"preferredDuringSchedulingIgnoredDuringExecution": [weighted]}


def _spread(part: Part, site: Site, key: str) -> dict[str, Any]:
    """Over zones as evenly as can be; with a zone lost, what is left takes all."""
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": _selector(part, site),
    }

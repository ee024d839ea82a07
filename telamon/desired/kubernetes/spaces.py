"""Namespaces, and what may be used in each.

Sources: Kubernetes, "Pod Security Admission" (labels of namespaces), "Resource Quotas", "Limit Ranges".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from telamon.desired.kubernetes.data import Meta, Object, made
from telamon.desired.kubernetes.database import server_resources
from telamon.desired.kubernetes.site import SIDECAR_CPU, SIDECAR_MEMORY, Part, Site, database_spec
from telamon.model.database import CloudNativePgDatabase
from telamon.naming import LABEL_MANAGED_BY, LABEL_PRODUCT, LABEL_STACK, MANAGER
from telamon.units import Bytes, Cpu

JOBS: Final = 10
"""Pods in the namespace of the database beyond its servers."""
SPARE: Final = 1 << 30
"""Bytes of memory in a namespace beyond its nodes: for jobs and for what prepares a pod."""


def namespace(name: str, site: Site, *, product: str | None = None) -> Object:
    """A namespace in which only contained pods may run.

    Args:
        name: of it.
        site: the stack.
        product: the product that it is for; ``None`` for what no product owns.
    """
    labels = {LABEL_MANAGED_BY: MANAGER, LABEL_STACK: site.stack}
    if product is not None:
        labels[LABEL_PRODUCT] = product
    for mode in ("enforce", "audit", "warn"):
        labels[f"pod-security.kubernetes.io/{mode}"] = "restricted"
        labels[f"pod-security.kubernetes.io/{mode}-version"] = "latest"
    return made("v1", "Namespace", meta=Meta(name, "", labels))


def bounds(name: str, site: Site, *, parts: Sequence[Part]) -> tuple[Object, ...]:
    """How much a namespace may use: what its nodes ask for, one more of the largest, and a little.

    Args:
        name: of the namespace.
        site: the stack.
        parts: components that run in it.
    """
    memory = [memory_of_pod(part) for part in parts]
    cpu = [cpu_of_pod(part) for part in parts]
    pods = sum(part.nodes for part in parts)
    claims = sum(part.nodes for part in parts) + len(parts)
    total = sum(each * part.nodes for each, part in zip(memory, parts, strict=True)) + max(memory) + SPARE
    cores = sum(each * part.nodes for each, part in zip(cpu, parts, strict=True)) + max(cpu) + 1000
    hard = {
        "pods": str(pods + 5),
        "requests.cpu": str(Cpu(cores)),
        "requests.memory": str(Bytes(total)),
        "limits.memory": str(Bytes(total)),
        "persistentvolumeclaims": str(claims + 2),
    }
    return _bounds(name, site, hard, most={"cpu": "500m", "memory": "128Mi", "ephemeral-storage": "1Gi"})


def _bounds(name: str, site: Site, hard: Mapping[str, str], *, most: Mapping[str, str]) -> tuple[Object, ...]:
    labels = site.labels(name)
    usual = {
        "type": "Container",
        "defaultRequest": {"cpu": "50m", "memory": "128Mi", "ephemeral-storage": "64Mi"},
        "default": dict(most),
    }
    return (
        made("v1", "ResourceQuota", meta=Meta("bounds", name, labels), spec={"hard": dict(hard)}),
        made("v1", "LimitRange", meta=Meta("usual", name, labels), spec={"limits": [usual]}),
    )


def database_bounds(name: str, site: Site) -> tuple[Object, ...]:
    """The same where the database is.

    There are its servers, two more for one that is made anew beside another that joins, and jobs; of a database that is
    elsewhere jobs alone. Servers that are told no limit of the processor or of the disk get none.

    Args:
        name: of the namespace.
        site: the stack.
    """
    chosen = database_spec(site.spec)
    servers, cores, memory, claims = 0, 0, 0, 0
    if isinstance(chosen, CloudNativePgDatabase):
        cpu, each = server_resources(chosen)
        servers = chosen.instances + 2
        cores, memory = servers * cpu.millicores, servers * each.count
        # Data, and where somebody has patched it in, a volume of its own for the log.
        claims = 2 * servers
    hard = {
        "pods": str(servers + JOBS),
        "requests.cpu": str(Cpu(cores + 1000)),
        "requests.memory": str(Bytes(memory + SPARE)),
        "limits.memory": str(Bytes(memory + SPARE)),
        "persistentvolumeclaims": str(claims),
    }
    return _bounds(name, site, hard, most={"memory": "128Mi"})


def memory_of_pod(part: Part) -> int:
    """Bytes of one pod of a component."""
    beside = part.spec.sidecars if part.is_product else ()
    return part.memory.count + sum((each.resources.memory or SIDECAR_MEMORY).count for each in beside)


def cpu_of_pod(part: Part) -> int:
    """Thousandths of a core of one pod of a component."""
    beside = part.spec.sidecars if part.is_product else ()
    return part.cpu.millicores + sum((each.resources.cpu or SIDECAR_CPU).millicores for each in beside)

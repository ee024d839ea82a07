"""A component as objects: its pods, the services before them, and how many may be missing at a time.

Two services, for two questions. The one that carries traffic lists members that serve and carry the label
``telamon.dev/serving``, so that draining a node is taking that label away. The other lists all members, also those that
are not ready or drained, because nodes that cannot see one another end their cluster.

Sources: Kubernetes, "StatefulSets" (update strategy ``OnDelete``, pod management), "Specifying a Disruption Budget"
(``unhealthyPodEvictionPolicy``).
"""

from __future__ import annotations

from typing import Any

from telamon.desired.kubernetes.data import Meta, Object, made, port_name, without_nothing
from telamon.desired.kubernetes.database import Database
from telamon.desired.kubernetes.environment import context
from telamon.desired.kubernetes.mounts import file_key, files_map
from telamon.desired.kubernetes.pods import template
from telamon.desired.kubernetes.site import Part, Site
from telamon.desired.kubernetes.storage import claim_templates
from telamon.naming import LABEL_COMPONENT, LABEL_SERVING, LABEL_STACK


def workload(part: Part, site: Site, *, database: Database) -> tuple[Object, ...]:
    """Every object of a component that its nodes need.

    Args:
        part: the component.
        site: the stack.
        database: where the database is.
    """
    files = part.workload.files(context(part, site, database=database))
    found: list[Object] = []
    if files:
        data = {file_key(path): text for path, text in files.items()}
        found.append(made("v1", "ConfigMap", meta=_meta(part, site, name=files_map(part)), data=data))
    found += [_traffic(part, site), _peers(part, site)]
    found.append(_budget(part, site))
    found.append(_stateful_set(part, site, database=database))
    return tuple(found)


def _meta(part: Part, site: Site, *, name: str = "") -> Meta:
    return Meta(name or part.name, part.namespace, site.part_labels(part))


def selector(part: Part, site: Site) -> dict[str, str]:
    """The labels by which a component's pods are found."""
    return {LABEL_STACK: site.stack, LABEL_COMPONENT: part.name}


def _stateful_set(part: Part, site: Site, *, database: Database) -> Object:
    spec = without_nothing(
        serviceName=part.peers,
        replicas=part.nodes,
        # A node that cannot start must not keep another from coming back; who starts first is the operator's to say.
        podManagementPolicy="Parallel",
        updateStrategy={"type": "OnDelete"},
        revisionHistoryLimit=5,
        persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"},
        selector={"matchLabels": selector(part, site)},
        template=template(part, site, database=database),
        volumeClaimTemplates=claim_templates(part, site),
    )
    return made("apps/v1", "StatefulSet", meta=_meta(part, site), spec=spec)


def _traffic(part: Part, site: Site) -> Object:
    chosen = selector(part, site)
    if part.outline.rotates:
        chosen[LABEL_SERVING] = "true"
    public = [port for port in part.workload.ports if port.public] or list(part.workload.ports[:1])
    spec = {
        "type": "ClusterIP",
        "selector": chosen,
        "ports": [_port(port.name, port.number) for port in public],
    }
    return made("v1", "Service", meta=_meta(part, site), spec=spec)


def _peers(part: Part, site: Site) -> Object:
    spec = {
        "type": "ClusterIP",
        "clusterIP": "None",
        # A node that is not ready, or drained, stays in its cluster.
        "publishNotReadyAddresses": True,
        "selector": selector(part, site),
        "ports": [_port(port.name, port.number) for port in part.ports],
    }
    return made("v1", "Service", meta=_meta(part, site, name=part.peers), spec=spec)


def _port(name: str, number: int) -> dict[str, Any]:
    short = port_name(name)
    return {"name": short, "port": number, "targetPort": short, "protocol": "TCP"}


def _budget(part: Part, site: Site) -> Object:
    spec = {
        "maxUnavailable": 1,
        # A node that is not ready anyway may always be moved: else a broken one would block the drain of its machine.
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": selector(part, site)},
    }
    return made("policy/v1", "PodDisruptionBudget", meta=_meta(part, site), spec=spec)

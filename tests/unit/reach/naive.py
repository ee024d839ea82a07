"""What network policies allow, asked one flow at a time and straight from the documents: slow, and sharing no code.

It follows the words of the API reference of ``NetworkPolicy v1`` and nothing else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Pod:
    """A pod, as a document would show it."""

    namespace: str
    labels: Mapping[str, str]
    address: str
    ports: Mapping[str, tuple[str, int]]


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects."""
    selector = selector or {}
    for key, value in (selector.get("matchLabels") or {}).items():
        if key not in labels or labels[key] != value:
            return False
    for demand in selector.get("matchExpressions") or []:
        key, values = demand["key"], demand.get("values") or []
        if demand["operator"] == "In" and (key not in labels or labels[key] not in values):
            return False
        if demand["operator"] == "NotIn" and key in labels and labels[key] in values:
            return False
        if demand["operator"] == "Exists" and key not in labels:
            return False
        if demand["operator"] == "DoesNotExist" and key in labels:
            return False
    return True


def is_peer(
    peer: Mapping[str, Any], other: Pod | str, home: str, names: Mapping[str, Mapping[str, str]]
) -> bool:
    """Whether a pod, or an address outside, is meant by a peer of a policy in a namespace."""
    if "ipBlock" in peer:
        address = ipaddress.ip_address(other if isinstance(other, str) else other.address)
        block = peer["ipBlock"]
        if address not in ipaddress.ip_network(block["cidr"]):
            return False
        return all(address not in ipaddress.ip_network(each) for each in block.get("except") or [])
    if isinstance(other, str):
        return False
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"], names[other.namespace]):
            return False
    elif other.namespace != home:
        return False
    return selects(peer.get("podSelector"), other.labels)


def is_port(rule: Mapping[str, Any], protocol: str, port: int, target: Pod | None) -> bool:
    """Whether a port is meant by a rule."""
    if not rule.get("ports"):
        return True
    for each in rule["ports"]:
        if each.get("protocol", "TCP") != protocol:
            continue
        wanted = each.get("port")
        if wanted is None:
            return True
        if isinstance(wanted, str):
            if target is not None and target.ports.get(wanted) == (protocol, port):
                return True
        elif wanted <= port <= each.get("endPort", wanted):
            return True
    return False


def one_way(
    policies: Sequence[Mapping[str, Any]],
    names: Mapping[str, Mapping[str, str]],
    *,
    own: Pod,
    other: Pod | str,
    direction: str,
    flow: tuple[str, int],
) -> bool:
    """Whether one side lets a flow through."""
    speaking = []
    for policy in policies:
        spec = policy["spec"]
        types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
        if (
            policy["metadata"]["namespace"] == own.namespace
            and direction in types
            and selects(spec.get("podSelector"), own.labels)
        ):
            speaking.append(policy)
    if not speaking:
        return True
    target = other if direction == "Egress" else own
    for policy in speaking:
        for rule in policy["spec"].get(direction.lower()) or []:
            peers = rule.get("to" if direction == "Egress" else "from")
            home = policy["metadata"]["namespace"]
            meant = not peers or any(is_peer(peer, other, home, names) for peer in peers)
            if meant and is_port(rule, *flow, target if isinstance(target, Pod) else None):
                return True
    return False


def allowed(
    policies: Sequence[Mapping[str, Any]],
    names: Mapping[str, Mapping[str, str]],
    *,
    source: Pod,
    target: Pod,
    flow: tuple[str, int],
) -> bool:
    """Whether one pod may open a connection to another."""
    if source is target:
        return True
    out = one_way(policies, names, own=source, other=target, direction="Egress", flow=flow)
    return out and one_way(policies, names, own=target, other=source, direction="Ingress", flow=flow)

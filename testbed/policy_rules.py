"""What network policies mean, as rules of nftables, as naively as can be.

Every policy, rule, peer, port and pod is written out: one ordered rule of nftables for each combination, and the first
that fits decides. Nothing is joined, subtracted or reasoned about, so that it can be read beside the API reference and
be a judge of whoever does reason.

A packet is looked at twice, on the node that its sender is on and on that of its target. Established connections go on
when a policy changes. A pod that is not known yet is kept from everything: it must not be open until it is.

Sources: Kubernetes API reference, ``NetworkPolicy v1``, and "Network Policies" (a pod's own node always reaches it);
nft(8), "Rules", "Verdict statement".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

TABLE: Final = "policies"
INGRESS: Final = "Ingress"
EGRESS: Final = "Egress"
_OWN: Final = {EGRESS: "ip saddr", INGRESS: "ip daddr"}
"""The side of a packet on which the pod is that a policy speaks of."""
_OTHER: Final = {EGRESS: "ip daddr", INGRESS: "ip saddr"}
_CHAINS: Final = {EGRESS: "leaving", INGRESS: "arriving"}

Item = Mapping[str, Any]


@dataclass(frozen=True)
class World:
    """What there is in a cluster, as the API server shows it.

    Attributes:
        pods: all of them.
        namespaces: likewise.
        policies: likewise.
    """

    pods: Sequence[Item] = ()
    namespaces: Sequence[Item] = ()
    policies: Sequence[Item] = ()


def ruleset(world: World, *, node: str, addresses: str) -> str:
    """All rules of a node, to be put in the place of those that it has, at once.

    Args:
        world: what there is.
        node: name of the node.
        addresses: range of the addresses of its pods.
    """
    lines = [
        f"table inet {TABLE}",
        f"delete table inet {TABLE}",
        f"table inet {TABLE} {{",
        "chain forward {",
        "type filter hook forward priority filter; policy accept;",
        "ct state established,related accept",
        *(f"jump {chain}" for chain in _CHAINS.values()),
        "}",
    ]
    for direction, chain in _CHAINS.items():
        lines += [f"chain {chain} {{", *_chain(world, direction, node=node)]
        lines += [f"{_OWN[direction]} {addresses} drop", "}"]
    return "\n".join([*lines, "}", ""])


def _chain(world: World, direction: str, *, node: str) -> Iterator[str]:
    """The rules of one direction for every pod of a node; what returns is let through."""
    for pod in world.pods:
        if pod["spec"].get("nodeName") != node or not _has_address(pod):
            continue
        own = f"{_OWN[direction]} {_address(pod)}"
        speaking = [policy for policy in world.policies if _speaks_of(policy, pod, direction)]
        if speaking:
            yield f"{own} {_OTHER[direction]} {_address(pod)} return"
            for policy in speaking:
                for match in _matches(world, policy, direction=direction, pod=pod):
                    yield " ".join((own, *match, "return"))
            yield f"{own} drop"
        else:
            yield f"{own} return"


def _speaks_of(policy: Item, pod: Item, direction: str) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes") or [INGRESS, *([EGRESS] if spec.get("egress") else [])]
    here = policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return here and direction in types and _selects(spec.get("podSelector"), _labels(pod))


def _matches(world: World, policy: Item, *, direction: str, pod: Item) -> Iterator[tuple[str, ...]]:
    """Every combination of a peer and a port that a policy lets through for a pod."""
    side = "from" if direction == INGRESS else "to"
    for rule in policy["spec"].get(direction.lower()) or ():
        for peer in _peers(world, policy, rule=rule.get(side) or (), direction=direction):
            for port in _ports(world, rule.get("ports") or (), direction=direction, pod=pod):
                yield (*peer, *port)


def _peers(world: World, policy: Item, *, rule: Sequence[Item], direction: str) -> Iterator[tuple[str, ...]]:
    if not rule:
        yield ()
    other = _OTHER[direction]
    for peer in rule:
        block = peer.get("ipBlock")
        if block is not None:
            yield (_within(other, block["cidr"]), *(f"{other} != {but}" for but in block.get("except") or ()))
            continue
        for pod in world.pods:
            if _has_address(pod) and _is_meant(world, peer, pod=pod, home=policy["metadata"]["namespace"]):
                yield (f"{other} {_address(pod)}",)


def _within(side: str, cidr: str) -> str:
    """The range of all addresses is none that nftables knows."""
    return "meta nfproto ipv4" if cidr.endswith("/0") else f"{side} {cidr}"


def _is_meant(world: World, peer: Item, *, pod: Item, home: str) -> bool:
    namespace = pod["metadata"]["namespace"]
    if "namespaceSelector" not in peer:
        inside = namespace == home
    else:
        inside = any(
            each["metadata"]["name"] == namespace and _selects(peer["namespaceSelector"], _labels(each))
            for each in world.namespaces
        )
    return inside and _selects(peer.get("podSelector"), _labels(pod))


def _ports(world: World, ports: Sequence[Item], *, direction: str, pod: Item) -> Iterator[tuple[str, ...]]:
    if not ports:
        yield ()
    for port in ports:
        protocol = (port.get("protocol") or "TCP").lower()
        number = port.get("port")
        if number is None:
            yield (f"meta l4proto {protocol}",)
        elif not isinstance(number, str):
            last = port.get("endPort") or number
            yield (f"{protocol} dport {number if last == number else f'{number}-{last}'}",)
        elif direction == INGRESS:
            yield from ((f"{protocol} dport {each}",) for each in _named(pod, number, protocol))
        else:
            # A name is one of the target's, and another target may call another port so.
            for target in filter(_has_address, world.pods):
                for each in _named(target, number, protocol):
                    yield f"{_OTHER[direction]} {_address(target)}", f"{protocol} dport {each}"


def _named(pod: Item, name: str, protocol: str) -> Iterator[int]:
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == name and (port.get("protocol") or "TCP").lower() == protocol:
                yield int(port["containerPort"])


def _selects(selector: Item | None, labels: Mapping[str, str]) -> bool:
    demands = selector or {}
    if any(labels.get(key) != value for key, value in (demands.get("matchLabels") or {}).items()):
        return False
    return all(_holds(each, labels) for each in demands.get("matchExpressions") or ())


def _holds(demand: Item, labels: Mapping[str, str]) -> bool:
    key, values = demand["key"], demand.get("values") or ()
    return {
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
        "In": key in labels and labels[key] in values,
        "NotIn": key not in labels or labels[key] not in values,
    }[demand["operator"]]


def _labels(item: Item) -> Mapping[str, str]:
    return item["metadata"].get("labels") or {}


def _has_address(pod: Item) -> bool:
    """Whether a pod has an address of its own now; that of one on its node's network is the node's."""
    status = pod.get("status") or {}
    ended = status.get("phase") in {"Succeeded", "Failed"}
    return bool(status.get("podIP")) and not ended and not pod["spec"].get("hostNetwork")


def _address(pod: Item) -> str:
    return str(pod["status"]["podIP"])

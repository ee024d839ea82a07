"""Network policies: nothing may flow, but for what :mod:`telamon.desired.kubernetes.flows` lists.

A namespace begins with a policy that denies both ways. Each component then gets one that allows its flows; a flow
between two of our own components is allowed on both sides, because each side is denied by its own namespace.

Sources: Kubernetes, "Network Policies"; Project Calico, "Global network policy".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from telamon.desired.kubernetes.data import Meta, Object, made, without_nothing
from telamon.desired.kubernetes.flows import NAMESPACE_NAME, Block, Flow, Peer, Pods
from telamon.desired.kubernetes.site import Site
from telamon.naming import LABEL_COMPONENT, LABEL_STACK

_VERSION = "networking.k8s.io/v1"


def deny_all(namespace: str, site: Site) -> Object:
    """Deny everything in a namespace, both ways."""
    spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    return made(
        _VERSION, "NetworkPolicy", meta=Meta("deny-all", namespace, site.labels("network")), spec=spec
    )


def allowing(namespace: str, site: Site, *, flows: Iterable[Flow]) -> tuple[Object, ...]:
    """A policy for each set of pods of a namespace that any flow touches.

    Args:
        namespace: the namespace.
        site: the stack.
        flows: all flows of the stack; those of other namespaces are left out.
    """
    inward: dict[Pods, dict[tuple[Peer, str], list[int]]] = {}
    outward: dict[Pods, dict[tuple[Peer, str], list[int]]] = {}
    for flow in flows:
        for own, other, found in (
            (flow.target, flow.source, inward),
            (flow.source, flow.target, outward),
        ):
            if isinstance(own, Pods) and own.namespace == ((NAMESPACE_NAME, namespace),):
                ports = found.setdefault(own, {}).setdefault((other, flow.protocol), [])
                ports += [port for port in flow.ports if port not in ports]
    touched = list(dict.fromkeys([*inward, *outward]))
    return tuple(
        _policy(namespace, site, pods=own, inward=inward.get(own, {}), outward=outward.get(own, {}))
        for own in touched
    )


def calico_deny_all(site: Site) -> Object:
    """The same for every namespace of the stack at once, where Calico is the engine.

    It comes after all policies of namespaces, so that it decides only where none of them spoke.
    """
    spec = {
        "order": 10_000,
        "namespaceSelector": f"{LABEL_STACK} == '{site.stack}'",
        "types": ["Ingress", "Egress"],
    }
    meta = Meta(f"{site.prefix}-deny-all", "", site.labels("network"))
    return made("projectcalico.org/v3", "GlobalNetworkPolicy", meta=meta, spec=spec)


def _policy(
    namespace: str,
    site: Site,
    *,
    pods: Pods,
    inward: Mapping[tuple[Peer, str], Sequence[int]],
    outward: Mapping[tuple[Peer, str], Sequence[int]],
) -> Object:
    labels = dict(pods.labels)
    spec = without_nothing(
        podSelector={"matchLabels": labels},
        policyTypes=["Ingress", "Egress"],
        ingress=[_rule("from", peer, (protocol, ports)) for (peer, protocol), ports in inward.items()],
        egress=[_rule("to", peer, (protocol, ports)) for (peer, protocol), ports in outward.items()],
    )
    name = labels.get(LABEL_COMPONENT) or next(iter(labels.values()))
    return made(_VERSION, "NetworkPolicy", meta=Meta(name, namespace, site.labels("network")), spec=spec)


def _rule(direction: str, peer: Peer, allowed: tuple[str, Sequence[int]]) -> dict[str, Any]:
    protocol, ports = allowed
    return {
        direction: [_peer(peer)],
        "ports": [{"protocol": protocol, "port": port} for port in ports],
    }


def _peer(peer: Peer) -> dict[str, Any]:
    if isinstance(peer, Block):
        return {"ipBlock": without_nothing(cidr=peer.network, **{"except": list(peer.but)})}
    return without_nothing(
        namespaceSelector={"matchLabels": dict(peer.namespace)},
        podSelector={"matchLabels": dict(peer.labels)} if peer.labels else {},
    )

"""Pods and policies by which what reads policies is judged: those of the upstream suite, and random ones."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from telamon.reach.model import PROTOCOLS, Workload
from tests.unit.reach import naive

NAMES: Mapping[str, Mapping[str, str]] = {
    name: {"kubernetes.io/metadata.name": name, "ns": name} for name in ("x", "y", "z")
}
SERVED = (80, 81)


def policy(spec: dict[str, Any], namespace: str = "x", name: str = "one") -> dict[str, Any]:
    """A policy as a document."""
    return {"kind": "NetworkPolicy", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def pods() -> list[naive.Pod]:
    """The upstream suite's cluster: three namespaces with three pods each, that serve two ports by each protocol."""
    ports = {
        f"serve-{port}-{protocol.lower()}": (protocol, port) for port in SERVED for protocol in PROTOCOLS
    }
    return [
        naive.Pod(namespace, {"pod": pod}, f"192.0.2.{16 * number + 1 + place}", ports)
        for number, namespace in enumerate(NAMES)
        for place, pod in enumerate("abc")
    ]


def many(seed: int, count: int) -> list[naive.Pod]:
    """Pods of a larger cluster, at most 254: each in one of the namespaces, with labels that policies select by."""
    dice = random.Random(seed)
    return [
        naive.Pod(
            dice.choice(list(NAMES)),
            {"pod": dice.choice("abcd"), "tier": dice.choice("ab")},
            f"192.0.2.{number + 1}",
            {},
        )
        for number in range(count)
    ]


def workloads(found: Sequence[naive.Pod]) -> list[Workload]:
    """The same for the solver."""
    return [
        Workload(
            f"{pod.namespace}/{pod.labels.get('pod', '')}",
            pod.namespace,
            NAMES[pod.namespace],
            pod.labels,
            pod.ports,
            pod.address,
        )
        for pod in found
    ]


def to(*targets: str) -> set[str]:
    """Every pair that ends at one of these."""
    names = [f"{pod.namespace}/{pod.labels['pod']}" for pod in pods()]
    return {f"{source} {target}" for source in names for target in targets if source != target}


X = ("x/a", "x/b", "x/c")

# Cases of the upstream suite (kubernetes/kubernetes, test/e2e/network/netpol/network_policy.go), with what it expects:
# a policy's spec in namespace x, the protocol and port that are tried, and which pairs are kept apart.
TRUTH: tuple[tuple[str, dict[str, Any], str, int, set[str]], ...] = (
    ("deny ingress", {"podSelector": {}, "policyTypes": ["Ingress"]}, "TCP", 80, to(*X)),
    (
        "deny egress",
        {"podSelector": {}, "policyTypes": ["Egress"]},
        "TCP",
        80,
        {pair for pair in to(*{f"{n}/{p}" for n in "xyz" for p in "abc"}) if pair.startswith("x/")},
    ),
    ("allow all ingress", {"podSelector": {}, "ingress": [{}]}, "TCP", 80, set()),
    (
        "allow from pods of one label in the same namespace",
        {
            "podSelector": {"matchLabels": {"pod": "a"}},
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"pod": "b"}}}]}],
        },
        "TCP",
        80,
        to("x/a") - {"x/b x/a"},
    ),
    (
        "allow from a namespace",
        {
            "podSelector": {"matchLabels": {"pod": "a"}},
            "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"ns": "y"}}}]}],
        },
        "TCP",
        80,
        {pair for pair in to("x/a") if not pair.startswith("y/")},
    ),
    (
        "allow from pods and namespaces, each demand within one peer",
        {
            "podSelector": {"matchLabels": {"pod": "a"}},
            "ingress": [
                {
                    "from": [
                        {
                            "namespaceSelector": {
                                "matchExpressions": [{"key": "ns", "operator": "NotIn", "values": ["x"]}]
                            },
                            "podSelector": {
                                "matchExpressions": [{"key": "pod", "operator": "In", "values": ["b", "c"]}]
                            },
                        }
                    ]
                }
            ],
        },
        "TCP",
        80,
        to("x/a") - {"y/b x/a", "y/c x/a", "z/b x/a", "z/c x/a"},
    ),
    (
        "a port that is not named stays closed",
        {"podSelector": {}, "ingress": [{"ports": [{"port": 81, "protocol": "TCP"}]}]},
        "TCP",
        80,
        to(*X),
    ),
    (
        "the port that is named is open",
        {"podSelector": {}, "ingress": [{"ports": [{"port": 81, "protocol": "TCP"}]}]},
        "TCP",
        81,
        set(),
    ),
    (
        "another protocol stays closed",
        {"podSelector": {}, "ingress": [{"ports": [{"port": 81, "protocol": "TCP"}]}]},
        "UDP",
        81,
        to(*X),
    ),
    (
        "a port by its name",
        {"podSelector": {}, "ingress": [{"ports": [{"port": "serve-81-tcp", "protocol": "TCP"}]}]},
        "TCP",
        81,
        set(),
    ),
    (
        "a named port of another protocol is none",
        {"podSelector": {}, "ingress": [{"ports": [{"port": "serve-81-udp", "protocol": "TCP"}]}]},
        "UDP",
        81,
        to(*X),
    ),
    (
        "a range of ports",
        {"podSelector": {}, "ingress": [{"ports": [{"port": 81, "endPort": 90}]}]},
        "TCP",
        80,
        to(*X),
    ),
    (
        "SCTP",
        {"podSelector": {}, "ingress": [{"ports": [{"port": 80, "protocol": "SCTP"}]}]},
        "SCTP",
        80,
        set(),
    ),
    (
        "egress to addresses, but for some",
        {
            "podSelector": {"matchLabels": {"pod": "a"}},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.0/27", "except": ["192.0.2.16/28"]}}]}],
        },
        "TCP",
        80,
        {f"x/a {name}/{pod}" for name in "yz" for pod in "abc"},
    ),
)


def random_selector(dice: random.Random) -> dict[str, Any]:
    """Any selector."""
    kind = dice.randrange(5)
    if kind == 0:
        return {}
    if kind <= 2:
        return {"matchLabels": {"pod": dice.choice("abcd")}}
    operator = dice.choice(["In", "NotIn", "Exists", "DoesNotExist"])
    demand: dict[str, Any] = {"key": dice.choice(["pod", "tier"]), "operator": operator}
    if operator in {"In", "NotIn"}:
        demand["values"] = dice.sample("abcd", 2)
    return {"matchExpressions": [demand]}


def random_peer(dice: random.Random) -> dict[str, Any]:
    """Any peer."""
    kind = dice.randrange(4)
    if kind == 0:
        but = [f"192.0.2.{dice.randrange(16) * 4}/30" for _ in range(dice.randrange(3))]
        return {
            "ipBlock": {"cidr": dice.choice(["0.0.0.0/0", "192.0.2.0/26", "192.0.2.16/28"]), "except": but}
        }
    peer: dict[str, Any] = {}
    if kind != 1:
        values = dice.sample(["x", "y", "z"], 2)
        peer["namespaceSelector"] = dice.choice(
            [
                {},
                {"matchLabels": {"ns": values[0]}},
                {"matchExpressions": [{"key": "ns", "operator": "NotIn", "values": values}]},
            ]
        )
    if kind != 2:
        peer["podSelector"] = random_selector(dice)
    return peer


def random_port(dice: random.Random) -> dict[str, Any]:
    """Any port."""
    port: dict[str, Any] = {}
    if dice.random() < 0.8:
        port["protocol"] = dice.choice(PROTOCOLS)
    kind = dice.randrange(4)
    if kind == 0:
        port["port"] = f"serve-{dice.choice(SERVED)}-{port.get('protocol', 'TCP').lower()}"
    elif kind == 1:
        port["port"] = dice.choice([79, 80, 81, 443])
    elif kind == 2:
        first = dice.choice([1, 79, 80, 81])
        port |= {"port": first, "endPort": dice.choice([first, 80 + first, 65535])}
    return port


def random_rule(dice: random.Random, side: str) -> dict[str, Any]:
    """Any rule."""
    rule: dict[str, Any] = {}
    if dice.random() < 0.8:
        rule[side] = [random_peer(dice) for _ in range(dice.randrange(1, 3))]
    if dice.random() < 0.7:
        rule["ports"] = [random_port(dice) for _ in range(dice.randrange(1, 3))]
    return rule


def random_policies(seed: int, count: int) -> list[dict[str, Any]]:
    """Any set of policies."""
    dice = random.Random(seed)
    found = []
    for number in range(count):
        spec: dict[str, Any] = {"podSelector": random_selector(dice)}
        if dice.random() < 0.7:
            spec["policyTypes"] = dice.choice([["Ingress"], ["Egress"], ["Ingress", "Egress"]])
        if dice.random() < 0.8:
            spec["ingress"] = [random_rule(dice, "from") for _ in range(dice.randrange(3))]
        if dice.random() < 0.8:
            spec["egress"] = [random_rule(dice, "to") for _ in range(dice.randrange(3))]
        found.append(policy(spec, dice.choice(list(NAMES)), f"policy-{number}"))
    return found

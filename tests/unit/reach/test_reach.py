"""What policies allow is worked out exactly."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from telamon.errors import UsageError
from telamon.reach.explain import explain
from telamon.reach.intervals import ALL_ADDRESSES, NO_NUMBERS, Intervals, addresses_text, network
from telamon.reach.model import EGRESS, INGRESS, PROTOCOLS, Workload, policy_of
from telamon.reach.solve import EVERYTHING, NOTHING, Reach, solve
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


def reach_of(documents: Sequence[Mapping[str, Any]], found: Sequence[naive.Pod] | None = None) -> Reach:
    """What is worked out."""
    return solve(workloads(found or pods()), [policy_of(document) for document in documents])


def table(reach: Reach, protocol: str = "TCP", port: int = 80) -> set[str]:
    """Pairs that may not speak, as ``x/a y/b``."""
    number = PROTOCOLS.index(protocol)
    return {
        f"{reach.workloads[source].name} {reach.workloads[target].name}"
        for (source, target), ports in reach.matrix().items()
        if port not in ports[number]
    }


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


@pytest.mark.parametrize(
    ("spec", "protocol", "port", "apart"), [case[1:] for case in TRUTH], ids=[case[0] for case in TRUTH]
)
def test_the_truth_table_of_the_upstream_suite(
    spec: dict[str, Any], protocol: str, port: int, apart: set[str]
) -> None:
    assert table(reach_of([policy(spec)]), protocol, port) == apart


def test_policies_add_up_and_both_sides_have_to_agree() -> None:
    closed = policy({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, "x", "closed")
    out = policy({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}, "x", "out")
    within = policy({"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}, "x", "within")
    assert "x/a x/b" in table(reach_of([closed]))
    assert "x/a x/b" in table(reach_of([closed, out])), "one side alone does not open a flow"
    reach = reach_of([closed, out, within])
    assert "x/a x/b" not in table(reach)
    assert "y/a x/b" in table(reach)
    assert "x/a y/b" not in table(reach)


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


def agrees(seed: int) -> None:
    """One random set of policies is worked out as it is asked, flow by flow."""
    documents, found = random_policies(seed, 1 + seed % 6), pods()
    reach = reach_of(documents, found)
    dice = random.Random(-seed)
    tried = [
        *((protocol, port) for protocol in PROTOCOLS for port in (80, 81)),
        ("TCP", dice.randrange(1, 65536)),
    ]
    for source, one in enumerate(found):
        for target, other in enumerate(found):
            ports = reach.between(source, target)
            for protocol, port in tried:
                wanted = naive.allowed(documents, NAMES, source=one, target=other, flow=(protocol, port))
                told = f"seed {seed}: {one.namespace}{one.labels} {other.namespace}{other.labels} {protocol} {port}"
                assert (port in ports[PROTOCOLS.index(protocol)]) == wanted, told
        outside_agrees(reach, documents, source, pod=one, seed=seed)
    flow = dice.choice(tried)
    verdict = explain(reach, 0, target=4, protocol=flow[0], port=flow[1])
    assert verdict.allowed == (flow[1] in reach.between(0, 4)[PROTOCOLS.index(flow[0])])


def outside_agrees(
    reach: Reach, documents: Sequence[Mapping[str, Any]], number: int, *, pod: naive.Pod, seed: int
) -> None:
    """What is allowed with addresses outside is as asked, for addresses at every edge."""
    for direction in (INGRESS, EGRESS):
        parts = reach.outside(number, direction)
        for address in ("192.0.2.15", "192.0.2.16", "192.0.2.31", "192.0.2.32", "198.51.100.1", "0.0.0.0"):
            numeric = int(ipaddress.IPv4Address(address))
            ports = [part.ports for part in parts if numeric in part.addresses]
            assert len(ports) <= 1, "parts have no address in common"
            for flow in (("TCP", 80), ("UDP", 81), ("TCP", 443)):
                wanted = naive.one_way(
                    documents, NAMES, own=pod, other=address, direction=direction, flow=flow
                )
                is_open = bool(ports) and flow[1] in ports[0][PROTOCOLS.index(flow[0])]
                assert is_open == wanted, (
                    f"seed {seed}: {direction} {pod.namespace}{pod.labels} {address} {flow}"
                )


@pytest.mark.parametrize("seed", range(60))
def test_random_policies_agree_with_asking_each_flow(seed: int) -> None:
    agrees(seed)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_a_thousand_random_sets_agree_with_asking_each_flow() -> None:
    for seed in range(1000):
        agrees(seed)


def test_a_hundred_workloads_under_two_hundred_policies_are_worked_out() -> None:
    dice = random.Random(7)
    many = [
        naive.Pod(
            dice.choice(list(NAMES)),
            {"pod": dice.choice("abcd"), "tier": dice.choice("ab")},
            f"192.0.2.{number + 1}",
            {},
        )
        for number in range(100)
    ]
    documents = random_policies(7, 200)
    matrix = reach_of(documents, many).matrix()
    assert len(matrix) == 9900
    for source, target in dice.sample(sorted(matrix), 40):
        flow = (dice.choice(PROTOCOLS), dice.choice([80, 81, 443]))
        wanted = naive.allowed(documents, NAMES, source=many[source], target=many[target], flow=flow)
        assert (flow[1] in matrix[source, target][PROTOCOLS.index(flow[0])]) == wanted


def test_a_flow_is_explained_by_the_rule_that_decides() -> None:
    spec = {
        "podSelector": {"matchLabels": {"pod": "a"}},
        "ingress": [
            {"from": [{"podSelector": {"matchLabels": {"pod": "c"}}}]},
            {"from": [{"podSelector": {"matchLabels": {"pod": "b"}}}], "ports": [{"port": 80}]},
        ],
    }
    reach = reach_of([policy(spec)])
    told = explain(reach, 1, target=0, protocol="TCP", port=80)
    assert told.allowed
    assert told.because == (
        "no policy speaks of what x/b sends",
        "x/one ingress[1] allows what x/a accepts",
    )
    refused = explain(reach, 1, target=0, protocol="TCP", port=81)
    assert not refused.allowed
    assert refused.because[1] == "no rule of x/one allows what x/a accepts"


def test_a_workload_without_a_policy_is_open() -> None:
    reach = reach_of([])
    assert reach.between(0, 1) == EVERYTHING
    assert reach.outside(0, EGRESS)[0].addresses == ALL_ADDRESSES
    closed = reach_of([policy({"podSelector": {}, "policyTypes": ["Egress"]})])
    assert closed.between(0, 1) == NOTHING
    assert closed.outside(0, EGRESS) == ()


def test_addresses_are_told_as_networks() -> None:
    rest = network("192.0.2.0/24", ["192.0.2.0/25", "192.0.2.192/26"])
    assert addresses_text(rest) == "192.0.2.128/26"
    assert Intervals.of([(5, 3)]) == NO_NUMBERS
    assert Intervals.of([(1, 2), (3, 4)]) == Intervals(((1, 4),))


@pytest.mark.parametrize(
    "spec",
    [
        {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}},
        {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "nowhere"}}]}]},
        {"podSelector": {}, "ingress": [{"ports": [{"protocol": "QUIC"}]}]},
        {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {}}]}]},
    ],
)
def test_what_no_cluster_would_take_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="x/one cannot be understood"):
        policy_of(policy(spec))

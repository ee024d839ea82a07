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
from telamon.reach.model import EGRESS, INGRESS, PROTOCOLS, policy_of
from telamon.reach.solve import EVERYTHING, NOTHING, Reach, solve
from tests.unit.reach import naive
from tests.unit.reach.cases import NAMES, TRUTH, many, pods, policy, random_policies, workloads


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


def test_an_empty_list_of_rules_alone_closes_no_way_out() -> None:
    # Kubernetes, pkg/apis/networking/v1/defaults.go: without types, egress is meant where it has rules.
    unsaid = policy({"podSelector": {}, "ingress": [{}], "egress": []})
    assert table(reach_of([unsaid])) == set()
    said = policy({"podSelector": {}, "ingress": [{}], "egress": [], "policyTypes": ["Ingress", "Egress"]})
    assert (
        {pair for pair in table(reach_of([said])) if pair.startswith("x/")}
        == table(reach_of([said]))
        != set()
    )


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
    found = many(7, 100)
    documents = random_policies(7, 200)
    matrix = reach_of(documents, found).matrix()
    assert len(matrix) == 9900
    for source, target in dice.sample(sorted(matrix), 40):
        flow = (dice.choice(PROTOCOLS), dice.choice([80, 81, 443]))
        wanted = naive.allowed(documents, NAMES, source=found[source], target=found[target], flow=flow)
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
    assert refused.because[1] == (
        "no rule of x/one allows what x/a accepts, where x/one ingress[1] opens TCP 80"
    )
    stranger = explain(reach, 5, target=0, protocol="TCP", port=80)
    assert stranger.because[1] == "no rule of x/one allows what x/a accepts"


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

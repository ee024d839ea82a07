"""Works out what a set of policies allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from telamon.reach.intervals import ALL_ADDRESSES, ALL_PORTS, Intervals
from telamon.reach.model import EGRESS, INGRESS, PROTOCOLS, Peer, Policy, Rule, Workload

Ports = tuple[Intervals, ...]
"""Ports of each protocol, in the order of :data:`telamon.reach.model.PROTOCOLS`."""
Side = tuple[str, int]
"""A direction, and the number of a workload."""
NOTHING: Final[Ports] = tuple(Intervals() for _ in PROTOCOLS)
EVERYTHING: Final[Ports] = tuple(ALL_PORTS for _ in PROTOCOLS)


def either(one: Ports, other: Ports) -> Ports:
    """What is in one of two."""
    return tuple(first | second for first, second in zip(one, other, strict=True))


def both(one: Ports, other: Ports) -> Ports:
    """What is in both of two."""
    return tuple(first & second for first, second in zip(one, other, strict=True))


def without(one: Ports, other: Ports) -> Ports:
    """What is in the first and not in the second."""
    return tuple(first - second for first, second in zip(one, other, strict=True))


@dataclass(frozen=True)
class Outside:
    """Flows with addresses outside of the cluster.

    Attributes:
        addresses: on the other side.
        ports: that are allowed with each of them.
    """

    addresses: Intervals
    ports: Ports


@dataclass(frozen=True)
class Step:
    """One rule, ready to be asked of one workload's flows.

    Attributes:
        policy: that it is of.
        rule: the rule.
        members: numbers of the workloads on the other side, as bits.
    """

    policy: Policy
    rule: Rule
    members: int


class Reach:
    """What is allowed among workloads, and between them and the rest of the world.

    Args:
        workloads: all that there are.
        policies: all that there are.
    """

    def __init__(self, workloads: Sequence[Workload], policies: Sequence[Policy]) -> None:
        self.workloads = tuple(workloads)
        self._spoken: dict[str, dict[int, list[Policy]]] = {INGRESS: {}, EGRESS: {}}
        self._steps: dict[str, dict[int, list[Step]]] = {INGRESS: {}, EGRESS: {}}
        self._sides = _Sides()
        everybody = (1 << len(self.workloads)) - 1
        chosen: dict[tuple[Peer, str], int] = {}
        for policy in policies:
            own = [
                number
                for number, workload in enumerate(self.workloads)
                if not workload.outside
                and workload.namespace == policy.namespace
                and policy.pods.selects(workload.labels)
            ]
            for direction in (INGRESS, EGRESS):
                rules = policy.rules(direction)
                if rules is None:
                    continue
                steps = [
                    Step(policy, rule, self._members(policy, rule, everybody=everybody, chosen=chosen))
                    for rule in rules
                ]
                for number in own:
                    self._spoken[direction].setdefault(number, []).append(policy)
                    self._steps[direction].setdefault(number, []).extend(steps)
        for direction, by_number in self._steps.items():
            for number, steps in by_number.items():
                self._sides.gather((direction, number), steps)

    def between(self, source: int, target: int) -> Ports:
        """Ports on which one workload may open connections to another.

        Args:
            source: number of the workload that opens them.
            target: number of the one that accepts them. A pod is never kept from itself.
        """
        if source == target:
            return EVERYTHING
        out = self._side(EGRESS, source, other=target, target=target)
        return (
            NOTHING if out == NOTHING else both(out, self._side(INGRESS, target, other=source, target=target))
        )

    def matrix(self) -> Mapping[tuple[int, int], Ports]:
        """The ports of every pair of two different workloads, source first."""
        numbers = range(len(self.workloads))
        return {
            (source, target): self.between(source, target)
            for source in numbers
            for target in numbers
            if source != target
        }

    def outside(self, number: int, direction: str) -> tuple[Outside, ...]:
        """What is allowed with addresses outside of the cluster; the parts have no address in common.

        Args:
            number: of the workload.
            direction: ``Egress`` for what it opens, ``Ingress`` for what it accepts.
        """
        if number not in self._spoken[direction]:
            return (Outside(ALL_ADDRESSES, EVERYTHING),)
        found: list[Outside] = []
        for step in self._steps[direction].get(number, ()):
            # A named port is one of the target's, and nobody knows the ports of what is outside.
            target = self.workloads[number] if direction == INGRESS else None
            ports = rule_ports(step.rule, target)
            peers = step.rule.peers
            addresses = ALL_ADDRESSES if peers is None else _addresses(peers)
            found = list(laid_over(found, Outside(addresses, ports)))
        return tuple(part for part in found if part.ports != NOTHING)

    def policies_of(self, number: int, direction: str) -> tuple[Policy, ...]:
        """The policies that speak of a workload in a direction; none means that all is allowed."""
        return tuple(self._spoken[direction].get(number, ()))

    def steps_of(self, number: int, direction: str) -> tuple[Step, ...]:
        """Their rules."""
        return tuple(self._steps[direction].get(number, ()))

    def _side(self, direction: str, number: int, *, other: int, target: int) -> Ports:
        if number not in self._spoken[direction]:
            return EVERYTHING
        found = self._sides.ports((direction, number), other)
        for step in self._sides.named.get((direction, number), ()):
            if step.members & (1 << other):
                found = either(found, rule_ports(step.rule, self.workloads[target]))
        return found

    def _members(
        self, policy: Policy, rule: Rule, *, everybody: int, chosen: dict[tuple[Peer, str], int]
    ) -> int:
        if rule.peers is None:
            return everybody
        found = 0
        for peer in rule.peers:
            known = (peer, policy.namespace)
            if known not in chosen:
                chosen[known] = sum(
                    1 << number
                    for number, workload in enumerate(self.workloads)
                    if _meant(peer, workload, policy.namespace)
                )
            found |= chosen[known]
        return found


class _Sides:
    """The rules of each workload, brought together by the ports that they mean.

    Many rules mean the same ports, and many pairs are allowed by the same rules, so that each union is made once.
    Rules with named ports stay as they are: what they mean depends on the target.
    """

    def __init__(self) -> None:
        self.named: dict[Side, list[Step]] = {}
        self._distinct: list[Ports] = []
        self._numbers: dict[Ports, int] = {}
        self._members: dict[Side, dict[int, int]] = {}
        self._unions: dict[int, Ports] = {0: NOTHING}

    def gather(self, side: Side, steps: Sequence[Step]) -> None:
        """Take in the rules of one side of a workload."""
        members = self._members.setdefault(side, {})
        for step in steps:
            if step.rule.ports is not None and any(port.name for port in step.rule.ports):
                self.named.setdefault(side, []).append(step)
                continue
            ports = rule_ports(step.rule, None)
            number = self._numbers.setdefault(ports, len(self._distinct))
            if number == len(self._distinct):
                self._distinct.append(ports)
            members[number] = members.get(number, 0) | step.members

    def ports(self, side: Side, other: int) -> Ports:
        """The ports that rules without names allow with another workload."""
        bit, wanted = 1 << other, 0
        for number, members in self._members.get(side, {}).items():
            if members & bit:
                wanted |= 1 << number
        if wanted not in self._unions:
            found = NOTHING
            for number, ports in enumerate(self._distinct):
                if wanted >> number & 1:
                    found = either(found, ports)
            self._unions[wanted] = found
        return self._unions[wanted]


def solve(workloads: Sequence[Workload], policies: Sequence[Policy]) -> Reach:
    """Work out what a set of policies allows.

    Args:
        workloads: all that there are.
        policies: all that there are.
    """
    return Reach(workloads, policies)


def _meant(peer: Peer, workload: Workload, namespace: str) -> bool:
    if peer.pods is None:
        number = workload.number
        return number is not None and number in peer.addresses
    if workload.outside:
        return False
    if peer.namespaces is None:
        inside = workload.namespace == namespace
    else:
        inside = peer.namespaces.selects(workload.namespace_labels)
    return inside and peer.pods.selects(workload.labels)


def rule_ports(rule: Rule, target: Workload | None) -> Ports:
    """The ports that a rule means.

    Args:
        rule: the rule.
        target: whose ports names are of; ``None`` where nobody knows them.
    """
    if rule.ports is None:
        return EVERYTHING
    spans: dict[str, list[tuple[int, int]]] = {protocol: [] for protocol in PROTOCOLS}
    for port in rule.ports:
        if not port.name:
            spans[port.protocol] += port.numbers.spans
        elif target is not None and port.name in target.ports:
            protocol, number = target.ports[port.name]
            if protocol == port.protocol:
                spans[protocol].append((number, number))
    return tuple(Intervals.of(spans[protocol]) for protocol in PROTOCOLS)


def _addresses(peers: Sequence[Peer]) -> Intervals:
    return Intervals.of(span for peer in peers for span in peer.addresses.spans)


def laid_over(parts: Sequence[Outside], new: Outside) -> Iterator[Outside]:
    """Parts without a common address, with one more laid over them.

    Args:
        parts: no two of them with a common address.
        new: may have addresses in common with any of them.
    """
    rest = new.addresses
    for part in parts:
        common = part.addresses & rest
        if common:
            yield Outside(common, either(part.ports, new.ports))
            rest = rest - common
        alone = part.addresses - common
        if alone:
            yield Outside(alone, part.ports)
    if rest:
        yield Outside(rest, new.ports)

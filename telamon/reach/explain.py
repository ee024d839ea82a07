"""Says why a flow is allowed or not, by the rule that decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from telamon.reach.intervals import Intervals, ports_text
from telamon.reach.model import EGRESS, INGRESS, PROTOCOLS
from telamon.reach.solve import Reach, Step, rule_ports


@dataclass(frozen=True)
class Verdict:
    """Whether one flow is allowed.

    Attributes:
        allowed: whether it is.
        because: a sentence for each of the two directions.
    """

    allowed: bool
    because: tuple[str, ...]


def explain(reach: Reach, source: int, *, target: int, protocol: str, port: int) -> Verdict:
    """Say whether a flow between two workloads is allowed, and why.

    Args:
        reach: what was worked out.
        source: number of the workload that opens the connection.
        target: number of the one that accepts it.
        protocol: TCP, UDP or SCTP.
        port: of the target.
    """
    if source == target:
        return Verdict(allowed=True, because=("a pod is never kept from itself",))
    sides = (
        (EGRESS, source, target),
        (INGRESS, target, source),
    )
    found = [
        _side(reach, direction, own, other=other, flow=(target, protocol, port))
        for direction, own, other in sides
    ]
    return Verdict(all(allowed for allowed, _ in found), tuple(words for _, words in found))


def _side(
    reach: Reach, direction: str, own: int, *, other: int, flow: tuple[int, str, int]
) -> tuple[bool, str]:
    name = reach.workloads[own].name
    policies = reach.policies_of(own, direction)
    what = "sends" if direction == EGRESS else "accepts"
    if reach.workloads[own].outside:
        return True, f"no policy reaches beyond the cluster, to what {name} {what}"
    if not policies:
        return True, f"no policy speaks of what {name} {what}"
    near: list[str] = []
    for step in _matching(reach, direction, own, other=other):
        target, protocol, port = flow
        ports: Intervals = rule_ports(step.rule, reach.workloads[target])[PROTOCOLS.index(protocol)]
        if port in ports:
            return True, f"{step.policy.title} {step.rule.where} allows what {name} {what}"
        opened = "; ".join(
            f"{each} {ports_text(numbers)}"
            for each, numbers in zip(PROTOCOLS, rule_ports(step.rule, reach.workloads[target]), strict=True)
            if numbers
        )
        near.append(
            f"{step.policy.title} {step.rule.where} {f'opens {opened}' if opened else 'opens no port'}"
        )
    titles = ", ".join(policy.title for policy in policies)
    told = f", where {' and '.join(near)}" if near else ""
    return False, f"no rule of {titles} allows what {name} {what}{told}"


def _matching(reach: Reach, direction: str, own: int, *, other: int) -> Iterator[Step]:
    yield from (step for step in reach.steps_of(own, direction) if step.members & (1 << other))

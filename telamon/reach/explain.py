"""Says why a flow is allowed or not, by the rule that decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from telamon.reach.intervals import Intervals
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
    if not policies:
        return True, f"no policy speaks of what {name} {what}"
    for step in _matching(reach, direction, own, other=other):
        target, protocol, port = flow
        ports: Intervals = rule_ports(step.rule, reach.workloads[target])[PROTOCOLS.index(protocol)]
        if port in ports:
            return True, f"{step.policy.title} {step.rule.where} allows what {name} {what}"
    titles = ", ".join(policy.title for policy in policies)
    return False, f"no rule of {titles} allows what {name} {what}"


def _matching(reach: Reach, direction: str, own: int, *, other: int) -> Iterator[Step]:
    yield from (step for step in reach.steps_of(own, direction) if step.members & (1 << other))

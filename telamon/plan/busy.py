"""Who goes first where one after the other has to go: the least busy.

What a front door counts is never the same twice, so a member goes before its turn only where it is clearly less busy.
Once it was drained it is finished first, whatever the others do meanwhile: a plan does not turn back and forth.

Source: Atlassian, "Managing zero downtime upgrades" and "Upgrade a Confluence cluster manually without downtime":
begin with the node that has the fewest tasks or users.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telamon.state.world import MemberState

CLEARLY: Final = 0.75
"""Share of the load of whoever would be next, below which another one counts as less busy."""
NOTHING: Final = 0.2
"""Requests per second that count as none: health checks and strays."""


def least_busy_first(members: Sequence[MemberState]) -> tuple[MemberState, ...]:
    """Members in the order in which they should go.

    Args:
        members: in starting order; where nobody tells how busy one of them is, this order stays.
    """
    left, ordered = list(members), list[MemberState]()
    while left:
        chosen = _next(left)
        left.remove(chosen)
        ordered.append(chosen)
    return tuple(ordered)


def _next(members: Sequence[MemberState]) -> MemberState:
    first, *others = members
    known = [(member.load, member) for member in others if member.load is not None]
    if first.load is None or len(known) < len(others) or not known:
        return first
    load, least = min(known, key=lambda found: (found[0], found[1].ordinal))
    return least if first.load > NOTHING and load < first.load * CLEARLY else first

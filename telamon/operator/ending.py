"""Ending what a deleted Stack asked for, whatever state the cluster is in, and what is told of it meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from telamon.operator.following import FollowingHost
from telamon.operator.report import Lane
from telamon.plan.step import Done, Finished, Wait, describe
from telamon.wiring.cluster import StackParts

LOG = logging.getLogger("telamon.operator")

ENDING = "Ending"
"""Reason of the condition of a Stack that was deleted and is not gone yet."""


def take_down(parts: StackParts, host: FollowingHost, *, instant: str) -> bool:
    """Go on with ending what a deleted Stack asked for; its volumes stay.

    May be called again after any failure, and by a successor that knows nothing.

    Args:
        parts: of the stack.
        host: that keeps it.
        instant: now; RFC 3339.

    Returns:
        Whether nothing is left to be ended; the Stack is gone then.
    """
    host.follow()
    parts.platform.install(())
    parts.store.break_off(instant, "its stack is taken down")
    if not host.wait_ended(0):
        return False
    host.end()
    for component in dict.fromkeys((*parts.compiler.known, *host.lanes())):
        parts.platform.withdraw(component)
    # What a lane has written of its operation since is written over.
    parts.store.break_off(instant, "its stack is taken down")
    left = parts.platform.spaces.left()
    if left:
        note = f"{', '.join(left)}: the operator's role was taken away there, and what it kept goes on"
        LOG.warning("%s", note)
        parts.announcer.tell("Warning", "LeftBehind", action=ENDING, note=note)
    parts.forget()
    parts.store.let_go()
    return True


def awaited(lanes: Mapping[str, Lane]) -> str:
    """What a Stack that is taken down waits for, for people.

    Args:
        lanes: by component.
    """
    return (
        "; ".join(f"{name}: {words}" for name, lane in lanes.items() for words in _waits(lane))
        or "its objects"
    )


def _waits(lane: Lane) -> Iterator[str]:
    outcome = lane.outcome
    if lane.trouble is not None:
        yield lane.trouble.message
    elif outcome is None or outcome.view.desired.members:
        yield "not looked at"
    elif outcome.error:
        yield outcome.error
    elif isinstance(outcome.decision, Wait | Finished):
        yield outcome.decision.message
    elif not isinstance(outcome.decision, Done):
        yield describe(outcome.decision)

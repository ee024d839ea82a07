"""Whether what the operator may not apply is in force, as a condition of the Stack."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from telamon.model.status import StatusCondition
from telamon.operator.report import Transitions
from telamon.platforms.kubernetes.prepared import Prepared

PREPARED: Final = "Prepared"
LASTS: Final = 600.0
"""Seconds for which what was found to be so is not read again: nobody watches these objects."""
NAMED: Final = 3
"""Objects that a message names; the rest is counted."""
REMEDY: Final = (
    "`telamon up FILE --context NAME` brings them to what the file says, and so does `kubectl apply` of what `telamon"
    " render` writes"
)


def prepared(
    found: Prepared | None, *, generation: int, now: datetime, transitions: Transitions
) -> StatusCondition:
    """The condition.

    Args:
        found: what was found last; ``None`` before the first look.
        generation: of the spec that it was held against.
        now: time of the report.
        transitions: remembers when conditions changed; updated.
    """
    status, reason, message = _judged(found)
    return StatusCondition(
        type=PREPARED,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=transitions.since(PREPARED, status, now=now),
        observed_generation=generation,
    )


def _judged(found: Prepared | None) -> tuple[Literal["True", "False", "Unknown"], str, str]:
    if found is None:
        return "Unknown", "NotLookedAt", "nobody has looked yet whether what the stack needs is applied"
    wrong = [_told(names, words) for names, words in _wrong(found) if names]
    if wrong:
        return "False", "NotApplied", f"{'; '.join(wrong)}; {REMEDY}"
    if found.refused:
        return "False", "FrontDoorRefused", f"{_told(found.refused, 'its users are not let in')}"
    if found.unread:
        return "Unknown", "NotAllowed", f"{_told(found.unread, 'may not be read by the operator')}; {REMEDY}"
    return "True", "AsDesired", ""


def _wrong(found: Prepared) -> tuple[tuple[Sequence[str], str], ...]:
    return (found.lacking, "lacking"), (found.differing, "otherwise than the file says")


def _told(names: Sequence[str], words: str) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}: {words}"

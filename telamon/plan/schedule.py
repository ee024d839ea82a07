"""When the next backup is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TRIES_A_PERIOD = 8
"""How often a backup that fails is tried within the time between two of them."""


@dataclass(frozen=True)
class Attempt:
    """A backup that was asked for, by whomever.

    Attributes:
        ended: instant of its end; ``None`` while it goes on.
        succeeded: whether it is listed.
    """

    ended: float | None
    succeeded: bool


def is_due(attempts: Sequence[Attempt], *, first: float, every: float, now: float) -> bool:
    """Whether a backup should be taken now.

    Args:
        attempts: the oldest first.
        first: instant since which there is something to back up.
        every: seconds between two of them.
        now: the instant.
    """
    if any(attempt.ended is None for attempt in attempts):
        return False
    good = [attempt.ended for attempt in attempts if attempt.succeeded and attempt.ended is not None]
    last = max([attempt.ended for attempt in attempts if attempt.ended is not None], default=first)
    return now - max([first, *good]) >= every and now - last >= every / TRIES_A_PERIOD

"""What a run means against a promise of availability. Pure arithmetic.

Source of the bound: Hanley and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249(13), 1983: of
n trials without a failure, the rate of failure is below 3/n with 95 % confidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from telamon.proof.drill.outcome import Outcome
from telamon.proof.measure import bound

OBJECTIVE: Final = 0.9995
"""Share of requests that is to be answered as it should."""
MONTH: Final = 30 * 86_400.0
"""Seconds over which a budget is kept."""


@dataclass(frozen=True)
class Budget:
    """What one run has used of it.

    Attributes:
        sent: requests.
        failed: those that failed.
        allowed: those that may fail of as many, by the objective.
        bound: rate of failure below which the truth is with 95 % confidence; ``None`` where one failed.
        minutes: of a month that may be lost, by the objective.
        lost: seconds of the run that its failures amount to, had they all come at once.
        such: how many such events a month have room in the budget; ``None``: any number, as nothing failed.
    """

    sent: int
    failed: int
    allowed: float
    bound: float | None
    minutes: float
    lost: float
    such: int | None


def budget(outcome: Outcome) -> Budget:
    """Hold a run against the objective.

    Args:
        outcome: of a drill.
    """
    sent, failed = outcome.sent, sum(outcome.failed.values())
    rate = sum(seen.load.rate for seen in outcome.seen)
    lost = failed / rate if rate else 0.0
    seconds = (1 - OBJECTIVE) * MONTH
    return Budget(
        sent=sent,
        failed=failed,
        allowed=(1 - OBJECTIVE) * sent,
        bound=bound(failed, sent),
        minutes=seconds / 60,
        lost=lost,
        such=int(seconds // lost) if lost else None,
    )

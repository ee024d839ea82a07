"""Two reports side by side: which figure became better, and which worse. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from telamon.proof.drill.outcome import Outcome

NOISE: Final = 0.15
"""Share by which a length of time may differ from one run to the next without a reason."""
LEAST: Final = 0.05
"""Seconds below which a difference is nobody's business."""

Change = Literal["better", "worse", "same", "new", "gone"]


@dataclass(frozen=True)
class Compared:
    """One figure of one drill in two reports.

    Attributes:
        run: drill and product.
        figure: for people; ``verdict`` for the verdict itself.
        unit: ``s`` or "".
        before: in the first report, as text where it is the verdict.
        after: in the second.
        change: what became of it.
    """

    run: str
    figure: str
    unit: str
    before: float | str | None
    after: float | str | None
    change: Change


def compare(first: Sequence[Outcome], second: Sequence[Outcome]) -> tuple[Compared, ...]:
    """Hold two reports against one another.

    Args:
        first: the older one.
        second: the newer one.

    Returns:
        Every figure that both have, and every run that only one has, in the order of the first report. Of several runs
        of one drill the worst counts.
    """
    old, new = _by_label(first), _by_label(second)
    found: list[Compared] = []
    for label in dict.fromkeys((*old, *new)):
        if label not in new:
            found.append(Compared(label, "verdict", "", _verdict(old[label]), None, "gone"))
        elif label not in old:
            found.append(Compared(label, "verdict", "", None, _verdict(new[label]), "new"))
        else:
            found += _figures(label, old[label], new[label])
    return tuple(found)


def _figures(label: str, old: Sequence[Outcome], new: Sequence[Outcome]) -> list[Compared]:
    before, after = _verdict(old), _verdict(new)
    words: Change = "same" if before == after else "better" if after == "passed" else "worse"
    found = [Compared(label, "verdict", "", before, after, words)]
    for finding in old[0].findings:
        one, other = _worst(old, finding.key), _worst(new, finding.key)
        if one is not None and other is not None:
            change = _change(one, other, unit=finding.unit)
            found.append(Compared(label, finding.title, finding.unit, one, other, change))
    return found


def _change(before: float, after: float, *, unit: str) -> Change:
    if before == after or (math.isnan(before) and math.isnan(after)):
        return "same"
    if unit == "s" and math.isfinite(before) and math.isfinite(after):
        difference = abs(after - before)
        if difference <= max(LEAST, NOISE * max(before, after)):
            return "same"
    return "better" if after < before else "worse"


def _worst(runs: Sequence[Outcome], key: str) -> float | None:
    values = [finding.value for run in runs if (finding := run.finding(key)) is not None]
    return max(values, default=None)


def _verdict(runs: Sequence[Outcome]) -> str:
    """The verdict of several runs of a drill: passed only where every one of them was."""
    order = ("failed", "broken", "void", "skipped", "passed")
    return next(verdict for verdict in order if any(run.verdict.value == verdict for run in runs))


def _by_label(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.label, []).append(outcome)
    return found

"""Drills in words and as documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from telamon.proof.drill.judging import TITLES, number
from telamon.proof.drill.outcome import Verdict

if TYPE_CHECKING:
    from telamon.proof.drill.drills import Drill
    from telamon.proof.drill.outcome import Outcome
    from telamon.proof.report.compare import Compared


@dataclass(frozen=True)
class DrillLimit:
    """One figure that a drill demands.

    Attributes:
        figure: what is measured.
        unit: s, or nothing for a count.
        most: the largest value that is all right.
    """

    figure: str
    unit: str
    most: float


@dataclass(frozen=True)
class DrillTold:
    """A drill.

    Attributes:
        name: on the command line.
        title: what happens.
        hypothesis: what is expected to hold although it happens.
        scope: product, where one product and its users are hurt in turn; stack, where everybody is.
        heals_within: seconds after the fault in which everything must be ready again.
        limits: what must hold besides that no acknowledged write is lost and no anomaly is found.
    """

    name: str
    title: str
    hypothesis: str
    scope: str
    heals_within: float
    limits: tuple[DrillLimit, ...]


@dataclass(frozen=True)
class DrillFigure:
    """One figure of a drill that was run.

    Attributes:
        key: of the figure.
        title: what it is.
        unit: s, or nothing for a count.
        value: what was seen; null says that it never came true.
        most: the largest value that is all right, or null.
        met: whether it is as it must be.
    """

    key: str
    title: str
    unit: str
    value: float | None
    most: float | None
    met: bool


@dataclass(frozen=True)
class DrillDone:
    """A drill that was run.

    Attributes:
        drill: its name.
        product: that was hurt; empty where it was the whole stack.
        seed: of what it chose.
        verdict: passed, failed, void, skipped or broken.
        reason: why, where it did not pass.
        sent: requests.
        failed: requests that failed, by cause.
        figures: everything that was measured.
        repeat: the command that does it again.
    """

    drill: str
    product: str
    seed: int
    verdict: str
    reason: str
    sent: int
    failed: Mapping[str, int]
    figures: tuple[DrillFigure, ...]
    repeat: str


@dataclass(frozen=True)
class Drilled:
    """Answer of ``drill run``, ``drill suite`` and ``drill soak``.

    Attributes:
        stack: name of the stack.
        report: the page that says everything.
        runs: what was run now.
    """

    stack: str
    report: str
    runs: tuple[DrillDone, ...]


@dataclass(frozen=True)
class DrillCompared:
    """One figure in two reports.

    Attributes:
        run: drill and product.
        figure: what is compared.
        unit: s, or nothing for a count.
        before: in the first report.
        after: in the second.
        change: better, worse, same, new or gone.
    """

    run: str
    figure: str
    unit: str
    before: float | str | None
    after: float | str | None
    change: str


def drill_document(drill: Drill) -> DrillTold:
    """A drill as data."""
    limits = tuple(DrillLimit(*TITLES[limit.key], most=limit.most) for limit in drill.limits)
    return DrillTold(drill.name, drill.title, drill.hypothesis, drill.scope, drill.heals_within, limits)


def done_document(outcome: Outcome) -> DrillDone:
    """A drill that was run, as data."""
    figures = tuple(
        DrillFigure(
            found.key,
            found.title,
            found.unit,
            found.value if abs(found.value) < float("inf") else None,
            found.most,
            found.met,
        )
        for found in outcome.findings
    )
    return DrillDone(
        outcome.drill,
        outcome.product,
        outcome.seed,
        outcome.verdict.value,
        outcome.reason,
        outcome.sent,
        dict(outcome.failed),
        figures,
        outcome.repeat,
    )


def compared_document(found: Compared) -> DrillCompared:
    """One figure in two reports, as data."""
    return DrillCompared(found.run, found.figure, found.unit, found.before, found.after, found.change)


def list_text(drills: Sequence[Drill]) -> str:
    """All drills, a line each."""
    widest = max(len(drill.name) for drill in drills)
    return "\n".join(f"{drill.name:{widest}}  {drill.title}" for drill in drills)


def drill_text(drill: Drill) -> str:
    """One drill."""
    whom = (
        "each product in turn, and its users" if drill.scope == "product" else "the whole stack and all users"
    )
    lines = [
        f"{drill.name}: {drill.title}",
        f"expected: {drill.hypothesis}",
        f"hurts:    {whom}",
        "demands:  no acknowledged write lost, no anomaly in the record",
        f"          everything ready again {drill.heals_within:g} s after the fault",
    ]
    for limit in drill.limits:
        title, unit = TITLES[limit.key]
        lines.append(f"          {title}: at most {number(limit.most, unit)}")
    return "\n".join(lines)


def outcome_text(outcome: Outcome) -> str:
    """A drill that was run, in a few lines."""
    lines = [f"{outcome.label}: {outcome.verdict.value}{f' ({outcome.reason})' if outcome.reason else ''}"]
    if outcome.verdict in {Verdict.PASSED, Verdict.FAILED, Verdict.VOID}:
        failed = sum(outcome.failed.values())
        told = [f"{outcome.sent:,} requests, {failed:,} failed"]
        told += [
            f"{found.title} {number(found.value, found.unit)}" for found in outcome.findings if found.unit
        ]
        lines.append(f"  {'; '.join(told)}")
    return "\n".join(lines)


def compared_text(found: Sequence[Compared]) -> str:
    """Two reports side by side; figures that are the same are only counted."""
    changed = [one for one in found if one.change != "same"]
    lines = [
        f"{one.change:7} {one.run}: {one.figure} {_value(one.before, one.unit)} -> {_value(one.after, one.unit)}"
        for one in changed
    ]
    same = len(found) - len(changed)
    return "\n".join([*lines, f"{same} figures are the same"])


def _value(value: float | str | None, unit: str) -> str:
    if value is None:
        return "not run"
    return value if isinstance(value, str) else number(value, unit)

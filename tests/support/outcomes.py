"""Outcomes of drills, made by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping

from telamon.proof.drill.outcome import Blow, Finding, Outcome, Seen, Verdict
from telamon.proof.summary import Load

PERCENTILES: Mapping[str, Mapping[str, float]] = {
    "before": {"p50": 0.012, "p90": 0.031, "p99": 0.08, "p99.9": 0.11},
    "during": {"p50": 0.014, "p90": 0.06, "p99": 0.4, "p99.9": 1.2},
    "after": {"p50": 0.012, "p90": 0.03, "p99": 0.085, "p99.9": math.nan},
}


def series() -> tuple[tuple[float | None, ...], ...]:
    """Answers over forty seconds, disturbed in the middle, and none at all for a moment."""
    found: list[tuple[float | None, ...]] = []
    for number in range(160):
        at = number / 4 - 10.0
        hurt = 0 <= at < 8
        silent = 1 <= at < 1.6
        middle = None if silent else 12 + (number * 7 % 5) + (20 if hurt else 0)
        longest = None if silent else 60 + (number * 13 % 40) + (700 if hurt else 0)
        found.append((at, 15, 4 if silent else 0, middle, longest))
    return tuple(found)


def load(failed: Mapping[str, int]) -> Load:
    """What a generator saw."""
    phases = {
        "before": {"sent": 600, "failed": {}, "p50": 0.012, "p99": 0.08, "longest": 0.2},
        "during": {"sent": 480, "failed": dict(failed), "p50": 0.014, "p99": 0.4, "longest": 2.2},
        "after": {"sent": 900, "failed": {}, "p50": 0.012, "p99": 0.085, "longest": 0.2},
    }
    return Load("node-kill-wiki", 7, 60.0, 1980, failed, 0.004, 0.2, phases, series())


def seen(failed: Mapping[str, int] | None = None, anomalies: Mapping[str, int] | None = None) -> Seen:
    """What the users of one product saw."""
    words = [
        f"{name}: comment 7-{number} was acknowledged, and is gone"
        for number, name in enumerate(anomalies or {})
    ]
    return Seen("wiki", load(failed or {}), 40, 310, 2, 310, anomalies or {}, words, PERCENTILES)


def outcome(
    verdict: Verdict = Verdict.PASSED, *, stall: float = 0.21, failed: int = 0, lost: int = 0
) -> Outcome:
    """A node that was killed."""
    return Outcome(
        drill="node-kill",
        title="A node is killed",
        hypothesis="Readers notice nothing <at all>.",
        product="wiki",
        seed=7,
        began=1_800_000_000.0,
        seconds=61.5,
        verdict=verdict,
        reason="" if verdict is Verdict.PASSED else "longest stall: 0.90 s, at most 0.30 s was expected",
        blows=(
            Blow(0.0, 1.0, "kill wiki-1"),
            Blow(3.2, 20.0, "swallow everything between wiki-0 and database-*"),
        ),
        findings=(
            Finding("lost", "acknowledged writes lost", "", float(lost), 0),
            Finding("failed_reads", "failed reads", "", float(failed), 0),
            Finding("stall", "longest stall", "s", stall, 0.3),
            Finding("writes_back", "writes back", "s", math.inf),
            Finding("healed", "healed after the fault", "s", 7.9, 60.0),
        ),
        marks={
            "fault over": 6.0,
            "ready": 7.9,
            "detected": 0.1,
            "routed around": 0.4,
            "writes back": math.inf,
        },
        seen=(seen({"5xx": failed} if failed else {}, {"lost": lost} if lost else {}),),
        notes=("not done: kill edge-0",),
        settings={"requests per second": 60.0, "seconds before": 8.0},
        versions={"telamon": "0.1.0", "wiki": "9.2.1"},
        repeat="telamon drill run node-kill --product wiki --seed 7 --rate 60",
    )


def skipped() -> Outcome:
    """A drill that cannot be done here."""
    return Outcome(
        "node-disk-full",
        "The disk of a node is full",
        "The others go on.",
        "wiki",
        7,
        1_800_000_100.0,
        0.2,
        Verdict.SKIPPED,
        "its home is no file system of its own",
    )

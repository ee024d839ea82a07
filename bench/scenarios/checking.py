"""How fast a history is judged."""

from __future__ import annotations

import time

from bench.errors import BenchError
from bench.histories import World, simulate
from bench.machine import others_busy
from bench.results import Figure, Run
from bench.scenarios.base import Scenario
from bench.session import Session
from telamon.proof.history.checker import check

OPERATIONS = 100_000


def judging(session: Session, repeat: int) -> Run:
    """Judge a legal history of a simulated product."""
    history = simulate(World(OPERATIONS, sessions=40, things=60), repeat)
    busy, began = others_busy(session.lab.root), time.time()
    before = time.monotonic()
    verdict = check(history)
    seconds = time.monotonic() - before
    if not verdict.clean:
        raise BenchError(f"the checker raised a false alarm: {verdict.anomalies[0].words}")
    return Run({"seconds": seconds, "operations": float(len(history))}, began, busy)


SCENARIOS = (
    Scenario(
        "history-check",
        f"{OPERATIONS:,} operations judged",
        "A simulated product that keeps its promises is read and written by 40 sessions: bags, registers with and "
        "without versions, refs; some writes are refused, some answers lost. The whole history is judged in one go.",
        (
            Figure("seconds", "to the verdict", "s", "median", 10.0),
            Figure("operations", "operations", "", "median"),
        ),
        judging,
    ),
)

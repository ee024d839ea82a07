"""The rule that keeps what the database writes, so that a product can be put back to any instant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telamon.plan.step import Begin, Step, Wait
from telamon.plan.view import View
from telamon.plan.works.backup import KeepLog
from telamon.state.world import JobPhase

JOB: Final = "keep-log"
ENDED: Final = "not wanted"
"""Result of the work where the stack file had ceased to ask for it."""
RESTS: Final = 10.0
"""Seconds after which it is begun again."""


def keep_log(view: View) -> Iterator[Step | Wait]:
    """Have the log read by whoever does that, and say so where it is not: nothing else depends on it."""
    if not view.desired.keeps_log or not view.serving():
        return
    job = view.seen.jobs.get(JOB)
    kept = job is not None and (job.phase is JobPhase.RUNNING or _done(job.phase, job.result))
    if kept:
        return
    if job is not None and job.phase is JobPhase.FAILED and job.result != "interrupted":
        age = abs(view.now - job.ended) if job.ended is not None else RESTS
        if age < RESTS:
            yield Wait("LogNotKept", job.detail)
            return
    yield Begin(view.desired.name, JOB, KeepLog(), "what the database writes is kept")


def _done(phase: JobPhase, result: str) -> bool:
    return phase is JobPhase.SUCCEEDED and result != ENDED

"""How a component of a copy begins: with the data of a backup, and quiet before any user reaches it.

Both rules stand still for good once what they bring about is a fact. The first comes before any node has started, so a
product never runs on data that could still act as the original; the second before any node is admitted.
"""

from __future__ import annotations

from collections.abc import Iterator

from telamon.plan.step import Begin, Call, Record, Step, Wait
from telamon.plan.view import View
from telamon.plan.works.clone import SeedClone
from telamon.state.classify import UP, Condition
from telamon.state.world import INTERRUPTED, JobPhase

SEEDED = "seeded"
"""Fact: the data of the backup are in place."""
QUIET = "quiet"
"""Fact: what could only be asked of a running node is done."""
QUIETEN = "quieten"
"""The call that does it."""
FAILED_CALL_RESTS = 10.0
"""Seconds after a call that broke off."""


def seed(view: View) -> Iterator[Step | Wait]:
    """Put the data of the backup in place, before anything runs on them."""
    if not awaits_seed(view) or not view.seen.database_ready:
        return
    step = Begin(
        view.desired.name, SeedClone.kind, SeedClone(view.desired.seed), "it is a copy of another stack"
    )
    job = view.seen.jobs.get(step.job)
    if job is None or (job.phase is JobPhase.FAILED and job.result == INTERRUPTED):
        yield step
    elif job.phase is JobPhase.RUNNING:
        yield Wait("Seeding", job.progress or f"{view.desired.seed} is being put in place", seconds=0.5)
    elif job.phase is JobPhase.SUCCEEDED:
        yield Record(view.desired.name, SEEDED, f"it begins with {view.desired.seed}")
    elif job.ended is not None and view.memory.retry > job.ended:
        yield step
    else:
        yield Wait("SeedFailed", f"{view.desired.seed} could not be put in place: {job.detail}", seconds=2.0)


def awaits_seed(view: View) -> bool:
    """Whether nothing may run yet, because the data of the backup are not in place.

    A component that was set up before has data of its own, and keeps them whatever the stack file says since.
    """
    begun = view.memory.knows(SEEDED) or view.memory.knows("set-up")
    return bool(view.desired.seed) and bool(view.desired.members) and not begun


def quieten(view: View) -> Iterator[Step | Wait]:
    """Ask a node that runs for what no table does."""
    if not awaits_quiet(view) or not view.memory.knows("service-account"):
        return
    able = UP | {Condition.JOINING, Condition.CATCHING_UP}
    ready = [member for _, member, condition in view.wanted() if condition in able]
    if not ready:
        return
    job = view.seen.jobs.get(QUIETEN)
    if job is not None and job.phase is JobPhase.RUNNING:
        yield Wait("Quietening", f"{ready[0].name} is made to keep quiet", seconds=0.5)
    elif job is not None and job.phase is JobPhase.SUCCEEDED:
        yield Record(view.desired.name, QUIET, "it sends nothing to anybody")
    elif job is not None and job.ended is not None and abs(view.now - job.ended) < FAILED_CALL_RESTS:
        yield Wait("QuieteningFailed", f"{ready[0].name} could not be made to keep quiet: {job.detail}")
    else:
        why = "it is a copy of another stack"
        yield Call(view.desired.name, ready[0].name, QUIETEN, why, since=view.memory.retry)


def awaits_quiet(view: View) -> bool:
    """Whether no user may reach the component yet."""
    return view.desired.quietens and view.memory.knows(SEEDED) and not view.memory.knows(QUIET)

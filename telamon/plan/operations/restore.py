"""``restore``: a product's data go back to those of a backup.

Steps, each taken from what is seen:

1. where it is an instant that is asked for, make a backup of that instant, while the product serves; then fetch the
   backup, judge it and load it beside what is in force, while the product serves; a damaged one ends the
   operation here, and nothing has changed;
2. show the maintenance page, stop every member;
3. let the data change places; what was is kept aside;
4. start the members; when enough of them serve, take the page away;
5. where a companion keeps the search index, have the product send it everything again;
6. take a backup of what is kept aside, then remove it there.

A member that does not come up on the restored data turns the restore back: everything is stopped again, the data
change places once more, and the product goes on as it was. Once users are let in again nothing turns back by itself,
for they write to the restored data; what was before then lies in the backup of step 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from telamon.plan.operation import Running
from telamon.plan.operations.backup import backup_name, cannot_be_backed_up
from telamon.plan.operations.base import (
    Planner,
    Proposal,
    broken_off,
    insisted,
    reason_to_turn_back,
    turn_back,
    without_page,
    worked,
)
from telamon.plan.operations.index_rebuild import REBUILD
from telamon.plan.step import Begin, Call, Finished, Forget, Hold, LetGo, Record, Refusal, Wait
from telamon.plan.view import View
from telamon.plan.work import Work
from telamon.plan.works.backup import (
    AbandonRestore,
    BuildBackup,
    KeepOutgoing,
    PrepareRestore,
    SwitchBack,
    SwitchData,
)
from telamon.products.indexing import RebuildWay
from telamon.state.classify import Condition
from telamon.state.world import INTERRUPTED, JobPhase, Life

STOPPING = "stopping"
"""Fact: from here on the product is down until its data have changed places."""
MOVING = "moving"
"""Fact: from here on the data may have changed places, wholly or in part."""
LET_IN = "let-in"
"""Fact: users were let in on the restored data; from here nothing turns back."""
RETURNED = "returned"
"""Fact: the old data are in force again, and members serve on them; from here nobody is stopped any more."""
HOPELESS = 2
"""Ends of one member after which the restored data count as data that it does not start on."""


class Restore(Planner):
    """Put the data of a backup in force."""

    verb = "restore"
    words = "put the data of a backup in force"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """There must be data, of the release that runs, and a place to put them."""
        yield from cannot_be_backed_up(view)
        yield from without_page(view)
        release = operation.params.get("release")
        if release and view.memory.release and release != view.memory.release:
            yield Refusal(
                "release-fits",
                f"the backup is of {release}, and {view.desired.name} is of {view.memory.release}",
                "choose a backup of that release: `telamon backup list`",
            )
        server = view.neighbours.get("database")
        if server is not None and not server.ready:
            yield Refusal("database-is-ready", "the database server is not ready", "wait until it is")

    def adapt(self, view: View, operation: Running) -> View:
        """Nobody runs while the data change places."""
        if view.memory.knows(operation.fact(STOPPING)) and not _placed(view, operation):
            return replace(view, desired=replace(view.desired, members=()))
        return view

    def too_late(self, view: View, operation: Running) -> Refusal | None:
        """Users who were let in write to the restored data."""
        if not view.memory.knows(operation.fact(LET_IN)):
            return None
        return Refusal(
            "it-can-still-turn-back",
            f"users of {view.desired.name} were let in on the restored data: nothing turns back from here",
            f"`telamon operations wait {operation.name}` waits for its end; what was before is then a backup",
        )

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """The next thing to do, from what is seen."""
        known = view.memory.knows
        if not known(operation.fact(STOPPING)):
            yield from self._prepare(view, operation)
        elif operation.cancelled and _can_turn_back(view, operation):
            yield turn_back(view, operation, reason="somebody asked for it")
        elif not _placed(view, operation):
            yield from self._change_places(view, operation)
        elif known(operation.fact(LET_IN)):
            yield from self._tidy(view, operation)
        else:
            yield from self._start(view, operation)

    # ------------------------------------------------------------------------------------------------------- forward

    def _prepare(self, view: View, operation: Running) -> Iterator[Proposal]:
        name = view.desired.name
        if operation.cancelled:
            preparing = operation.job(PrepareRestore.kind)
            left = tuple(broken_off(view, preparing, because=f"{operation.name} was cancelled"))
            left = left or tuple(insisted(view, _begin(view, operation, AbandonRestore())))
            yield from left or (Finished("Cancelled", "nothing was changed"),)
            return
        source, at = operation.params.get("from", ""), operation.params.get("time", "")
        left = tuple(worked(view, _begin(view, operation, BuildBackup(source, at)))) if at else ()
        left = left or tuple(_made_ready(view, operation, source=source))
        whole = "the backup is whole and waits beside what is in force"
        yield from left or (Record(name, operation.fact(STOPPING), whole),)

    def _change_places(self, view: View, operation: Running) -> Iterator[Proposal]:
        if view.desired.rotates and not view.seen.held:
            yield Hold(view.desired.name, operation.name)
        if view.seen.members:
            # The standing rules end whoever is not desired.
            return
        if reason_to_turn_back(view, operation) is not None:
            yield from insisted(view, _begin(view, operation, SwitchBack()))
            return
        step = _begin(view, operation, SwitchData())
        job = view.seen.jobs.get(step.job)
        if job is not None and job.phase is JobPhase.FAILED and job.result != INTERRUPTED:
            yield turn_back(view, operation, reason=job.detail)
            return
        if view.memory.saved is not None:
            # It is of data that are about to go, and no operation may rest on it any more.
            yield Forget(view.desired.name, view.memory.saved.fact, "other data are about to be in force")
            return
        if not view.memory.knows(operation.fact(MOVING)):
            yield Record(view.desired.name, operation.fact(MOVING), "the data are about to change places")
            return
        yield from worked(view, step)

    def _start(self, view: View, operation: Running) -> Iterator[Proposal]:
        name, reason = view.desired.name, reason_to_turn_back(view, operation)
        if reason is None and (trouble := _trouble(view, operation)) is not None:
            yield turn_back(view, operation, reason=trouble)
            return
        if not view.standing().ready:
            # The standing rules start the members.
            return
        if reason is not None:
            if not view.memory.knows(operation.fact(RETURNED)):
                yield Record(name, operation.fact(RETURNED), "enough members serve on the old data")
                return
            if view.seen.held:
                yield LetGo(name, operation.name)
            left = tuple(insisted(view, _begin(view, operation, AbandonRestore())))
            yield from left or (
                Finished(
                    "Cancelled" if operation.cancelled else "Failed", f"{name} is as it was before: {reason}"
                ),
            )
            return
        yield Record(name, operation.fact(LET_IN), "enough members serve on the restored data")

    def _tidy(self, view: View, operation: Running) -> Iterator[Proposal]:
        if view.seen.held:
            yield LetGo(view.desired.name, operation.name)
        asking = tuple(_index_anew(view, operation))
        if asking:
            yield from asking
            return
        source, kept = operation.params.get("from", ""), f"{backup_name(view, operation)}-before"
        step = _begin(view, operation, KeepOutgoing(kept))
        job = view.seen.jobs.get(step.job)
        if job is not None and job.phase is JobPhase.FAILED and job.result != INTERRUPTED:
            yield Finished(
                "Succeeded",
                f"{view.desired.name} is as in {source}; what was before is still kept aside, because no backup of it"
                f" could be made: {job.detail}; once that is mended, `telamon backup tidy {view.desired.name}` tries"
                f" it again{_index_told(view, operation)}",
            )
            return
        left = tuple(worked(view, step))
        told = (
            f"{view.desired.name} is as in {source}; what was before is {kept}{_index_told(view, operation)}"
        )
        done = Finished("Succeeded", told)
        yield from left or (done,)


def _begin(view: View, operation: Running, work: Work) -> Begin:
    return Begin(view.desired.name, operation.job(work.kind), work, operation.name)


def _made_ready(view: View, operation: Running, *, source: str) -> Iterator[Proposal]:
    """Fetch the backup and load it; where that fails for good, remove what was loaded before the operation ends.

    The removal is tried once: what keeps a backup from being loaded may keep it from being removed as well.
    """
    preparing, clearing = (
        _begin(view, operation, work) for work in (PrepareRestore(source), AbandonRestore())
    )
    made = tuple(worked(view, preparing))
    if not any(isinstance(step, Finished) for step in made):
        yield from made
        return
    cleared = tuple(worked(view, clearing))
    reason = view.seen.jobs[preparing.job].detail
    if any(isinstance(step, Finished) for step in cleared):
        left = view.seen.jobs[clearing.job].detail
        told = f"{reason}; what was made ready of it stays until the next restore, for it could not be removed: {left}"
        yield Finished("Failed", told)
        return
    yield from cleared or (Finished("Failed", reason),)


def _index_anew(view: View, operation: Running) -> Iterator[Proposal]:
    """Ask once: an index that a companion has kept finds what is no longer there. Nothing depends on it."""
    serving = view.serving()
    if view.desired.rebuild is not RebuildWay.COMPANION or not serving:
        return
    step = Call(view.desired.name, serving[0].name, REBUILD, operation.name, argument=operation.key)
    job = view.seen.jobs.get(step.job)
    if job is None:
        yield step
    elif job.phase is JobPhase.RUNNING:
        yield Wait("Calling", f"{step.member} is told to make its index anew", seconds=0.5)


def _index_told(view: View, operation: Running) -> str:
    """What to say of the index in the end."""
    job = view.seen.jobs.get(f"{REBUILD}/{operation.key}")
    if view.desired.rebuild is not RebuildWay.COMPANION or (job and job.phase is JobPhase.SUCCEEDED):
        return ""
    return f"; its search index is still that of before: `telamon index rebuild {view.desired.name}`"


def _placed(view: View, operation: Running) -> bool:
    """Whether the data are where they are meant to be: the restored ones, or on the way back the old ones.

    What was settled is read from facts: a cluster forgets a job a day after its end, and tidying up may take longer.
    """
    if any(view.memory.knows(operation.fact(settled)) for settled in (LET_IN, RETURNED)):
        return True
    switched = view.seen.jobs.get(operation.job(SwitchData.kind))
    back = reason_to_turn_back(view, operation) is not None
    if back and switched is None and not view.memory.knows(operation.fact(MOVING)):
        # They never left.
        return True
    job = view.seen.jobs.get(operation.job(SwitchBack.kind)) if back else switched
    return job is not None and job.phase is JobPhase.SUCCEEDED


def _can_turn_back(view: View, operation: Running) -> bool:
    """Whether it goes forward, users are not let in, and the data are not on the move this very moment."""
    if view.memory.knows(operation.fact(LET_IN)) or reason_to_turn_back(view, operation) is not None:
        return False
    job = view.seen.jobs.get(operation.job(SwitchData.kind))
    return job is None or job.phase is not JobPhase.RUNNING


def _trouble(view: View, operation: Running) -> str | None:
    """Why the restored data are given up; ``None`` while there is no reason to."""
    switched = view.seen.jobs[operation.job(SwitchData.kind)]
    for _, member, condition in view.wanted():
        if condition in {Condition.FAILED, Condition.STALLED}:
            return f"{member.name} is {condition.value} on the restored data"
        failures = view.failures(member.name)
        late = switched.ended is not None and failures.last > switched.ended
        if late and failures.count >= HOPELESS and member.life is Life.EXITED:
            return f"{member.name} does not start on the restored data: {member.exit or failures.reason}"
    return None

"""``major-upgrade``: a product goes to another release as a whole, in a planned interruption.

Steps, each taken from what is seen:

1. take a backup while users go on, so that the next one has little left to copy;
2. show the maintenance page, stop every member, take the backup to come back to;
3. desire the new release: the first member to start upgrades the data; ask it for what users ask for;
4. when enough members serve, take the page away; the others follow.

A release that does not come up before users are let in turns everything back: the members are stopped, the data of
the last backup are put in force, the old release starts, and the page goes. Nothing of it waits for a person.

Sources: Atlassian, "Upgrading Jira Data Center manually", "Upgrading Confluence" and "Bitbucket upgrade guide": stop
every node, back up database and shared home, start one node on the new release, then the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from telamon.desired.component import Upgrade as Wanted
from telamon.plan.operation import Running
from telamon.plan.operations.backup import backup_name
from telamon.plan.operations.base import (
    Proposal,
    broken_off,
    database_first,
    insisted,
    reason_to_turn_back,
    turn_back,
    unwell,
    without_page,
    worked,
)
from telamon.plan.operations.releasing import Releasing
from telamon.plan.operations.smoke import proven, smoked, trouble_of
from telamon.plan.step import Begin, Finished, Hold, LetGo, Record, Refusal
from telamon.plan.view import RELEASE, View
from telamon.plan.work import Work
from telamon.plan.works.backup import DiscardOutgoing, PrepareRestore, SwitchData, TakeBackup
from telamon.products.release import Way
from telamon.state.classify import UP
from telamon.state.world import INTERRUPTED, ComponentKind, JobPhase

FIRST = "first-backup"
LAST = "last-backup"
STOPPING = "stopping"
"""Fact: from here on users see the maintenance page."""
CHANGED = "changed"
"""Fact: the new release may have touched the data."""
LET_IN = "let-in"
"""Fact: users are let in on the new release; from here nothing turns back."""
RETURNED = "returned"
"""Fact: members serve on the data that were put back; users are let in on them, so they are put back no more."""


class MajorUpgrade(Releasing):
    """An upgrade by planned downtime, with a backup first and the way back kept open."""

    verb = "major-upgrade"
    words = "upgrade in a planned interruption"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """What a careful administrator looks at first."""
        wanted = view.desired.upgrade
        if wanted is None or wanted.jump.way is Way.REFUSED:
            reason = "it runs what the stack file asks for" if wanted is None else wanted.jump.reason
            yield Refusal("jump-is-allowed", f"{view.desired.name}: {reason}", "choose another version")
        if view.desired.kind is not ComponentKind.PRODUCT or not view.desired.database:
            yield Refusal(
                "it-has-data",
                f"{view.desired.name} has no database of its own that could be backed up",
                "change its version in the stack file",
            )
        if view.desired.saving is not None and not view.desired.saving.possible:
            yield Refusal(
                "a-backup-can-be-taken",
                f"the stack file names no place where a backup of {view.desired.name} could be put here",
                "name one in spec.backup.destination: only a backup leads back where the new release fails",
            )
        yield from without_page(view)
        yield from unwell(view)

    def adapt(self, view: View, operation: Running) -> View:
        """Nobody runs while data are saved or put back; then the new release, or the old one on the way back."""
        wanted = view.desired.upgrade
        if wanted is None or not _knows(view, operation, STOPPING):
            return view
        back, changed = reason_to_turn_back(view, operation) is not None, _knows(view, operation, CHANGED)
        if not back and changed:
            return replace(view, desired=replace(view.desired, members=wanted.members))
        if back and (not changed or _is_back(view, operation)):
            return view
        return replace(view, desired=replace(view.desired, members=()))

    def too_late(self, view: View, operation: Running) -> Refusal | None:
        """Users who were let in write to the data of the new release."""
        if not _knows(view, operation, LET_IN):
            return None
        return Refusal(
            "it-can-still-turn-back",
            f"users of {view.desired.name} were let in on {operation.params.get('to')}: nothing turns back from here",
            f"`telamon operations wait {operation.name}` waits for its end; only a restore leads back",
        )

    def steps(self, view: View, operation: Running) -> Iterator[Proposal]:
        """The next thing to do, from what is seen."""
        wanted = view.desired.upgrade
        if wanted is None:
            yield Finished("Failed", "it was not told which release to come to")
        elif not _knows(view, operation, STOPPING):
            yield from self._prepare(view, operation)
        elif reason_to_turn_back(view, operation) is not None:
            yield from self._turn_back(view, operation, wanted=wanted)
        elif operation.cancelled and not _knows(view, operation, LET_IN):
            yield turn_back(view, operation, reason="somebody asked for it")
        elif not _knows(view, operation, CHANGED):
            yield from self._save(view, operation)
        else:
            yield from self._start(view, operation, wanted=wanted)

    # ------------------------------------------------------------------------------------------------------- forward

    def _prepare(self, view: View, operation: Running) -> Iterator[Proposal]:
        if operation.cancelled:
            undone = tuple(broken_off(view, operation.job(FIRST), because=f"{operation.name} was cancelled"))
            yield from undone or (Finished("Cancelled", "nothing had been changed yet"),)
            return
        name = f"{backup_name(view, operation)}-before"
        behind = tuple(database_first(view))
        left = behind or tuple(worked(view, _begin(view, operation, TakeBackup(name, "upgrade"), job=FIRST)))
        why = "a backup is listed; the interruption begins"
        yield from left or (Record(view.desired.name, operation.fact(STOPPING), why),)

    def _save(self, view: View, operation: Running) -> Iterator[Proposal]:
        if view.desired.rotates and not view.seen.held:
            yield Hold(view.desired.name, operation.name)
            return
        if view.seen.members:
            # The standing rules end whoever is not desired.
            return
        step = _begin(view, operation, TakeBackup(backup_name(view, operation), "upgrade"), job=LAST)
        job = view.seen.jobs.get(step.job)
        if job is not None and job.phase is JobPhase.FAILED and job.result != INTERRUPTED:
            yield turn_back(view, operation, reason=f"the backup could not be taken: {job.detail}")
            return
        left = tuple(worked(view, step))
        yield from left or (
            Record(view.desired.name, operation.fact(CHANGED), "the backup to come back to is listed"),
        )

    def _start(self, view: View, operation: Running, *, wanted: Wanted) -> Iterator[Proposal]:
        name = view.desired.name
        if _knows(view, operation, LET_IN):
            if view.seen.held:
                yield LetGo(name, operation.name)
            elif view.memory.release != wanted.to_release:
                yield Record(name, f"{RELEASE}{wanted.to_release}", "its data are of it now")
            elif all(condition in UP for _, _, condition in view.wanted()):
                yield Finished("Succeeded", f"{name} is of {wanted.to_release}")
            return
        trouble = trouble_of(view, operation, release=wanted.to_release)
        if trouble is not None:
            yield turn_back(view, operation, reason=trouble)
            return
        for member in view.fit():
            if not proven(view, operation, member=member):
                yield from smoked(view, operation, member=member)
                return
        if view.standing().ready:
            yield Record(name, operation.fact(LET_IN), "enough members serve on the new release")

    # ---------------------------------------------------------------------------------------------------------- back

    def _turn_back(self, view: View, operation: Running, *, wanted: Wanted) -> Iterator[Proposal]:
        name, reason = view.desired.name, reason_to_turn_back(view, operation) or ""
        changed = _knows(view, operation, CHANGED)
        left = () if changed else tuple(broken_off(view, operation.job(LAST), because=reason))
        if left:
            yield from left
            return
        if changed and not _is_back(view, operation):
            if view.desired.rotates and not view.seen.held:
                yield Hold(name, operation.name)
            elif not view.seen.members:
                yield from self._put_back(view, operation)
            return
        if not view.standing().ready:
            return
        if not _knows(view, operation, RETURNED):
            yield Record(name, operation.fact(RETURNED), f"enough members serve on {wanted.from_release}")
            return
        if view.seen.held:
            yield LetGo(name, operation.name)
            return
        # Where it stayed, the next restore would find its place taken. No user has seen the data of the new release.
        left = tuple(insisted(view, _begin(view, operation, DiscardOutgoing()))) if changed else left
        message = f"{name} is back on {wanted.from_release}: {reason}"
        yield from left or (Finished("Cancelled" if operation.cancelled else "Failed", message),)

    def _put_back(self, view: View, operation: Running) -> Iterator[Proposal]:
        for work in (PrepareRestore(backup_name(view, operation)), SwitchData()):
            left = tuple(insisted(view, _begin(view, operation, work)))
            if left:
                yield from left
                return


def _begin(view: View, operation: Running, work: Work, *, job: str = "") -> Begin:
    return Begin(view.desired.name, operation.job(job or work.kind), work, operation.name)


def _knows(view: View, operation: Running, what: str) -> bool:
    return view.memory.knows(operation.fact(what))


def _is_back(view: View, operation: Running) -> bool:
    """Whether the saved data are in force again. A cluster forgets a job a day after its end; the fact stays."""
    return _knows(view, operation, RETURNED) or _ended_well(view, operation, SwitchData.kind)


def _ended_well(view: View, operation: Running, what: str) -> bool:
    job = view.seen.jobs.get(operation.job(what))
    return job is not None and job.phase is JobPhase.SUCCEEDED

"""What a rolling upgrade does first: see that there is a backup to come back to.

A backup that an operation took not long ago, of the release in force, is verified and relied on; else another is taken.
Either is done before anything is touched, so a backup that cannot be taken, or is damaged, ends the upgrade there. How
old one is follows from instants that this component's journal holds: when the backup was asked for, and when the
upgrade was. No other clock is asked.

Source: Atlassian, "Managing zero downtime upgrades", the first step of which is a backup; after the approval there is
no way back but a restore ("Zero downtime upgrade FAQs").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from telamon.plan.operation import Running
from telamon.plan.operations.backup import backup_name, noted
from telamon.plan.operations.base import Proposal, worked
from telamon.plan.step import Begin, Finished, Forget, Record, Refusal
from telamon.plan.view import Saved, View
from telamon.plan.works.backup import TakeBackup, VerifyBackup
from telamon.state.world import INTERRUPTED, JobPhase

SKIPPED = "no-backup"
"""Fact: no backup is taken first, because the stack file has it so."""


def saving_jobs(operation: Running) -> tuple[str, ...]:
    """The jobs that an upgrade may have begun to save its data."""
    return operation.job(TakeBackup.kind), operation.job(VerifyBackup.kind)


def cannot_be_saved(view: View) -> Iterator[Refusal]:
    """Why an upgrade that is to be saved first cannot be."""
    saving = view.desired.saving
    if _has_data(view) and saving is not None and saving.asked and not saving.possible:
        yield Refusal(
            "a-backup-can-be-taken",
            f"the stack file names no place where a backup of {view.desired.name} could be put here",
            "name a folder in spec.backup.destination, or say `skip` in spec.backup.beforeUpgrade: then only a backup"
            " that you have made yourself leads back",
        )


def saved_first(view: View, operation: Running) -> Iterator[Proposal]:
    """See that there is a backup to come back to, where one is asked for.

    Yields:
        The next thing to do, a wait, or the end of the operation where there is none to be had; nothing once it is
        there.
    """
    saving = view.desired.saving
    if saving is None or not _has_data(view):
        return
    if not saving.asked:
        if not view.memory.knows(operation.fact(SKIPPED)):
            why = "the stack file asks for none: once it is approved, nothing of ours leads back"
            yield Record(view.desired.name, operation.fact(SKIPPED), why)
        return
    recent, own = _recent(view, operation), backup_name(view, operation)
    if recent is not None and recent.name == own:
        return
    verified = view.seen.jobs.get(operation.job(VerifyBackup.kind))
    damaged = verified is not None and verified.phase is JobPhase.FAILED and verified.result != INTERRUPTED
    if verified is not None and damaged:
        yield from _mistrusted(view, verified.detail)
    elif recent is not None:
        yield from worked(view, _begin(view, operation, VerifyBackup(recent.name)))
    else:
        left = tuple(worked(view, _begin(view, operation, TakeBackup(own, "upgrade"))))
        yield from map(_told, left) if left else noted(view, operation)


def _begin(view: View, operation: Running, work: TakeBackup | VerifyBackup) -> Begin:
    return Begin(view.desired.name, operation.job(work.kind), work, operation.name)


def _has_data(view: View) -> bool:
    return view.desired.database


def _recent(view: View, operation: Running) -> Saved | None:
    """The newest backup, where it is of the release in force and was asked for not too long before the upgrade was."""
    saved, saving = view.memory.saved, view.desired.saving
    if saved is None or saving is None or saved.release != view.memory.release:
        return None
    # One from the future is older than it says: the clock was put back since.
    return saved if 0 <= operation.since - saved.at <= saving.recent else None


def _mistrusted(view: View, detail: str) -> Iterator[Proposal]:
    """Rely on it no more: whoever tries again has another one taken."""
    saved = view.memory.saved
    if saved is not None:
        yield Forget(view.desired.name, saved.fact, f"{saved.name} could not be verified: {detail}")
        return
    again = f"`telamon retry {view.desired.name}` takes another one, and goes on"
    yield Finished(
        "Failed",
        f"nothing was changed: the newest backup could not be verified: {detail.rstrip('.')}; {again}",
    )


def _told(proposal: Proposal) -> Proposal:
    if not isinstance(proposal, Finished):
        return proposal
    return replace(proposal, message=f"nothing was changed: no backup could be taken: {proposal.message}")

"""``backup``: a product's data of one instant, while it serves; and ``verify``: a look at one that was taken.

:func:`take` is what other operations put before something dangerous.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from telamon.plan.operation import Running
from telamon.plan.operations.base import Planner, Proposal, broken_off, worked
from telamon.plan.step import Begin, Finished, Record, Refusal
from telamon.plan.view import Saved, View
from telamon.plan.work import Work
from telamon.plan.works.backup import PruneBackups, TakeBackup, VerifyBackup
from telamon.state.world import ComponentKind, UpgradePhase

JOB = "backup"


def backup_name(view: View, operation: Running) -> str:
    """The name of the backup that an operation takes: its component, and the instant at which it was accepted."""
    asked = datetime.fromtimestamp(operation.since, UTC)
    return f"{view.desired.name}-{asked:%Y%m%dT%H%M%SZ}"


def cannot_be_backed_up(view: View) -> Iterator[Refusal]:
    """Why a component's data cannot be copied or put back now."""
    name = view.desired.name
    if view.desired.kind is not ComponentKind.PRODUCT or not view.desired.database:
        yield Refusal(
            "it-has-data",
            f"{name} has no database of its own, and so nothing to back up",
            "name a product; its companions belong to it",
        )
    elif view.desired.saving is not None and not view.desired.saving.possible:
        yield Refusal(
            "backups-have-a-place",
            f"the stack file names no place here where backups of {name} could be put",
            "name one in spec.backup.destination",
        )
    elif not view.is_set_up():
        yield Refusal("it-is-set-up", f"{name} is not set up yet", "wait until it is")


def take(view: View, operation: Running, *, reason: str) -> Iterator[Proposal]:
    """Take a backup under :func:`backup_name`, and wait for it.

    Yields:
        The work, a wait while it runs, the end of the operation where it failed; nothing once it is listed. Whoever
        has something to do afterwards must look whether there was anything: a wait does not end the list of proposals.
    """
    yield from _work(view, operation, TakeBackup(backup_name(view, operation), reason))


def noted(view: View, operation: Running) -> Iterator[Proposal]:
    """Note that the backup of an operation is the newest.

    Yields:
        The note; nothing once it stands there, or where nobody knows of what release the data are.
    """
    release = view.memory.release
    if release is None:
        return
    saved = Saved(operation.since, release, backup_name(view, operation))
    if view.memory.saved != saved:
        yield Record(view.desired.name, saved.fact, "it is listed and was verified")


class Backup(Planner):
    """Take a backup of a product while it serves."""

    verb = "backup"
    words = "take a backup"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """There must be data, and they must be of one release."""
        yield from cannot_be_backed_up(view)
        if view.seen.upgrade not in {None, UpgradePhase.STABLE}:
            yield Refusal(
                "data-is-of-one-release",
                f"{view.desired.name} is in the middle of a rolling upgrade",
                "wait until it is finished or turned back",
            )

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """Take it."""
        if operation.cancelled:
            # What is left behind is listed nowhere, and the next clearing away removes it.
            yield from _broken_off(view, operation, "the backup is listed only if it was finished already")
            return
        left = tuple(take(view, operation, reason=operation.params.get("reason", "asked")))
        left = left or tuple(noted(view, operation))
        done = Finished("Succeeded", f"{backup_name(view, operation)} is listed and verified")
        yield from left or (done,)


class Verify(Planner):
    """Restore a backup where nobody is disturbed, and judge it."""

    verb = "verify-backup"
    words = "verify a backup"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """There must be data that it could be of."""
        yield from cannot_be_backed_up(view)

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """Verify it."""
        name = operation.params.get("from", "")
        if operation.cancelled:
            yield from _broken_off(view, operation, f"{name} is as it was")
            return
        left = tuple(_work(view, operation, VerifyBackup(name)))
        yield from left or (Finished("Succeeded", f"{name} is whole"),)


class Prune(Planner):
    """Remove backups that are past their time."""

    verb = "prune-backups"
    words = "remove backups that are past their time"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """There must be data that they could be of."""
        yield from cannot_be_backed_up(view)

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """Remove them."""
        if operation.cancelled:
            yield from _broken_off(view, operation, "what was off the list already is gone")
            return
        left = tuple(_work(view, operation, PruneBackups()))
        yield from left or (Finished("Succeeded", "none is kept past its time"),)


def _broken_off(view: View, operation: Running, message: str) -> Iterator[Proposal]:
    left = tuple(broken_off(view, operation.job(JOB), because=f"{operation.name} was cancelled"))
    yield from left or (Finished("Cancelled", message),)


def _work(view: View, operation: Running, work: Work) -> Iterator[Proposal]:
    yield from worked(view, Begin(view.desired.name, operation.job(JOB), work, operation.name))

"""``tidy-restore``: what a restore has kept aside becomes a backup, or is given up, and goes from where it was kept.

A restore does that by itself in the end. Where no backup could be made of it, for want of room or because the product
itself lacked something, it stays where it is, and keeps the next restore and the way back of a major upgrade from their
place, until this has come to a good end.
"""

from __future__ import annotations

from collections.abc import Iterator

from telamon.plan.operation import Running
from telamon.plan.operations.backup import backup_name, cannot_be_backed_up
from telamon.plan.operations.base import Planner, Proposal, broken_off, worked
from telamon.plan.step import Begin, Finished, Refusal
from telamon.plan.view import View
from telamon.plan.works.backup import DiscardOutgoing, KeepOutgoing

DISCARD = "discard"
"""Parameter: "yes" where nobody needs what was before."""


class TidyRestore(Planner):
    """Make a backup of what a restore has kept aside, and remove it there. Users notice nothing."""

    verb = "tidy-restore"
    words = "make what a restore has kept aside a backup"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """There must be data that could have been kept aside."""
        yield from cannot_be_backed_up(view)

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """Do it once."""
        name = view.desired.name
        kept = f"{backup_name(view, operation)}-before"
        discards = operation.params.get(DISCARD) == "yes"
        work = DiscardOutgoing() if discards else KeepOutgoing(kept)
        step = Begin(name, operation.job(work.kind), work, operation.name)
        if operation.cancelled:
            left = tuple(broken_off(view, step.job, because=f"{operation.name} was cancelled"))
            told = "what was kept aside stays there, but for what was removed already"
            yield from left or (Finished("Cancelled", told),)
            return
        fate = "what was is gone" if discards else f"what was, if there was anything, is {kept}"
        done = Finished("Succeeded", f"nothing of {name} is kept aside any more; {fate}")
        yield from tuple(worked(view, step)) or (done,)

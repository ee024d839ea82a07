"""What upgrades of either way have in common: how they end, and what of them stays remembered."""

from __future__ import annotations

from collections.abc import Iterator

from telamon.plan.operation import Running
from telamon.plan.operations.base import Planner, Proposal
from telamon.plan.step import Finished, Forget, Record
from telamon.plan.view import AGREED, HELD, View


class Releasing(Planner):
    """An operation that changes a release. Subclasses say by which steps.

    A release that it did not bring is held: nothing tries it again by itself, whatever else of the stack changes and
    however many operations come after. An agreement to an interruption ends with the upgrade that it was given for.
    """

    def steps(self, view: View, operation: Running) -> Iterator[Proposal]:
        """As :meth:`proposals`, without what is remembered in the end."""
        raise NotImplementedError

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """The next thing to do, from what is seen."""
        for proposal in self.steps(view, operation):
            if isinstance(proposal, Finished):
                yield from _ended(view, operation, proposal)
                return
            yield proposal


def _ended(view: View, operation: Running, finished: Finished) -> Iterator[Proposal]:
    """The end, once what lasts of it is written down: whoever dies in between finds the operation still in progress."""
    name, course, memory = view.desired.name, operation.course, view.memory
    missed = course is not None and finished.ending != "Succeeded" and memory.release != course.to_release
    if course is not None and missed and memory.held != course.to_release:
        yield Record(name, f"{HELD}{course.to_release}", f"{operation.name} did not bring it")
    elif memory.agreed is not None:
        yield Forget(name, f"{AGREED}{memory.agreed}", "it was agreed to once")
    else:
        yield finished

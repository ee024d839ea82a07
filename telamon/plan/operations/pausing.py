"""``pause`` and ``resume``: whether Telamon acts on a component at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telamon.plan.operation import Running
from telamon.plan.operations.base import Planner, Proposal
from telamon.plan.step import Finished, Forget, Record, Refusal
from telamon.plan.view import PAUSED, View


class Pause(Planner):
    """From now on the component is looked at and reported, and nothing is done to it."""

    verb = "pause"
    words = "leave the component as it is"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """What is paused already need not be paused."""
        if view.is_paused():
            yield Refusal("not-paused-yet", f"{view.desired.name} is paused already", "nothing is left to do")

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """Remember it."""
        name = view.desired.name
        if not view.memory.knows(PAUSED):
            yield Record(name, PAUSED, "somebody asked for it")
        else:
            yield Finished("Succeeded", f"{name} is left as it is until `telamon resume {name}`")


class Resume(Planner):
    """The component is kept again."""

    verb = "resume"
    words = "keep the component again"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """Only what a person paused by hand is resumed by hand."""
        name = view.desired.name
        if view.desired.paused:
            yield Refusal(
                "paused-by-hand",
                f"the stack file pauses {name}",
                f"take paused out of spec.products.{view.desired.product}, then `telamon apply`",
            )
        elif not view.memory.knows(PAUSED):
            yield Refusal("is-paused", f"{name} is not paused", "nothing is left to do")

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """Forget that it was paused."""
        name = view.desired.name
        if view.memory.knows(PAUSED):
            yield Forget(name, PAUSED, "somebody asked for it")
        else:
            yield Finished("Succeeded", f"{name} is kept again")


PAUSING: Final = frozenset({Pause.verb, Resume.verb})
"""What goes on while changes are paused."""

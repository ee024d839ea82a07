"""``maintenance-on`` and ``maintenance-off``: a page for the users of a product, for as long as somebody wants it."""

from __future__ import annotations

from collections.abc import Iterator

from telamon.plan.operation import Running
from telamon.plan.operations.base import Planner, Proposal, without_page
from telamon.plan.step import Finished, Forget, Hold, LetGo, Record, Refusal
from telamon.plan.view import MAINTENANCE, View


class MaintenanceOn(Planner):
    """The fact is recorded before the page is shown, so that a controller that dies in between shows it."""

    verb = "maintenance-on"
    words = "show the maintenance page"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """Only what users reach through the front door has a page to show."""
        name = view.desired.name
        if not view.desired.rotates:
            yield Refusal(
                "users-come-through-the-front-door",
                f"no user reaches {name} through the front door",
                "name a product",
            )
        elif view.memory.knows(MAINTENANCE):
            yield Refusal("not-on-yet", f"the users of {name} see the page already", "nothing is left to do")
        yield from without_page(view)

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """Record, show, and end once it is seen."""
        name, why = view.desired.name, "somebody asked for it"
        if operation.cancelled:
            yield Finished("Cancelled", "the page was not shown")
        elif not view.memory.knows(MAINTENANCE):
            yield Record(name, MAINTENANCE, why)
        elif not view.seen.held:
            yield Hold(name, why)
        else:
            words = f"every user of {name} sees the maintenance page until `telamon maintenance off {name}`"
            yield Finished("Succeeded", words)


class MaintenanceOff(Planner):
    """The fact is forgotten before the page goes, so that a controller that dies in between takes it away."""

    verb = "maintenance-off"
    words = "take the maintenance page away"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """Only what somebody has shown is taken away."""
        if not view.memory.knows(MAINTENANCE):
            yield Refusal(
                "is-on", f"nobody has asked for the page of {view.desired.name}", "nothing is left to do"
            )

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """Forget, take away, and end once it is seen."""
        name, why = view.desired.name, "somebody asked for it"
        if view.memory.knows(MAINTENANCE):
            yield Forget(name, MAINTENANCE, why)
        elif view.seen.held:
            yield LetGo(name, why)
        else:
            yield Finished("Succeeded", f"the users of {name} are let in again")

"""Asks for what comes round by itself: a backup of every product, as often as the stack file says."""

from __future__ import annotations

import logging
from typing import Final

from telamon.desired.component import ComponentDesired
from telamon.errors import TelamonError
from telamon.operator.host import Host
from telamon.operator.operations import UNENDED, Wish
from telamon.plan.operations.backup import Backup
from telamon.plan.schedule import Attempt, is_due
from telamon.state.world import ComponentKind

LOG = logging.getLogger("telamon.operator")
LOOKS_EVERY: Final = 60.0
"""Seconds between two looks: nothing here comes round more often than every quarter of an hour."""


class Schedule:
    """What comes round, for one host.

    Args:
        host: accepts the operations; its clock says when it is time.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._first: dict[str, float] = {}
        self._looked = float("-inf")

    def keep(self) -> tuple[str, ...]:
        """Ask for whatever is due. Returns the components that a backup was asked for.

        One that is refused, because the product is in the middle of something, is asked for again later.
        """
        now = self._host.clock.now()
        if now - self._looked < LOOKS_EVERY:
            return ()
        self._looked = now
        products = self._products()
        kept = self._host.stack() if products else None
        if kept is None:
            return ()
        every = kept[0].spec.backup.every.seconds
        due = [name for name in products if self._is_due(name, every=every, now=now)]
        return tuple(name for name in due if self._ask(name))

    def _products(self) -> tuple[str, ...]:
        """Products that have something to back up, and whose backups have a place."""
        return tuple(
            name
            for name, lane in self._host.lanes().items()
            if lane.outcome is not None
            and lane.outcome.view.desired.kind is ComponentKind.PRODUCT
            and lane.outcome.view.desired.database
            and _have_a_place(lane.outcome.view.desired)
            and lane.outcome.view.is_set_up()
        )

    def _is_due(self, component: str, *, every: float, now: float) -> bool:
        asked = [
            operation.status
            for operation in self._host.operations.all()
            if operation.spec.verb == Backup.verb and operation.spec.target.component == component
        ]
        attempts = [
            Attempt(
                None if status.phase in UNENDED or status.finished is None else status.finished.timestamp(),
                status.phase == "Succeeded",
            )
            for status in asked
        ]
        return is_due(attempts, first=self._since(component, now), every=every, now=now)

    def _since(self, component: str, now: float) -> float:
        """When the component was first heard of, or now where the journal knows nothing of it."""
        if component not in self._first:
            lines = self._host.journal.read(component)
            self._first[component] = lines[0].at if lines else now
        return self._first[component]

    def _ask(self, component: str) -> bool:
        try:
            self._host.operate(Wish(Backup.verb, component, "", {"reason": "scheduled"}))
        except TelamonError as error:
            LOG.info("the backup of %s is put off: %s", component, error)
            return False
        return True


def _have_a_place(desired: ComponentDesired) -> bool:
    return desired.saving is None or desired.saving.possible

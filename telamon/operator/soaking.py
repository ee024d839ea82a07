"""Since when a stack has been as it should be: what a promotion to the next environment rests on.

What nobody looked at does not count. A controller that was away for longer than :data:`GAP` begins anew, and so does
one whose clock was put back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from telamon.model.status import GREEN, GreenStatus, StackStatus

GAP: Final = timedelta(minutes=2)
"""Longest time between two looks that still make one stretch; a controller restarts faster than that."""
KEPT_EVERY: Final = timedelta(seconds=30)
"""How far the last look moves on before it is worth being written down again."""


@dataclass
class Soaking:
    """The stretch that goes on, if one does.

    Attributes:
        kept: as it was told last.
    """

    kept: GreenStatus | None = None

    def look(self, status: StackStatus, *, generation: int, now: datetime) -> GreenStatus | None:
        """Take in one look, and tell the stretch that it belongs to.

        Args:
            status: as it stands.
            generation: of the spec in force.
            now: time of the look.
        """
        self.kept = gone_on(self.kept, generation=generation, now=now) if is_green(status) else None
        return self.kept


def is_green(status: StackStatus) -> bool:
    """Whether everything is as it should be.

    Args:
        status: of a stack.
    """
    found = {condition.type: condition.status for condition in status.conditions}
    return all(found.get(type_) == wanted for type_, wanted in GREEN)


def gone_on(before: GreenStatus | None, *, generation: int, now: datetime) -> GreenStatus:
    """The stretch to which a look at a green stack belongs: the one before, or a new one.

    Args:
        before: as told last.
        generation: of the spec in force; another spec is another stretch.
        now: time of the look.
    """
    # Two that ask at once may come in the wrong order, so a little backwards is no clock that was put back.
    if before is None or before.generation != generation or abs(now - before.seen) > GAP:
        return GreenStatus(generation=generation, since=now, seen=now)
    if now - before.seen < KEPT_EVERY:
        return before
    return before.model_copy(update={"seen": now})

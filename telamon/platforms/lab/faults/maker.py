"""What each sort of fault needs: can it be made here, what must be known to end it, begin, end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from telamon.plan.fault import Fault
from telamon.platforms.lab.faults.records import Record


class Maker(Protocol):
    """Makes and ends one sort of fault."""

    def lacks(self, fault: Fault) -> str:
        """Why it cannot be made here; "" where it can."""

    def prepare(self, fault: Fault) -> Mapping[str, Any]:
        """Look, without changing anything, for what ending it will need (JSON data).

        Raises:
            NotReadyError: what it should hurt is not there.
        """

    def begin(self, record: Record) -> None:
        """Make it. The record is kept already."""

    def end(self, record: Record) -> None:
        """End it, whatever of it was made; doing so twice changes nothing."""

"""Faults of clocks, by libfaketime: a file says how far off a member's clock is.

Source: libfaketime, README, "FAKETIME_TIMESTAMP_FILE" (an offset such as ``+30``; read again after
``FAKETIME_CACHE_DURATION`` seconds) and "DONT_FAKE_MONOTONIC".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from telamon.desired.lab.relays import CLOCK_RIGHT, clock_file
from telamon.errors import InternalError
from telamon.plan.fault import ClockJump, Fault
from telamon.platforms.files import write
from telamon.platforms.lab.faults.records import Record


class Clocks:
    """Makes :class:`ClockJump`.

    Args:
        root: state root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def lacks(self, fault: Fault) -> str:
        """The member must have been started with a clock that can be moved."""
        member = _of(fault).member
        if (self._root / clock_file(member)).exists():
            return ""
        return (
            f"the clock of {member} cannot be moved: install libfaketime 0.9.11 or newer (or name it in "
            "platform.clockLibrary), set platform.movableClocks beside platform.disturbable in the stack file, and "
            "apply it"
        )

    def prepare(self, fault: Fault) -> Mapping[str, Any]:
        """Say where it is written."""
        return {"file": clock_file(_of(fault).member)}

    def begin(self, record: Record) -> None:
        """Write how far off it is."""
        write(self._root / record.undo["file"], f"{_of(record.disturbance.fault).offset:+g}\n", mode=0o644)

    def end(self, record: Record) -> None:
        """Write that it is right."""
        path = self._root / record.undo["file"]
        if path.exists():
            write(path, CLOCK_RIGHT, mode=0o644)


def _of(fault: Fault) -> ClockJump:
    if isinstance(fault, ClockJump):
        return fault
    raise InternalError(f"{type(fault).__name__} is not about a clock")

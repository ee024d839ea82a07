"""A disk that is slow: the file system of a home is frozen again and again, so that whoever writes to it waits.

Nobody but root may freeze one. Reads go on, and nothing that was written is lost.
Sources: fsfreeze(8); linux/fs.h (``FIFREEZE``, ``FITHAW``).
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from telamon.errors import InternalError, MachineError, brief
from telamon.plan.fault import Fault, SlowDisk
from telamon.platforms.lab.faults.records import Record

FREEZE: Final = 0xC0045877
THAW: Final = 0xC0045878
"""``_IOWR('X', 119, int)`` and ``_IOWR('X', 120, int)``."""
PERIOD: Final = 0.5
"""Seconds of one turn: long enough to be felt by a write, and short enough for no health check to give up."""
ROOT: Final = 0


class SlowDisks:
    """Makes :class:`SlowDisk`.

    Args:
        root: state root.
        torment: starts the process that freezes and thaws.
    """

    def __init__(self, root: Path, torment: Callable[[Record], None]) -> None:
        self._root = root
        self._torment = torment

    def lacks(self, fault: Fault) -> str:
        """The home must be a file system of its own, and whoever freezes it root."""
        home = home_of(self._root, fault)
        if not home.is_mount():
            return f"{home} is no file system of its own: set platform.homeSize"
        return "" if os.geteuid() == ROOT else "only root may freeze a file system"

    def prepare(self, fault: Fault) -> Mapping[str, Any]:
        """Say which home it is."""
        return {"home": str(home_of(self._root, fault))}

    def begin(self, record: Record) -> None:
        """Start to freeze it again and again."""
        self._torment(record)

    def end(self, record: Record) -> None:
        """Thaw it, also where nobody else is left to do it."""
        thaw(Path(record.undo["home"]))


def one_turn(home: Path, *, share: float) -> None:
    """Freeze a file system for its part of a turn, and thaw it whatever happens.

    Args:
        home: folder at which it is mounted.
        share: of the turn for which it takes writes.

    Raises:
        MachineError: it cannot be frozen.
    """
    try:
        _command(home, FREEZE)
        time.sleep(PERIOD * (1 - share))
    finally:
        thaw(home)
    time.sleep(PERIOD * share)


def thaw(home: Path) -> None:
    """Let a file system take writes again; one that is not frozen is left alone.

    Raises:
        MachineError: it stays frozen.
    """
    _command(home, THAW)


def home_of(root: Path, fault: Fault) -> Path:
    """The home that a fault is about."""
    if isinstance(fault, SlowDisk):
        return root / "homes" / fault.member
    raise InternalError(f"{type(fault).__name__} is not SlowDisk")


def _command(home: Path, number: int) -> None:
    try:
        descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, number, 0)
        finally:
            os.close(descriptor)
    except OSError as error:
        # It is as it should be already: frozen (EBUSY), or not frozen (EINVAL).
        if error.errno not in {errno.EBUSY, errno.EINVAL}:
            raise MachineError(f"{home} cannot be frozen or thawed: {brief(error)}") from error

"""Faults that are signals: killed, standing still. Source: signal(7), pidfd_send_signal(2)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from telamon.errors import InternalError, NotReadyError
from telamon.plan.fault import Fault, Hang, Kill, KillController
from telamon.platforms import procfs
from telamon.platforms.lab.faults.records import Owner, Record
from telamon.platforms.lab.ledger import Ledger

CONTROLLER = "telamon.operator"
STOPPED = "T"
"""State of a process that was stopped by a signal. Source: proc_pid_stat(5)."""
STANDS_WITHIN = 1.0
"""Seconds to leave a process that is in a call which cannot be interrupted."""
ENDS_WITHIN = 20.0
"""Seconds after which a killed process has ended on any machine that still gets anything done."""


class Signals:
    """Makes :class:`Kill`, :class:`KillController` and :class:`Hang`.

    Args:
        root: state root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def lacks(self, fault: Fault) -> str:
        """Signals reach whatever we have started."""
        return ""

    def prepare(self, fault: Fault) -> Mapping[str, Any]:
        """Find the processes."""
        match fault:
            case Kill(member):
                return {"processes": [_pair(leader(self._root, member))]}
            case KillController():
                return {"processes": [_pair(controller(self._root))]}
            case Hang(member):
                return {"processes": [_pair(found) for found in family(leader(self._root, member))]}
            case _:
                raise InternalError(f"{type(fault).__name__} is no signal")

    def begin(self, record: Record) -> None:
        """Send it. Those who started others come first, so that nobody is started meanwhile."""
        standing = isinstance(record.disturbance.fault, Hang)
        for found in processes_of(record):
            send(found, signal.SIGSTOP if standing else signal.SIGKILL)
            if standing:
                _await_standstill(found)
            elif isinstance(record.disturbance.fault, KillController):
                _await_end(found)

    def end(self, record: Record) -> None:
        """Let go on what stands still."""
        if isinstance(record.disturbance.fault, Hang) and record.is_of_this_boot:
            for found in processes_of(record):
                send(found, signal.SIGCONT)


def leader(root: Path, member: str) -> Owner:
    """The process of a member.

    Raises:
        NotReadyError: it has none.
    """
    for entry in Ledger(root / "run").entries():
        found = Owner(entry.pid, entry.ticks)
        if entry.identity.member == member and found.lives:
            return found
    raise NotReadyError(f"{member} does not run", remedy="`telamon status` shows who does.")


def controller(root: Path) -> Owner:
    """The process that keeps a stack.

    Raises:
        NotReadyError: there is none.
    """
    for pid in procfs.pids():
        words = _command(pid)
        seen = procfs.stat(pid)
        if CONTROLLER in words and str(root) in words and seen is not None and seen.state != procfs.ZOMBIE:
            return Owner(pid, seen.ticks)
    raise NotReadyError("no controller runs for this stack", remedy="Start it with `telamon up`.")


def family(first: Owner) -> Iterator[Owner]:
    """A process and all that descend from it."""
    yield first
    for pid in procfs.pids():
        seen = procfs.stat(pid)
        if seen is not None and procfs.is_descendant(pid, first.pid):
            yield Owner(pid, seen.ticks)


def send(found: Owner, number: signal.Signals) -> None:
    """Send a signal to this very process; one that has gone needs none."""
    try:
        descriptor = os.pidfd_open(found.pid)
    except ProcessLookupError:
        return
    try:
        # Looked at after the descriptor was opened, so that both mean the same process.
        if found.lives:
            signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def _await_standstill(found: Owner) -> None:
    """Wait until the last thread of a process stands: the signal reaches a running one only at its next turn."""
    end = time.monotonic() + STANDS_WITHIN
    while time.monotonic() < end:
        seen = procfs.stat(found.pid)
        if seen is None or seen.ticks != found.ticks or seen.state in {STOPPED, procfs.ZOMBIE}:
            return
        time.sleep(0.002)


def _await_end(found: Owner) -> None:
    """Wait until a killed process has let go of everything: its socket takes calls until its last thread has ended."""
    end = time.monotonic() + ENDS_WITHIN
    while time.monotonic() < end and not procfs.has_ended(found.pid, found.ticks):
        time.sleep(0.002)


def processes_of(record: Record) -> list[Owner]:
    """The processes that a record names."""
    return [Owner(pid, ticks) for pid, ticks in record.undo["processes"]]


def _pair(found: Owner) -> list[int]:
    return [found.pid, found.ticks]


def _command(pid: int) -> tuple[str, ...]:
    try:
        words = (procfs.PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return ()
    return tuple(os.fsdecode(word) for word in words)

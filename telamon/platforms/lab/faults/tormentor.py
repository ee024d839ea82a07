"""Faults that must be made again and again, by a process of their own: ``python -m … --root DIR --name NAME``.

It ends when the fault is over: calmed, or its time up. It reads both from the record, so it needs nobody.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from telamon.errors import InternalError, MachineError, NotReadyError, brief
from telamon.plan.fault import CrashLoop, Fault, SlowDisk, Throttle
from telamon.platforms.lab.faults.frozen import one_turn
from telamon.platforms.lab.faults.records import Owner, Record, Records
from telamon.platforms.lab.faults.signals import family, leader, send
from telamon.platforms.lab.logs import open_log
from telamon.platforms.outliving import let_go

PERIOD: Final = 0.1
"""Seconds of one turn of a throttled process: short enough for no health check to find it silent."""
LOOKS_EVERY: Final = 0.1
"""Seconds between two looks for a process to kill."""
LOG_NAME: Final = "faults"


class Torments:
    """Makes :class:`Throttle` and :class:`CrashLoop`.

    Args:
        root: state root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def lacks(self, fault: Fault) -> str:
        """It takes no more than signals."""
        return ""

    def prepare(self, fault: Fault) -> Mapping[str, Any]:
        """See that there is somebody to hurt."""
        leader(self._root, _member(fault))
        return {}

    def begin(self, record: Record) -> None:
        """Start the process that does it."""
        command = [sys.executable, "-P", "-m", __name__, "--root", str(self._root), "--name", record.name]
        try:
            with open_log(self._root, LOG_NAME) as log:
                child = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
                )
        except OSError as error:
            raise MachineError(f"a fault cannot be started: {brief(error)}") from error
        let_go(child)

    def end(self, record: Record) -> None:
        """Let the member go on; the process that hurt it sees by the record that it is over."""
        if isinstance(record.disturbance.fault, Throttle):
            _let_go(self._root, record.disturbance.fault.member)


def main(arguments: Sequence[str]) -> int:
    """Make a fault until it is over.

    Args:
        arguments: command line without the program's name.

    Returns:
        Exit code: 0.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {__name__}", description="Make a fault again and again."
    )
    parser.add_argument("--root", type=Path, required=True, help="state folder of the stack")
    parser.add_argument("--name", required=True, help="name of the fault, which is recorded there")
    options = parser.parse_args(arguments)
    _run(options.root, Records(options.root), name=options.name)
    return 0


def _run(root: Path, records: Records, *, name: str) -> None:
    while (record := _in_force(records, name)) is not None:
        match record.disturbance.fault:
            case Throttle(member, share):
                _hold_back(root, member, share=share)
            case CrashLoop(member):
                _kill(root, member)
            case SlowDisk(_, share):
                one_turn(Path(record.undo["home"]), share=share)
            case other:
                raise InternalError(f"{type(other).__name__} is not made again and again")


def _in_force(records: Records, name: str) -> Record | None:
    record = records.get(name)
    over = record is None or record.over or time.time() >= record.disturbance.until
    return None if over else record


def _hold_back(root: Path, member: str, *, share: float) -> None:
    """One turn: the process stands still for its part of it, and is never left so."""
    try:
        found = list(family(leader(root, member)))
    except NotReadyError:
        time.sleep(LOOKS_EVERY)
        return
    try:
        _send_all(found, signal.SIGSTOP)
        time.sleep(PERIOD * (1 - share))
    finally:
        _send_all(found, signal.SIGCONT)
    time.sleep(PERIOD * share)


def _kill(root: Path, member: str) -> None:
    with contextlib.suppress(NotReadyError):
        send(leader(root, member), signal.SIGKILL)
    time.sleep(LOOKS_EVERY)


def _let_go(root: Path, member: str) -> None:
    try:
        found = list(family(leader(root, member)))
    except NotReadyError:
        return
    _send_all(found, signal.SIGCONT)


def _send_all(found: Sequence[Owner], number: signal.Signals) -> None:
    for one in found:
        send(one, number)


def _member(fault: Fault) -> str:
    if isinstance(fault, Throttle | CrashLoop):
        return fault.member
    raise InternalError(f"{type(fault).__name__} is not made again and again")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

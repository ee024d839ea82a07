"""Programs as children, each with a log of its own; they end with whoever started them, or before."""

from __future__ import annotations

import ctypes
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ENDS_WITHIN: Final = 10.0
"""Seconds between the wish to end and the kill."""
_PR_SET_PDEATHSIG: Final = 1


@dataclass
class Children:
    """Programs that were started, the last first to be ended.

    Attributes:
        logs: folder of their logs.
    """

    logs: Path
    _running: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str | Path]) -> None:
        """Start a program.

        Args:
            name: of its log.
            command: with all its arguments.
        """
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.logs,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - no thread of ours holds a lock that it would need.
            )
        self._running.append((name, process))

    def log(self, name: str) -> Path:
        """The log of a program."""
        return self.logs / f"{name}.log"

    def ended(self) -> str:
        """Which program has ended by itself, with the end of its log; "" while all run."""
        for name, process in self._running:
            code = process.poll()
            if code is not None:
                said = self.log(name).read_text(encoding="utf-8", errors="replace").strip()
                return f"{name} ended with code {code}: {said[-1500:]}"
        return ""

    def has_ended(self, name: str) -> bool:
        """Whether a program was started and has ended."""
        return any(each == name and process.poll() is not None for each, process in self._running)

    def forget(self, name: str) -> None:
        """Forget a program that has ended."""
        self._running = [(each, process) for each, process in self._running if each != name]

    def pids(self) -> tuple[int, ...]:
        """Of every program that was started and not ended by us."""
        return tuple(process.pid for _, process in self._running)

    def end(self) -> None:
        """End them all, the last first, each for certain."""
        while self._running:
            _, process = self._running.pop()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def end_with_parent() -> None:
    """Let the kernel end this child when its parent is killed: a test that dies must leave nothing behind.

    Source: prctl(2), ``PR_SET_PDEATHSIG``.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

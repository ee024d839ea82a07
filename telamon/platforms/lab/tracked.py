"""One process of the lab, held by a descriptor that cannot come to mean another process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass

from telamon.state.world import Life


@dataclass(frozen=True)
class Identity:
    """What a process carries in its environment, so that the next controller knows it again.

    Attributes:
        member: its name.
        component: whose.
        ordinal: 0, 1, 2 …
        revision: fingerprint of what it was started with.
        release: version it was started as.
        stop_signal: name of the signal that asks it to end in order.
    """

    member: str
    component: str
    ordinal: int
    revision: str
    release: str
    stop_signal: str


@dataclass(frozen=True)
class Process:
    """One member's process as it is seen.

    Attributes:
        identity: what it is.
        pid: its id; 0 once it has ended.
        ticks: its start time as the kernel counts it.
        life: whether it lives.
        started: instant of its start, seconds.
        answered: whether it was ever heard of; a silent process that was is hung, one that was not still starts.
        exit: how it ended by itself, e.g. ``signal 9``.
    """

    identity: Identity
    pid: int
    ticks: int
    life: Life
    started: float
    answered: bool = False
    exit: str | None = None


@dataclass
class Tracked:
    """A process under supervision. ``child`` is ``None`` where an earlier controller had started it."""

    identity: Identity
    pid: int
    ticks: int
    started: float
    descriptor: int
    child: subprocess.Popen[bytes] | None = None
    answered: bool = False
    asked: bool = False
    ask_at: float | None = None
    kill_at: float | None = None
    ended: bool = False
    exit: str | None = None

    def seen(self) -> Process:
        """The process as others may see it."""
        life = Life.EXITED if self.ended else Life.ENDING if self.asked else Life.ALIVE
        pid = 0 if self.ended else self.pid
        return Process(self.identity, pid, self.ticks, life, self.started, self.answered, self.exit)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process itself."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, number)

    def kill(self) -> None:
        """Kill the process and everything in its group."""
        try:
            # Proves that the process is not reaped yet, so that its id, and with it the group's, is still its own.
            signal.pidfd_send_signal(self.descriptor, 0)
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def finish(self) -> None:
        """Note the end. What is left of its group ends too; then it is reaped."""
        if self.child is not None:
            # Not reaped yet, so the id is still taken, and the group can be nobody else's.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self.exit = _describe(self.child.wait())
        else:
            self.exit = "it ended, and no controller was its parent"
        os.close(self.descriptor)
        self.ended = True
        self.ask_at = self.kill_at = None


def _describe(code: int) -> str:
    return f"exit {code}" if code >= 0 else f"signal {-code}"

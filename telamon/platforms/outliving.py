"""Processes that go on after whoever started them."""

from __future__ import annotations

import os
import subprocess
import threading
from contextlib import suppress


def let_go(process: subprocess.Popen[bytes]) -> None:
    """Let a process go on without us. Where it ends while we are still there, nothing is left of it all the same.

    Args:
        process: that we have started; nobody asks it for its exit code any more.
    """
    # Python would complain about a child that nobody has waited for.
    process.returncode = 0
    threading.Thread(target=_reap, args=(process.pid,), name=f"reap-{process.pid}", daemon=True).start()


def _reap(pid: int) -> None:
    # Somebody may have waited for any child.
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)

"""What Linux tells of processes."""

from __future__ import annotations

import subprocess
import sys
import time

from telamon.platforms import procfs

THREADS = (
    "import threading, time; "
    "[threading.Thread(target=time.sleep, args=(60,)).start() for _ in range(4)]; print(flush=True)"
)


def test_a_killed_process_has_ended_once_its_last_thread_has() -> None:
    with subprocess.Popen([sys.executable, "-c", THREADS], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        seen = procfs.stat(process.pid)
        assert seen is not None
        assert not procfs.has_ended(process.pid, seen.ticks)
        assert procfs.has_ended(process.pid, seen.ticks + 1), (
            "another process of that id is not the one that is meant"
        )
        process.kill()
        end = time.monotonic() + 20
        # Nobody has asked for its exit code yet: a zombie has ended.
        while not procfs.has_ended(process.pid, seen.ticks):
            assert time.monotonic() < end
        zombie = procfs.stat(process.pid)
        assert zombie is not None
        assert zombie.state == procfs.ZOMBIE
    assert procfs.has_ended(process.pid, seen.ticks)

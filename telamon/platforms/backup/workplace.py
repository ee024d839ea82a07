"""Folders in which backups are worked on: each is somebody's while he lives, and anybody's rubbish once he is dead.

Whoever works in a folder holds the lock beside it, which the kernel lets go of however a process ends. A folder whose
lock is free was left by somebody who was killed; what still runs in it is ended, and it is removed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from telamon.errors import ConflictError, TemporaryError
from telamon.platforms import procfs
from telamon.platforms.backup.catalogue import LEFT_WITHIN, held
from telamon.platforms.files import located, make_folder

WORKPLACE = "backup"
"""Folder of a state root in which backups are worked on."""
LOCK = ".lock"
SOCKETS = "sockets"
"""Name, in a workplace, of the link to the folder of a server's socket, whose path must be short."""
ASKED_FOR = 5.0
"""Seconds that a server has to end by itself, so that it gives back its shared memory; then it is killed."""
ENDED_WITHIN = 10.0
"""Seconds in which a process must be gone."""
EMPTIED_WITHIN = 5.0
"""Seconds for which a folder may go on filling while it is removed: a program that its dead maker had started."""
PROGRAMS = ("postgres", "pg_receivewal")
"""Begins of the names of programs that work in the folder they write to."""
VANISHING = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT})


@contextmanager
def workplace(place: Path) -> Iterator[Path]:
    """A folder for us alone, not made yet, gone at the end; what an earlier run left of it goes first.

    Args:
        place: the folder; the one above it holds nothing but workplaces.

    Raises:
        ConflictError: somebody else works there.
        MachineError: the disk is full or read-only.
    """
    make_folder(place.parent, mode=0o711)
    with held(
        _lock(place), kind=fcntl.LOCK_EX, patience=LEFT_WITHIN, busy=f"another backup works in {place}"
    ):
        clear(place)
        try:
            yield place
        finally:
            clear(place)


def sweep(folder: Path) -> None:
    """Remove every workplace in a folder whose maker is dead, with whatever still runs there.

    Args:
        folder: the one above the workplaces; it may be missing.

    Raises:
        TemporaryError: what runs there cannot be ended.
        MachineError: it cannot be removed.
    """
    if not folder.is_dir():
        return
    with located(folder):
        places = sorted(place for place in folder.iterdir() if place.is_dir())
    for place in places:
        with suppress(ConflictError), workplace(place):
            # Coming in has cleared it. Where somebody works there it is not ours.
            pass


def clear(place: Path) -> None:
    """Remove a folder; database servers that still run in it are ended first, each by its own id.

    Raises:
        TemporaryError: one of them cannot be ended.
        MachineError: it cannot be removed.
    """
    end_programs(place)
    end = time.monotonic() + EMPTIED_WITHIN
    with located(place):
        if (sockets := place / SOCKETS).is_symlink():
            shutil.rmtree(sockets.readlink(), ignore_errors=True)
        while place.exists():
            try:
                shutil.rmtree(place)
            except OSError as error:
                if error.errno not in VANISHING or time.monotonic() > end:
                    raise
                time.sleep(0.05)


def _lock(place: Path) -> Path:
    return place.with_name(f"{place.name}{LOCK}")


def end_programs(place: Path) -> None:
    """End what runs of PostgreSQL below a folder. A server works in its data folder, and so do all that it starts.

    Raises:
        TemporaryError: something cannot be ended.
    """
    place = place.resolve()
    asked, begin = set[int](), time.monotonic()
    while found := [seen for pid in procfs.pids() if (seen := _program(pid, place)) is not None]:
        age = time.monotonic() - begin
        if age > ENDED_WITHIN:
            raise TemporaryError(
                f"a database program that is left in {place} cannot be ended: process {found[0].pid} still lives",
                delay=5.0,
            )
        for seen in found:
            if age > ASKED_FOR or seen.pid not in asked:
                asked.add(seen.pid)
                with suppress(ProcessLookupError):
                    os.kill(seen.pid, signal.SIGKILL if age > ASKED_FOR else signal.SIGQUIT)
        time.sleep(0.02)


def _program(pid: int, place: Path) -> procfs.Stat | None:
    """A process of PostgreSQL that works below a folder, if that is what it is."""
    working = procfs.working_folder(pid)
    if working is None or not Path(working).is_relative_to(place):
        return None
    seen = procfs.stat(pid)
    return (
        seen if seen is not None and seen.name.startswith(PROGRAMS) and seen.state != procfs.ZOMBIE else None
    )

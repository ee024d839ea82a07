"""What a shared home holds changes places with what waits in it: a home that is a volume cannot be renamed itself.

Everything happens within one folder of the home, by renaming what lies at the top, one thing after the other. Which
folders are there tells how far it is, so whoever comes after a crash goes on where the dead one stopped:

========== ===========================================================
incoming   what was fetched, and on the way back what was in force
leaving    what was in force, while it is being moved out
outgoing   what was in force, whole
returning  what was in force, whole, while it is being moved in again
========== ===========================================================
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telamon.errors import PlatformError
from telamon.platforms.backup.taking import FILES
from telamon.platforms.files import located, make_folder, sync_folder

FOLDER: Final = ".telamon-restore"
"""Name of that folder, at the top of the shared home."""
_STAYING: Final = frozenset({FOLDER, "lost+found", ".snapshot", ".zfs"})
"""What is ours, and what file systems and filers show at the top of a volume: nobody can move it."""


@dataclass(frozen=True)
class Contents:
    """The contents of a shared home.

    Attributes:
        home: where it is mounted.
    """

    home: Path

    @property
    def incoming(self) -> Path:
        """Where a backup is fetched to."""
        return self._aside / "incoming"

    @property
    def outgoing(self) -> Path:
        """Where what was in force is kept."""
        return self._aside / "outgoing"

    @property
    def kept(self) -> bool:
        """Whether anything that was in force is not where it was."""
        return any(each.exists() for each in (self.outgoing, self._leaving, self._returning))

    @property
    def moving(self) -> bool:
        """Whether files are on their way: some of them are in force, and others not yet."""
        half = self.outgoing.exists() and self._files.exists()
        return half or self._leaving.exists() or self._returning.exists()

    def put_in_force(self) -> None:
        """Let what waits and what is in force change places; done before, it does nothing.

        Raises:
            PlatformError: nothing waits, or something bars the way.
            MachineError: something cannot be renamed.
        """
        with located(self.home):
            if not self.outgoing.exists():
                if not self._files.exists():
                    raise PlatformError(
                        f"nothing waits in {self.home} to be put in force",
                        remedy="Begin the restore anew: it fetches the files again.",
                    )
                make_folder(self._leaving)
                _move(self.home, self._leaving)
                self._rename(self._leaving, self.outgoing)
            if self._files.exists():
                _move(self._files, self.home)
                # All that is left there is what cannot be moved.
                shutil.rmtree(self._files)

    def put_back(self) -> None:
        """Put back what was in force before :meth:`put_in_force`, however far that came; done before, nothing."""
        with located(self.home):
            if self._leaving.exists():
                _move(self._leaving, self.home)
                self._leaving.rmdir()
                return
            if not self._returning.exists():
                if not self.outgoing.exists():
                    return
                make_folder(self._files)
                _move(self.home, self._files)
                self._rename(self.outgoing, self._returning)
            _move(self._returning, self.home)
            self._returning.rmdir()

    def abandon(self) -> None:
        """Remove what waits."""
        self._remove(self.incoming)

    def forget(self) -> None:
        """Remove what was in force and is kept aside."""
        self._remove(self.outgoing)

    def _remove(self, folder: Path) -> None:
        with located(self.home):
            if folder.exists():
                shutil.rmtree(folder)
            if self._aside.exists() and not any(self._aside.iterdir()):
                self._aside.rmdir()

    def _rename(self, old: Path, new: Path) -> None:
        """Say that all of it was moved, once that is on the disk."""
        sync_folder(self.home)
        sync_folder(old)
        old.rename(new)
        sync_folder(self._aside)

    @property
    def _aside(self) -> Path:
        return self.home / FOLDER

    @property
    def _files(self) -> Path:
        return self.incoming / FILES

    @property
    def _leaving(self) -> Path:
        return self._aside / "leaving"

    @property
    def _returning(self) -> Path:
        return self._aside / "returning"


def _move(source: Path, target: Path) -> None:
    for place in list(_movable(source)):
        there = target / place.name
        if os.path.lexists(there):
            raise PlatformError(f"{there} bars the way of {place}", remedy="Remove it if nobody needs it.")
        place.rename(there)
    sync_folder(target)


def _movable(folder: Path) -> Iterator[Path]:
    return (place for place in folder.iterdir() if place.name not in _STAYING)

"""What a state folder keeps while nobody keeps the stack: looked into, repaired, or cleared of a start that failed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from telamon.errors import MachineError, NotReadyError, PlatformError, brief
from telamon.naming import StackName
from telamon.platforms.lab.ledger import Ledger
from telamon.platforms.sqlite import SqliteFile, SqliteGlance, SqliteStore, set_aside
from telamon.ports import Entry


@dataclass(frozen=True)
class KeptState:
    """One state folder.

    Attributes:
        root: the folder, which need not exist.
        store: the file with stack and journal in it.
        lease: the right to be the controller of a folder; false while another process has it.
    """

    root: Path
    store: Path
    lease: Callable[[Path], AbstractContextManager[bool]]

    def stack_name(self) -> StackName | None:
        """Name of the stack that is kept, if there is one.

        Raises:
            MachineError: the folder cannot be read.
            PlatformError: what is kept there is damaged.
        """
        name = SqliteGlance(self.store).stack_name()
        return None if name is None else StackName(name)

    def journal(self, *, since: int = 0, last: int | None = None) -> Sequence[Entry]:
        """Lines of the journal, oldest first.

        Args:
            since: sequence after which lines are wanted.
            last: how many of them at most, from the end.

        Raises:
            MachineError: the folder cannot be read.
            PlatformError: what is kept there is damaged.
        """
        return SqliteGlance(self.store).entries(since=since, last=last)

    def running(self) -> tuple[str, ...]:
        """Members whose processes go on though nobody keeps them, as after the sudden death of a controller."""
        return tuple(entry.identity.member for entry in Ledger(self.root / "run").entries() if entry.lives())

    def repair(self, at: datetime) -> Path | None:
        """Move the store aside where it is damaged.

        Args:
            at: time that stands in its new name.

        Returns:
            Where it is now; ``None`` where it is sound, or there is none.

        Raises:
            NotReadyError: a controller keeps it.
            MachineError: it cannot be moved.
        """
        if not self.store.exists():
            return None
        with self.lease(self.root) as free:
            if not free:
                raise NotReadyError("a controller keeps this stack", remedy="`telamon down` first")
            return None if self._is_sound() else set_aside(self.store, at=at)

    def discard(self, found: Collection[str] | None) -> None:
        """Remove what a first start has left though it was refused; what was there before stays.

        Nothing is removed where a stack is kept, or a controller runs.

        Args:
            found: names of what was in the folder beforehand; ``None``: there was no such folder.

        Raises:
            MachineError: something cannot be removed.
        """
        if not self.root.exists():
            return
        try:
            with self.lease(self.root) as free:
                if not free or self.stack_name() is not None:
                    return
                for path in [entry for entry in self.root.iterdir() if entry.name not in (found or ())]:
                    if path.is_dir() and not path.is_symlink():
                        shutil.rmtree(path)
                    else:
                        path.unlink()
                if found is None:
                    self.root.rmdir()
        except OSError as error:
            raise MachineError(
                f"{self.root} cannot be emptied: {brief(error)}", remedy="Check who owns it."
            ) from error

    def _is_sound(self) -> bool:
        try:
            file = SqliteFile(self.store)
            try:
                SqliteStore(file).list("Stack")
            finally:
                file.close()
        except PlatformError:
            return False
        return True

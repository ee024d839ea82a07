"""The lock of a state that a killed Terraform left behind, released by whoever answers for it."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path

from telamon.errors import ConflictError, RefusedError
from telamon.infra.canonical import digest
from telamon.platforms.approval.desk import Desk
from telamon.platforms.terraform.failures import Lock


@dataclass(frozen=True)
class Unlocking:
    """Releases locks of the states of one stack.

    Attributes:
        desk: plans, their applies and the audit log.
    """

    desk: Desk

    def held(self, folder: Path, lock: str) -> Lock | None:
        """Who holds the lock that somebody wants to release; ``None`` where nobody holds any.

        Args:
            folder: of the state.
            lock: the id that they were told.

        Raises:
            RefusedError: an apply that was begun from here still runs, and holds it.
            ConflictError: it is another lock by now.
            TelamonError: the state cannot be asked.
        """
        last = self.desk.log.read().last_plan_of(folder.resolve().name)
        if last is not None and self.desk.shelf.find(last).record.running:
            raise RefusedError(
                f"an apply of {folder.name} that was begun here is still running, and the lock is its own",
                guard="no-apply-is-running",
                remedy="See it to its end: telamon up FILE.",
            )
        held = self.desk.terraform.holder(folder)
        if held is not None and held.id != lock:
            raise ConflictError(
                f"the lock of {folder.name} is another one by now: {held}",
                remedy="Whoever holds it is at work, unless they were killed as well.",
            )
        return held

    def release(self, folder: Path, lock: Lock) -> None:
        """Release a lock, and write down whose it was.

        Raises:
            TelamonError: it is held no more, or somebody else holds one by now; theirs stays.
        """
        self.desk.terraform.unlock(folder, lock.id)
        with self.desk.log.exclusive(wait=True):
            self.desk.log.append(
                "unlocked",
                subject=digest(str(lock).encode()),
                who=f"account {getpass.getuser()}",
                part=folder.resolve().name,
                detail=str(lock),
            )

"""The audit log on the disk: one file, only ever appended to, each line on the disk before anything follows from it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from telamon.errors import ConflictError, MachineError, NotReadyError, brief
from telamon.infra.canonical import Digest
from telamon.infra.ledger import Ledger, Step, read_ledger
from telamon.platforms.approval.files import make_private_folder, read_private
from telamon.platforms.disk import PRIVATE, sync_folder
from telamon.ports import Clock


@dataclass(frozen=True)
class AuditLog:
    """The log of one stack.

    Attributes:
        path: the file.
        clock: gives the time of a line.
    """

    path: Path
    clock: Clock

    def read(self) -> Ledger:
        """All of it. Raises what :func:`telamon.infra.ledger.read_ledger` raises."""
        try:
            return read_ledger(read_private(self.path))
        except NotReadyError:
            return Ledger()

    def append(
        self,
        step: Step,
        *,
        subject: Digest,
        who: str = "",
        part: str = "",
        plan_id: str = "",
        detail: str = "",
    ) -> Ledger:
        """Write a line. Only whoever is inside :meth:`exclusive` may.

        Args:
            step: what is done.
            subject: digest of what it is done to.
            who: by whom.
            part: which state.
            plan_id: which plan.
            detail: in words, without a secret.

        Returns:
            The log with the line.

        Raises:
            RefusedError: the log is broken, or the clock stands before its last line.
            MachineError: it cannot be written.
        """
        before = self.read()
        at = int(self.clock.now())
        line = before.next_line(
            step, at=at, subject=subject, who=who, part=part, plan_id=plan_id, detail=detail
        )
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(self.path, flags, PRIVATE), "ab", buffering=0) as file:
                file.write(line.content())
                os.fsync(file.fileno())
            sync_folder(self.path.parent)
        except OSError as error:
            raise MachineError(f"the audit log cannot be written: {brief(error)}") from error
        return Ledger((*before.lines, line))

    @contextmanager
    def exclusive(self, *, wait: bool = False) -> Iterator[None]:
        """Be the only one to write, and to decide on what is written.

        Args:
            wait: whether to wait for somebody else to be done; for what has to be written whatever happens.

        Raises:
            ConflictError: somebody else is at it.
        """
        make_private_folder(self.path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self.path.with_suffix(".lock"), flags, PRIVATE), "wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError as error:
                raise ConflictError(
                    "somebody else is planning, approving or applying this stack",
                    remedy="Wait for them, then try again.",
                ) from error
            yield

"""Which process is which member, on the disk: what the next controller goes by.

A marker in the environment would not do: everything a member starts inherits it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from telamon.errors import brief
from telamon.platforms import procfs
from telamon.platforms.files import write
from telamon.platforms.lab.tracked import Identity, Tracked

LOG = logging.getLogger("telamon.lab")

SUFFIX = ".process"


@dataclass(frozen=True)
class Entry:
    """One member's process.

    Attributes:
        identity: what it is.
        pid: its id.
        ticks: its start time as the kernel counts it.
        boot: id of the machine's run in which these two mean something.
        answered: whether it was ever heard of.
        kill_at: instant at which it is killed, where it was asked to stop.
    """

    identity: Identity
    pid: int
    ticks: int
    boot: str
    answered: bool
    kill_at: float | None

    def lives(self) -> bool:
        """Whether it runs now, and is no other process that was given the same id."""
        seen = procfs.stat(self.pid)
        return seen is not None and seen.ticks == self.ticks and seen.state != procfs.ZOMBIE


class Ledger:
    """One small file a member.

    Args:
        folder: it is made by whoever makes the state root.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._boot = procfs.boot()

    def keep(self, tracked: Tracked) -> None:
        """Keep who a process is and whether it was asked to stop.

        Raises:
            MachineError: the disk is full or read-only.
        """
        entry = Entry(
            tracked.identity, tracked.pid, tracked.ticks, self._boot, tracked.answered, tracked.kill_at
        )
        write(self._path(tracked.identity.member), json.dumps(asdict(entry)))

    def forget(self, member: str) -> None:
        """Forget a member's process. A full disk does not keep it from that; a read-only one does, harmlessly."""
        try:
            self._path(member).unlink(missing_ok=True)
        except OSError as error:
            LOG.warning("the note on %s cannot be removed: %s", member, brief(error))

    def entries(self) -> Iterator[Entry]:
        """Every process kept that may still run: those of an earlier run of the machine are left out."""
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                data = json.loads(path.read_text(encoding="utf-8"))
                entry = Entry(**{**data, "identity": Identity(**data["identity"])})
            except (OSError, ValueError, KeyError, TypeError) as error:
                LOG.warning("%s cannot be read: %s", path, brief(error))
                continue
            if entry.boot == self._boot:
                yield entry

    def _path(self, member: str) -> Path:
        return self._folder / f"{member}{SUFFIX}"

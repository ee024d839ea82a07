"""Which faults were made, on the disk: what any later process needs to end them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from telamon.errors import TelamonError, UsageError, brief
from telamon.plan.fault import Disturbance, as_data, from_data
from telamon.platforms import procfs
from telamon.platforms.files import located, make_folder, write

LOG = logging.getLogger("telamon.lab")

FOLDER = "faults"


@dataclass(frozen=True)
class Owner:
    """A process: whoever made a fault."""

    pid: int
    ticks: int

    @classmethod
    def this(cls) -> Owner:
        """The process that asks."""
        seen = procfs.stat(os.getpid())
        return cls(os.getpid(), seen.ticks if seen is not None else 0)

    @property
    def lives(self) -> bool:
        """Whether it is still there."""
        seen = procfs.stat(self.pid)
        return seen is not None and seen.ticks == self.ticks and seen.state != procfs.ZOMBIE


@dataclass(frozen=True)
class Record:
    """One fault.

    Attributes:
        disturbance: what, until when.
        owner: who made it.
        boot: id of the machine's run in which processes are meant.
        undo: what its maker needs to end it.
        over: whether it is being ended.
    """

    disturbance: Disturbance
    owner: Owner
    boot: str
    undo: Mapping[str, Any] = field(default_factory=dict)
    over: bool = False

    @property
    def name(self) -> str:
        """Name of the fault."""
        return self.disturbance.name

    @property
    def is_of_this_boot(self) -> bool:
        """Whether the processes it names can still be there."""
        return self.boot == procfs.boot()

    def ended(self) -> Record:
        """The same, being ended."""
        return replace(self, over=True)


class Records:
    """One file a fault, below the state root.

    Args:
        root: the state root.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Let nobody else make or end a fault meanwhile.

        Raises:
            MachineError: the folder cannot be made.
        """
        make_folder(self.folder)
        path = self.folder / ".lock"
        with located(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def any(self) -> bool:
        """Whether there is a record at all; cheap enough to be asked all the time."""
        return next(self.folder.glob("*.json"), None) is not None

    def all(self) -> tuple[Record, ...]:
        """Every record that can be read, by name."""
        found = (self._read(path) for path in sorted(self.folder.glob("*.json")))
        return tuple(record for record in found if record is not None)

    def get(self, name: str) -> Record | None:
        """The record of a name."""
        return self._read(self._path(name))

    def put(self, record: Record) -> None:
        """Keep a record, durably.

        Raises:
            MachineError: the disk is full or read-only.
        """
        found = record.disturbance
        document = {
            "name": found.name,
            "fault": as_data(found.fault),
            "began": found.began,
            "until": found.until,
            "owner": {"pid": record.owner.pid, "ticks": record.owner.ticks},
            "boot": record.boot,
            "undo": dict(record.undo),
            "over": record.over,
        }
        write(self._path(record.name), json.dumps(document, indent=1, sort_keys=True) + "\n")

    def remove(self, name: str) -> None:
        """Forget a record; one that is not there is no error."""
        path = self._path(name)
        with located(path):
            path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _read(self, path: Path) -> Record | None:
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            found = Disturbance(data["name"], from_data(data["fault"]), data["began"], data["until"])
            return Record(found, Owner(**data["owner"]), data["boot"], data["undo"], data["over"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, UsageError) as error:
            LOG.warning("the record of a fault, %s, cannot be read: %s", path, brief(error))
            return None


def first_of(errors: list[TelamonError]) -> None:
    """Raise the first of some errors that were put off, if there is one."""
    if errors:
        raise errors[0]

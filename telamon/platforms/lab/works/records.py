"""A job on the disk: what is to be done, how far it is, how it ended. One file a job, with one writer at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from telamon.errors import PlatformError
from telamon.platforms.files import located, make_folder, write
from telamon.state.world import INTERRUPTED, JobPhase, JobState

SUFFIX: Final = ".work"
KEPT: Final = 60
"""Ended jobs that are kept of each component."""


@dataclass(frozen=True)
class WorkRecord:
    """One job.

    Attributes:
        job: its name.
        work: its document.
        phase: where it stands.
        ended: instant of the end.
        result: what it returned.
        detail: why it failed.
        progress: how far it is.
    """

    job: str
    work: Mapping[str, Any]
    phase: str = JobPhase.RUNNING.value
    ended: float | None = None
    result: str = ""
    detail: str = ""
    progress: str = ""

    def state(self) -> JobState:
        """The job as the planner reads it."""
        return JobState(
            self.job,
            JobPhase(self.phase),
            ended=self.ended,
            result=self.result,
            detail=self.detail,
            progress=self.progress,
        )


class WorkRecords:
    """The jobs of one lab.

    Args:
        folder: made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        make_folder(folder)

    def put(self, component: str, record: WorkRecord) -> None:
        """Keep a job, durably.

        Raises:
            MachineError: the disk is full or read-only.
        """
        make_folder(self._folder / component)
        write(self._path(component, record.job), json.dumps(asdict(record), sort_keys=True))

    def get(self, component: str, job: str) -> WorkRecord | None:
        """One job, if there is one.

        Raises:
            PlatformError: its file is damaged.
        """
        path = self._path(component, job)
        return _read(path) if path.exists() else None

    def all(self, component: str) -> tuple[WorkRecord, ...]:
        """Every job of a component. A damaged file counts as a job that failed."""
        return tuple(self._readable(component))

    def prune(self, component: str) -> None:
        """Forget the oldest ended jobs beyond what is kept."""
        ended = sorted(
            (record for record in self.all(component) if record.ended is not None),
            key=lambda record: record.ended or 0.0,
        )
        for record in ended[: max(len(ended) - KEPT, 0)]:
            self._path(component, record.job).unlink(missing_ok=True)

    def _readable(self, component: str) -> Iterator[WorkRecord]:
        for path in sorted((self._folder / component).glob(f"*{SUFFIX}")):
            try:
                yield _read(path)
            except FileNotFoundError:
                continue

    def _path(self, component: str, job: str) -> Path:
        # A job's name holds slashes and may be long; the name itself stands in the file.
        return self._folder / component / f"{hashlib.sha256(job.encode()).hexdigest()[:24]}{SUFFIX}"


def interrupted(record: WorkRecord, *, at: float, why: str) -> WorkRecord:
    """The record of a job that ended without saying so: it may be begun again."""
    return replace(record, phase=JobPhase.FAILED.value, ended=at, result=INTERRUPTED, detail=why)


def _read(path: Path) -> WorkRecord:
    with located(path):
        text = path.read_text(encoding="utf-8")
    try:
        return WorkRecord(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise PlatformError(f"{path} is damaged", remedy="Remove it; the work is begun again.") from error

"""Begins works, and tells how they stand."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from telamon.plan.work import Work
from telamon.platforms.lab.processes import Launch, Processes
from telamon.platforms.lab.tracked import Identity
from telamon.platforms.lab.works.records import WorkRecord, WorkRecords, interrupted
from telamon.ports import Clock
from telamon.state.world import JobPhase, JobState, Life

NOBODY: Final = ""
"""Component of the processes that do works: they are members of none."""
GRACE: Final = 10.0
"""Seconds a work may take to let go when it is asked to end."""


class WorkDesk:
    """The works of one lab.

    Args:
        root: its state root.
        processes: starts and finds them.
        clock: injected time.
    """

    def __init__(self, root: Path, processes: Processes, *, clock: Clock) -> None:
        self._root = root
        self._processes = processes
        self._clock = clock
        self._records = WorkRecords(root / "works")

    def begin(self, component: str, job: str, *, work: Work) -> None:
        """Begin a work, unless a job of that name runs.

        Raises:
            MachineError: it cannot be written down, or no process can be started.
        """
        member = worker_name(component, job)
        found = self._processes.seen().get(member)
        if found is not None and found.life is Life.ALIVE:
            return
        if found is not None:
            self._processes.forget(member)
        self._records.prune(component)
        self._records.put(component, WorkRecord(job, work.document()))
        argv = (sys.executable, "-m", "telamon.platforms.lab.works", str(self._root), component, job)
        identity = Identity(member, NOBODY, 0, job, "", "SIGTERM")
        self._processes.start(Launch(identity, argv, {}, str(self._root)))

    def end(self, component: str, job: str) -> None:
        """Ask a work to end early; what it leaves behind is begun again or cleared away by its planner."""
        self._processes.stop(worker_name(component, job), grace=GRACE)

    def jobs(self, component: str) -> Mapping[str, JobState]:
        """Every job of a component. One whose process is gone without a word has failed, and may be begun again."""
        states = {}
        for record in self._records.all(component):
            found = record
            if record.phase == JobPhase.RUNNING.value:
                found = self._checked(component, record)
            states[record.job] = found.state()
        return states

    def _checked(self, component: str, record: WorkRecord) -> WorkRecord:
        member = worker_name(component, record.job)
        process = self._processes.seen().get(member)
        if process is not None and process.life in {Life.ALIVE, Life.ENDING}:
            return record
        # It may have ended well between the two looks.
        again = self._records.get(component, record.job)
        if again is None or again.phase != JobPhase.RUNNING.value:
            return again or record
        why = (
            f"it ended without a word ({process.exit or 'gone'})" if process is not None else "it was cut off"
        )
        ended = interrupted(again, at=self._clock.now(), why=why)
        self._records.put(component, ended)
        return ended


def worker_name(component: str, job: str) -> str:
    """The name under which a work's process is known; also the name of its log."""
    return f"work-{component}-{hashlib.sha256(job.encode()).hexdigest()[:8]}"

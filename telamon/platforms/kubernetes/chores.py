"""What the operator does itself beside its lanes, because it takes a while.

What is under way is known to this process alone, and only how it ended is kept: an operator that comes after this one
begins it again, so each must be one that may be begun twice.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial

from telamon.errors import TelamonError, TemporaryError, brief
from telamon.platforms.calls.parts import JobRecords
from telamon.ports import Clock
from telamon.state.world import JobPhase, JobState

LOG = logging.getLogger("telamon.kubernetes")


class Chores:
    """Chores of one sort.

    Args:
        records: where it is kept how each ended.
        clock: injected time.
        every: seconds between two attempts.
        within: seconds after which a chore has failed.
    """

    def __init__(self, records: JobRecords, clock: Clock, *, every: float, within: float) -> None:
        self._records = records
        self._clock = clock
        self._every = every
        self._within = within
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, JobState]] = {}
        self._closing = threading.Event()

    def begin(self, component: str, job: str, *, attempt: Callable[[], str]) -> None:
        """Begin a chore, unless the one of this name is under way.

        Args:
            component: whose it is.
            job: its name.
            attempt: returns what came of it; a :class:`TemporaryError` has it called again.
        """
        with self._lock:
            known = self._known.setdefault(component, {})
            if job in known and known[job].phase is JobPhase.RUNNING:
                return
            known[job] = JobState(job, JobPhase.RUNNING)
        run = partial(self._run, component, job, attempt=attempt)
        threading.Thread(target=run, name=f"job-{job}", daemon=True).start()

    def jobs(self, component: str) -> Mapping[str, JobState]:
        """Those that are under way, or whose end could not be kept, by name.

        Args:
            component: whose.
        """
        with self._lock:
            return dict(self._known.get(component, {}))

    def close(self) -> None:
        """Attempt nothing any more."""
        self._closing.set()

    def _run(self, component: str, job: str, *, attempt: Callable[[], str]) -> None:
        try:
            ended = self._attempted(job, attempt)
        except Exception as error:
            LOG.exception("%s met a defect", job)
            ended = self._failed(job, f"{type(error).__name__}: {brief(error)}")
        if ended is None:
            return
        try:
            self._records.put(component, ended)
        except TelamonError as error:
            LOG.error("the end of %s is not kept: %s", job, error)  # noqa: TRY400
            with self._lock:
                self._known[component][job] = ended
            return
        with self._lock:
            del self._known[component][job]

    def _attempted(self, job: str, attempt: Callable[[], str]) -> JobState | None:
        """How it ended; ``None`` where nobody attempts it any longer."""
        ends = self._clock.now() + self._within
        while not self._closing.is_set():
            try:
                return JobState(job, JobPhase.SUCCEEDED, result=attempt(), ended=self._clock.now())
            except TemporaryError as error:
                why = str(error)
            except TelamonError as error:
                return self._failed(job, f"{error}. {error.remedy}" if error.remedy else str(error))
            if self._clock.now() > ends:
                return self._failed(job, f"{why} after {self._within / 60:.0f} min")
            self._clock.sleep(self._every)
        return None

    def _failed(self, job: str, why: str) -> JobState:
        return JobState(job, JobPhase.FAILED, ended=self._clock.now(), detail=why)

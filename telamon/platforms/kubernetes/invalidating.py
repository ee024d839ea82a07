"""Invalidations of what delivers static files, asked for by the operator itself.

They are no jobs of the cluster: an invalidation goes on where it was begun whether anybody watches it or not, and asked
for again under the same reference nothing new is begun. So what is under way is known to this process alone, and only
how it ended is kept. An operator that comes after this one asks again, and finds the invalidation that is there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from telamon.errors import TelamonError, TemporaryError, brief
from telamon.plan.works.cdn import InvalidateDistribution
from telamon.platforms.calls.parts import JobRecords
from telamon.ports import Clock, StaticNetwork
from telamon.state.world import JobPhase, JobState

LOG = logging.getLogger("telamon.kubernetes")

DONE: Final = "done"
LOOKS_EVERY: Final = 5.0
"""Seconds between two looks at an invalidation; it takes a minute or two."""
WITHIN: Final = 1200.0
"""Seconds after which nobody waits any longer; meanwhile the nodes deliver the files themselves."""


class Invalidations:
    """The invalidations of one stack.

    Args:
        records: where it is kept how each ended.
        clock: injected time.
        network: gives what delivers static files in a region.
    """

    def __init__(self, records: JobRecords, clock: Clock, network: Callable[[str], StaticNetwork]) -> None:
        self._records = records
        self._clock = clock
        self._network = network
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, JobState]] = {}
        self._closing = threading.Event()

    def begin(self, component: str, job: str, *, region: str, work: InvalidateDistribution) -> None:
        """Begin an invalidation, unless the one of this name is under way.

        Args:
            component: whose static files they are.
            job: name of the work.
            region: that the stack lies in.
            work: what is to be forgotten.
        """
        with self._lock:
            known = self._known.setdefault(component, {})
            if job in known and known[job].phase is JobPhase.RUNNING:
                return
            known[job] = JobState(job, JobPhase.RUNNING)
        run = partial(self._run, component, job, network=self._network(region), work=work)
        threading.Thread(target=run, name=f"job-{job}", daemon=True).start()

    def jobs(self, component: str) -> Mapping[str, JobState]:
        """Those that are under way, or whose end could not be kept, by name.

        Args:
            component: whose.
        """
        with self._lock:
            return dict(self._known.get(component, {}))

    def close(self) -> None:
        """Watch no longer; what was begun goes on."""
        self._closing.set()

    def _run(self, component: str, job: str, *, network: StaticNetwork, work: InvalidateDistribution) -> None:
        try:
            ended = self._watched(job, network, work=work)
        except Exception as error:
            LOG.exception("the invalidation of %s met a defect", work.distribution)
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

    def _watched(self, job: str, network: StaticNetwork, *, work: InvalidateDistribution) -> JobState | None:
        """How it ended; ``None`` where nobody watches any longer."""
        ends = self._clock.now() + WITHIN
        invalidation = ""
        while not self._closing.is_set():
            try:
                invalidation = invalidation or network.forget(work.distribution, reference=work.reference)
                if network.forgotten(work.distribution, invalidation):
                    return JobState(job, JobPhase.SUCCEEDED, ended=self._clock.now(), result=DONE)
                why = f"{invalidation} is still under way"
            except TemporaryError as error:
                why = str(error)
            except TelamonError as error:
                return self._failed(job, f"{error}. {error.remedy}" if error.remedy else str(error))
            if self._clock.now() > ends:
                return self._failed(job, f"{why} after {WITHIN / 60:.0f} min")
            self._clock.sleep(LOOKS_EVERY)
        return None

    def _failed(self, job: str, why: str) -> JobState:
        return JobState(job, JobPhase.FAILED, ended=self._clock.now(), detail=why)

"""``python -m telamon.platforms.lab.works STATE COMPONENT JOB``: do one work, and write down how it ended."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from telamon.errors import NotReadyError, PlatformError, TelamonError, brief
from telamon.plan.works.registry import read
from telamon.platforms.clock import SteadyClock
from telamon.platforms.lab.installed import installed
from telamon.platforms.lab.secrets import FileSecrets
from telamon.platforms.lab.works.context import Context
from telamon.platforms.lab.works.records import WorkRecord, WorkRecords
from telamon.platforms.lab.works.registry import DOERS
from telamon.state.world import JobPhase

LOG = logging.getLogger("telamon.lab.works")
TELLS_EVERY: Final = 0.5
"""Seconds between two writes of how far a work is."""


class _Progress:
    """Writes how far a work is, not more often than anybody looks; told by any thread of the work."""

    def __init__(self, records: WorkRecords, component: str, *, record: WorkRecord) -> None:
        self._records, self._component, self._record = records, component, record
        self._told = 0.0
        self._lock = threading.Lock()

    def __call__(self, text: str) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._told < TELLS_EVERY:
                return
            self._told = now
            try:
                self._records.put(self._component, replace(self._record, progress=text))
            except TelamonError as error:
                # Nobody is told how far it is; that is no reason to throw away what it has done.
                LOG.warning("the progress of %s cannot be written: %s", self._record.job, error)


def main(arguments: list[str]) -> int:
    """Do the work that the arguments name. Returns 0 also where it failed: the record says how it ended."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    root, component, job = Path(arguments[0]), arguments[1], arguments[2]
    # Being asked to end is an ordinary end: whatever the work holds is let go on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    records = WorkRecords(root / "works")
    record = records.get(component, job)
    if record is None:
        raise NotReadyError(f"there is no job {job} of {component}")
    clock = SteadyClock()
    try:
        ended = replace(record, phase=JobPhase.SUCCEEDED.value, result=_do(root, component, record=record))
    except TelamonError as error:
        LOG.error("%s: %s", job, error)  # noqa: TRY400 - meant for people
        ended = replace(record, phase=JobPhase.FAILED.value, detail=_told(error))
    except Exception as error:
        LOG.exception("%s met a defect", job)
        ended = replace(record, phase=JobPhase.FAILED.value, detail=f"{type(error).__name__}: {brief(error)}")
    records.put(component, replace(ended, ended=clock.now(), progress=""))
    return 0


def _do(root: Path, component: str, *, record: WorkRecord) -> str:
    work = read(record.work)
    doer = DOERS.get(work.kind)
    if doer is None:
        raise PlatformError(f"the lab does no work called {work.kind}")
    facts, lab = installed(root)
    tell = _Progress(WorkRecords(root / "works"), component, record=record)
    context = Context(
        root, component, record.job, facts, lab, FileSecrets(root / "secrets"), SteadyClock(), tell
    )
    return doer(context, work)


def _told(error: TelamonError) -> str:
    return f"{error}; {error.remedy}" if error.remedy else str(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

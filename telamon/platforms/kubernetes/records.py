"""What must be remembered of calls to products, as a ConfigMap for each component beside the Stack.

A job that an earlier operator did not live to end counts as failed; it may be called again. As with the journal
(:mod:`telamon.platforms.kubernetes.journal`) each write names the version that was read last.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.recorded import CALLS, sheet_name
from telamon.errors import PlatformError, TelamonError, brief
from telamon.naming import labels
from telamon.platforms.calls.parts import NOTES_KEPT, outdated, read, written
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.sheets import CONFIG_MAP, ROLE, sheet
from telamon.state.world import JobPhase, JobState

JOBS_KEPT: Final = 100
"""Ended jobs of operations that are kept of each component: an object holds about one mebibyte."""
LONGEST: Final = 1000
"""Characters of a job's detail that are kept."""


@dataclass
class _Record:
    """What is kept of one component, and the object that it was read from."""

    live: Object | None
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[list[Any]] = field(default_factory=list)
    backups: str = ""


class KubernetesRecords:
    """Jobs and notes of one stack.

    Args:
        api: the API server.
        namespace: of the Stack.
        stack: its name.
    """

    def __init__(self, api: Api, namespace: str, stack: str) -> None:
        self._api = api
        self.namespace = namespace
        self.stack = stack
        self._lock = threading.Lock()
        self._known: dict[str, _Record] = {}

    def jobs(self, component: str) -> Mapping[str, JobState]:
        """The last job of each name."""
        with self._lock:
            return {name: read(name, values) for name, values in self._of(component).jobs.items()}

    def put(self, component: str, job: JobState) -> None:
        """Keep a job's state, durably."""
        kept = written(
            replace(job, detail=brief(ValueError(job.detail), limit=LONGEST) if job.detail else "")
        )
        with self._lock:
            record = self._of(component)
            jobs = {**record.jobs, job.name: kept}
            for name in outdated(jobs, kept=JOBS_KEPT):
                del jobs[name]
            self._keep(component, replace(record, jobs=jobs))

    def notes(self, component: str) -> tuple[tuple[float, str], ...]:
        """Instant and text of every note, oldest first."""
        with self._lock:
            return tuple((float(at), str(text)) for at, text in self._of(component).notes)

    def note(self, component: str, at: float, *, text: str) -> None:
        """Keep a note, durably, before returning."""
        with self._lock:
            record = self._of(component)
            self._keep(component, replace(record, notes=[*record.notes, [at, text]][-NOTES_KEPT:]))

    def backups(self, component: str) -> str:
        """What there is to come back to, as :func:`telamon.state.listing.read` reads it; "" where nobody has told."""
        with self._lock:
            return self._of(component).backups

    def list_backups(self, component: str, told: str) -> None:
        """Keep what there is to come back to, durably."""
        with self._lock:
            self._keep(component, replace(self._of(component), backups=told))

    def clear(self) -> None:
        """Take every record away, with the stack that they are of."""
        chosen = {**labels(self.stack, ""), ROLE: CALLS}
        with self._lock:
            wanted = {key: value for key, value in chosen.items() if value}
            for live in self._api.list(CONFIG_MAP, namespace=self.namespace, labels=wanted):
                self._api.delete(live)
            self._known.clear()

    def _of(self, component: str) -> _Record:
        if component not in self._known:
            self._known[component] = self._read(component)
        return self._known[component]

    def _sheet(self, component: str, data: Mapping[str, str]) -> Object:
        return sheet(self.stack, component, namespace=self.namespace, role=CALLS, data=data)

    def _read(self, component: str) -> _Record:
        live = self._api.get(CONFIG_MAP, self._name(component), namespace=self.namespace)
        if live is None:
            return _Record(None)
        data = live.get("data") or {}
        try:
            jobs = {str(name): dict(values) for name, values in json.loads(data.get("jobs", "{}")).items()}
            notes = [[float(at), str(text)] for at, text in json.loads(data.get("notes", "[]"))]
            jobs = {name: _interrupted(values) for name, values in jobs.items()}
            return _Record(live, jobs, notes, str(data.get("backups", "")))
        except (AttributeError, TypeError, ValueError) as error:
            raise PlatformError(
                f"the record {self._name(component)} is damaged: {brief(error)}",
                remedy="Put it back from a backup of the cluster; once the product is set up it may also be deleted.",
            ) from error

    def _keep(self, component: str, record: _Record) -> None:
        data = {
            "jobs": json.dumps(record.jobs, sort_keys=True),
            "notes": json.dumps(record.notes),
            "backups": record.backups,
        }
        try:
            if record.live is None:
                live = self._api.create(self._sheet(component, data))
            else:
                live = self._api.change(record.live, {"data": data})
        except TelamonError:
            # Whether it arrived is not known: what is there is read again.
            self._known.pop(component, None)
            raise
        self._known[component] = replace(record, live=live)

    def _name(self, component: str) -> str:
        return sheet_name(self.stack, component, role=CALLS)


def _interrupted(values: dict[str, Any]) -> dict[str, Any]:
    """A job as it was kept; one that runs by the record has ended with the operator that ran it."""
    if values.get("phase") != JobPhase.RUNNING.value:
        return values
    over = {"phase": JobPhase.FAILED.value, "ended": 0.0, "detail": "the operator ended meanwhile"}
    return {**values, **over}

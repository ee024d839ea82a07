"""What must be remembered of calls to products: how each ended, and what a flow noted before it acted."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from telamon.errors import PlatformError
from telamon.platforms.calls.parts import NOTES_KEPT, outdated, read, written
from telamon.platforms.files import located, make_folder, write
from telamon.state.world import JobPhase, JobState


class FileJobRecords:
    """Records in one file a component.

    Args:
        folder: made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Any]] = {}
        make_folder(folder)

    def jobs(self, component: str) -> Mapping[str, JobState]:
        """The last job of each name."""
        with self._lock:
            kept = self._of(component)["jobs"]
            return {name: read(name, values) for name, values in kept.items()}

    def put(self, component: str, job: JobState) -> None:
        """Keep a job's state, durably."""
        with self._lock:
            jobs = self._of(component)["jobs"]
            jobs[job.name] = written(job)
            for name in outdated(jobs):
                del jobs[name]
            self._keep(component)

    def notes(self, component: str) -> tuple[tuple[float, str], ...]:
        """Instant and text of every note, oldest first."""
        with self._lock:
            return tuple((float(at), str(text)) for at, text in self._of(component)["notes"])

    def note(self, component: str, at: float, *, text: str) -> None:
        """Keep a note, durably, before returning."""
        with self._lock:
            kept = self._of(component)
            kept["notes"] = [*kept["notes"], [at, text]][-NOTES_KEPT:]
            self._keep(component)

    def interrupt(self) -> None:
        """Mark jobs that an earlier controller did not live to end: they may be called again.

        A record that is damaged stays as it is, and is told of when its component is looked at.
        """
        with located(self._folder):
            components = [path.stem for path in self._folder.glob("*.json")]
        for component in components:
            try:
                jobs = self.jobs(component)
            except PlatformError:
                continue
            for job in jobs.values():
                if job.phase is JobPhase.RUNNING:
                    ended = replace(
                        job, phase=JobPhase.FAILED, ended=0.0, detail="the controller ended meanwhile"
                    )
                    self.put(component, ended)

    def _of(self, component: str) -> dict[str, Any]:
        if component not in self._known:
            self._known[component] = self._read(component)
        return self._known[component]

    def _read(self, component: str) -> dict[str, Any]:
        path = self._folder / f"{component}.json"
        if not path.exists():
            return {"jobs": {}, "notes": []}
        try:
            with located(path):
                kept = json.loads(path.read_text(encoding="utf-8"))
            return {"jobs": dict(kept["jobs"]), "notes": list(kept["notes"])}
        except (ValueError, KeyError, TypeError) as error:
            raise PlatformError(
                f"{path} is damaged",
                remedy="Put it back from a copy; once the product is set up it may also be removed.",
            ) from error

    def _keep(self, component: str) -> None:
        text = json.dumps(self._known[component], indent=1, sort_keys=True)
        write(self._folder / f"{component}.json", text + "\n")

"""Re-indexes asked for over REST, and snapshots: one task at a time on a node.

FOREGROUND locks the node (503, MAINTENANCE), makes a new index, and has the other nodes take it over by
a snapshot and a marker among the operations; BACKGROUND indexes everything anew while the node serves.
Source: Atlassian KB "Reindex Jira Data Center without downtime"; the vendor's REST reference, ``reindex``.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from understudy.jira.indexing import FULL_REINDEX
from understudy.jira.services import Services
from understudy.kit.errors import Conflict, UnderstudyError
from understudy.kit.lifecycle import State

_LOG = logging.getLogger("understudy.jira.reindexing")


@dataclass(frozen=True)
class Reindex:
    """A re-index: what kind, how far in per cent, and how it ended."""

    task_id: int
    kind: str
    progress: int = 0
    submitted_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished_at: datetime | None = None
    succeeded: bool = False


class IndexTasks:
    """Runs re-indexes and snapshots on threads of their own."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._numbers = itertools.count(10_000)
        self._lock = threading.Lock()
        self._latest: Reindex | None = None
        self._snapshot_running = False

    @property
    def snapshot_running(self) -> bool:
        """Whether a snapshot is being made on this node."""
        return self._snapshot_running

    def find(self, task_id: int | None) -> Reindex | None:
        """The task of that id, or the latest; None where there is none."""
        latest = self._latest
        return latest if latest is not None and task_id in {None, latest.task_id} else None

    def begin(self, *, foreground: bool) -> Reindex:
        """Begin a re-index.

        Raises:
            Conflict: one is running.
        """
        with self._lock:
            if self._latest is not None and self._latest.finished_at is None:
                raise Conflict("A re-index is already in progress.")
            self._latest = task = Reindex(next(self._numbers), "FOREGROUND" if foreground else "BACKGROUND")
        work = self._foreground if foreground else self._background
        threading.Thread(target=self._run, args=(work,), name="reindex", daemon=True).start()
        return task

    def begin_snapshot(self) -> Path:
        """Begin a snapshot; gives the path where it will be.

        Raises:
            Conflict: one is being made.
            IndexProblem: there is no index to copy.
        """
        index = self._services.index
        path = index.snapshots.future_path(index.position)
        with self._lock:
            if self._snapshot_running:
                raise Conflict("An index snapshot is already being created.")
            self._snapshot_running = True
        threading.Thread(target=self._take_snapshot, args=(path,), name="snapshot", daemon=True).start()
        return path

    def _take_snapshot(self, path: Path) -> None:
        try:
            self._services.index.take_snapshot(path)
        except (UnderstudyError, OSError) as error:
            _LOG.error("the snapshot has failed: %s", error)
        finally:
            self._snapshot_running = False

    def _run(self, work: Callable[[], None]) -> None:
        succeeded = False
        try:
            work()
            succeeded = True
        except (UnderstudyError, OSError) as error:
            _LOG.error("the re-index has failed: %s", error)
        finally:
            self._change(progress=100 if succeeded else None, succeeded=succeeded)

    def _foreground(self) -> None:
        services = self._services
        is_error = services.settings.has("reindex-is-error")
        services.lifecycle.move(State.ERROR if is_error else State.MAINTENANCE, "a foreground re-index runs")
        try:
            services.index.pause()
            services.index.rebuild(self._report)
            services.index.catch_up()
            if services.clustered:
                self._hand_over()
        finally:
            services.index.follow()
            services.lifecycle.move(State.RUNNING, "the re-index has ended")

    def _hand_over(self) -> None:
        services = self._services
        path = services.index.snapshots.future_path(services.index.position)
        services.index.take_snapshot(path)
        with services.database.transaction() as connection:
            operation = services.operations.note(connection, "0", operation=FULL_REINDEX, filename=str(path))
        services.operations.committed(operation, by=None)

    def _background(self) -> None:
        self._services.index.refresh(self._report)

    def _report(self, done: int, total: int) -> None:
        self._change(progress=99 * done // max(1, total))

    def _change(self, *, progress: int | None, succeeded: bool | None = None) -> None:
        with self._lock:
            if self._latest is None:
                return
            if progress is not None:
                self._latest = replace(self._latest, progress=progress)
            if succeeded is not None:
                self._latest = replace(self._latest, succeeded=succeeded, finished_at=datetime.now(UTC))

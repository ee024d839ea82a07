"""What a node does by itself: follow the maintenance lock, finish pushes of the dead, feed the search companion."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from understudy.bitbucket.cluster import Cluster
from understudy.bitbucket.errors import GitBusy, GitFailed
from understudy.bitbucket.indexing import Indexer
from understudy.bitbucket.maintenance import Maintenance
from understudy.bitbucket.projects import Projects
from understudy.bitbucket.refs import Refs
from understudy.kit.database import Database
from understudy.kit.errors import DatabaseUnavailable
from understudy.kit.lifecycle import Lifecycle, State

_LOG = logging.getLogger("understudy.housekeeping")

ROUND_SECONDS = 1.0
SWEEP_SECONDS = 5.0
RELOOK_SECONDS = 10.0


class Housekeeping:
    """Two threads: one for what is quick, one for search, which may take long.

    Args:
        lifecycle: of the node; the threads end when it stops.
        database: to list repositories.
        projects: finds repositories.
        refs: finishes pushes.
        indexer: feeds the companion.
        maintenance: the lock to follow.
        cluster: says which nodes live.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        database: Database,
        *,
        projects: Projects,
        refs: Refs,
        indexer: Indexer,
        maintenance: Maintenance,
        cluster: Cluster,
    ) -> None:
        self._lifecycle = lifecycle
        self._database = database
        self._projects = projects
        self._refs = refs
        self._indexer = indexer
        self._maintenance = maintenance
        self._cluster = cluster
        self._swept_at = 0.0
        self._looked_at = 0.0
        self._compared_all = False
        self._threads = [
            threading.Thread(target=self._loop, args=(self._tidy,), name="housekeeping", daemon=True),
            threading.Thread(target=self._loop, args=(self._feed,), name="search-indexing", daemon=True),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def join(self, seconds: float) -> None:
        """Wait until the threads have ended, after the node was told to stop."""
        for thread in self._threads:
            if thread.is_alive():
                thread.join(seconds)

    def _loop(self, work: Callable[[], None]) -> None:
        while self._lifecycle.pause(ROUND_SECONDS):
            try:
                work()
            except DatabaseUnavailable as error:
                _LOG.info("database unavailable: %s", error)
            except (GitBusy, GitFailed) as error:
                _LOG.warning("%s", error)

    def _tidy(self) -> None:
        self._maintenance.follow()
        if self._lifecycle.state is not State.RUNNING:
            return
        if not self._compared_all:
            self._compare_all()
            self._compared_all = True
        if time.monotonic() - self._swept_at >= SWEEP_SECONDS:
            self._swept_at = time.monotonic()
            self._sweep()

    def _sweep(self) -> None:
        """Finish what pushes left undone whose node died, or lost the database at the wrong moment."""
        for intent, identity in self._refs.abandoned(self._cluster.living()):
            repository = self._projects.repository_by_id(identity)
            if repository is not None:
                changes = self._refs.record(repository, intent=intent)
                _LOG.info(
                    "push %d to repository %d is finished: %d refs had moved", intent, identity, len(changes)
                )

    def _compare_all(self) -> None:
        """Once after the start: every repository against its rows, in case the shared home was restored."""
        rows = self._database.fetch_all("select id from repository order by id")
        for row in rows:
            if self._lifecycle.stopping:
                return
            repository = self._projects.repository_by_id(row["id"])
            if repository is not None and (changes := self._refs.record(repository)):
                _LOG.info("repository %d had %d refs that were not recorded", repository.id, len(changes))

    def _feed(self) -> None:
        if self._lifecycle.state is not State.RUNNING:
            return
        due = time.monotonic() - self._looked_at >= RELOOK_SECONDS
        if due or self._indexer.progress().behind:
            self._looked_at = time.monotonic()
            self._indexer.advance()

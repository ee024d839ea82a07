"""The maintenance lock and the external backup.

A lock closes the whole cluster to everybody but the one who holds its token. A backup then drains: no git process and
no request is under way on any node. Source: Atlassian's DIY backup scripts (``mvc/maintenance/lock``,
``mvc/admin/backups?external=true``, ``mvc/maintenance``, ``mvc/admin/backups/progress/client``).
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from understudy.bitbucket.cluster import Cluster
from understudy.bitbucket.git import Git
from understudy.bitbucket.properties import LOCK, Properties, remove, store
from understudy.kit.database import Connection, Database, lock_for_transaction
from understudy.kit.errors import Conflict, Forbidden, NotFound
from understudy.kit.lifecycle import Lifecycle, State

HINT = "maintenance"
LOAD = "load"


@dataclass(frozen=True)
class Lock:
    """The lock, and the backup that runs below it; times in milliseconds since the epoch."""

    token: str
    owner: str
    began: int
    cancel_token: str = ""
    backup_began: int = 0
    backup_state: str = ""
    percentage: int = 0

    @property
    def backing_up(self) -> bool:
        """Whether a backup is under way."""
        return self.backup_state == "RUNNING"


class InFlight:
    """Counts the requests under way on this node."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    @property
    def count(self) -> int:
        """How many there are now."""
        return self._count

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one for as long as the block runs."""
        with self._lock:
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1


class Maintenance:
    """The lock as this node sees and changes it.

    Args:
        database: where it is kept.
        properties: the value it is kept in.
        lifecycle: of this node, which follows the lock.
        git: its processes count as work under way.
    """

    def __init__(self, database: Database, properties: Properties, lifecycle: Lifecycle, *, git: Git) -> None:
        self._database = database
        self._properties = properties
        self._lifecycle = lifecycle
        self._git = git
        self.requests = InFlight()

    def current(self) -> Lock | None:
        """The lock, or None."""
        text = self._properties.all().get(LOCK)
        return None if text is None else _read(text)

    def follow(self) -> None:
        """Bring this node's state in step with the lock; called again and again, and at each hint."""
        if self._lifecycle.state not in {State.RUNNING, State.MAINTENANCE}:
            return
        lock = self.current()
        if lock is not None:
            self._lifecycle.move(State.MAINTENANCE, f"locked by {lock.owner}")
        elif self._lifecycle.state is State.MAINTENANCE:
            self._lifecycle.move(State.RUNNING, "the lock is gone")

    def load(self) -> Mapping[str, Any]:
        """What is under way on this node, as told to other members."""
        return {"requests": self.requests.count, "git": self._git.running}

    def lock(self, owner: str, cluster: Cluster) -> Lock:
        """Close the cluster.

        Raises:
            Conflict: it is closed already.
        """
        lock = Lock(token=secrets.token_hex(20), owner=owner, began=_now())
        with self._changing() as connection:
            if self.current() is not None:
                raise Conflict("The system is locked for maintenance already.")
            store(connection, LOCK, value=json.dumps(asdict(lock)))
        self._spread(cluster)
        return lock

    def unlock(self, token: str, cluster: Cluster) -> None:
        """Open the cluster again.

        Raises:
            NotFound: it is not closed.
            Forbidden: the token is not that of the lock.
        """
        with self._changing() as connection:
            self._held(token)
            remove(connection, LOCK)
        self._spread(cluster)

    def begin_backup(self, token: str) -> Lock:
        """Begin a backup below the lock.

        Raises:
            Conflict: one is under way.
        """
        with self._changing() as connection:
            lock = self._held(token)
            if lock.backing_up:
                raise Conflict("A backup is under way already.")
            lock = replace(
                lock,
                cancel_token=secrets.token_hex(20),
                backup_began=_now(),
                backup_state="RUNNING",
                percentage=0,
            )
            store(connection, LOCK, value=json.dumps(asdict(lock)))
        return lock

    def report(self, token: str, percentage: int) -> Lock:
        """Take the progress of the backup; 100 ends it.

        Raises:
            Conflict: none is under way.
        """
        with self._changing() as connection:
            lock = self._held(token)
            if not lock.backing_up:
                raise Conflict("No backup is under way.")
            done = percentage >= 100
            lock = replace(lock, percentage=percentage, backup_state="SUCCESSFUL" if done else "RUNNING")
            store(connection, LOCK, value=json.dumps(asdict(lock)))
        return lock

    def cancel_backup(self, cancel_token: str) -> None:
        """End the backup; the lock stays.

        Raises:
            NotFound: none is under way.
            Forbidden: the token is not that of the backup.
        """
        with self._changing() as connection:
            lock = self.current()
            if lock is None or not lock.backing_up:
                raise NotFound("No maintenance task is under way.")
            if not secrets.compare_digest(lock.cancel_token, cancel_token):
                raise Forbidden("The token is not valid.")
            store(connection, LOCK, value=json.dumps(asdict(replace(lock, backup_state="CANCELED"))))

    def drained(self, cluster: Cluster) -> tuple[bool, bool]:
        """Whether no request, and no git process, is under way on any node."""
        loads = cluster.ask_all(LOAD)
        if loads is None:
            return False, False
        return all(load.get("requests") == 0 for load in loads), all(load.get("git") == 0 for load in loads)

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        with self._database.transaction() as connection:
            lock_for_transaction(connection, "maintenance")
            yield connection

    def _held(self, token: str) -> Lock:
        lock = self.current()
        if lock is None:
            raise NotFound("The system is not locked.")
        if not secrets.compare_digest(lock.token, token):
            raise Forbidden("The maintenance token is not valid.")
        return lock

    def _spread(self, cluster: Cluster) -> None:
        self.follow()
        cluster.tell(HINT)


def _read(text: str) -> Lock:
    return Lock(**json.loads(text))


def _now() -> int:
    return int(time.time() * 1000)

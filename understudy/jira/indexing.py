"""The search index of this node: fed from the operations, searched, copied, and replaced.

Local folder: ``<local home>/caches/indexesV1/issues``. Source: Atlassian KB articles on index start-up and
on node recovery; operations older than the catch-up window of 2880 minutes are dropped, and an index that
stands before the oldest of them cannot catch up any more.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy.jira.documents import ISSUE_FIELDS, documents_after, documents_of
from understudy.jira.issues import Operations
from understudy.jira.snapshots import Snapshots
from understudy.kit.database import Database, Row
from understudy.kit.errors import DatabaseUnavailable, IndexBroken, IndexMissing, IndexProblem
from understudy.kit.follower import Follower
from understudy.kit.homes import make_folder
from understudy.kit.index import SearchIndex

_LOG = logging.getLogger("understudy.jira.indexing")
_BATCH = 500
_WINDOW_MINUTES = 2880
FULL_REINDEX = "FULL_REINDEX_END"
"""Kind of operation that tells the other nodes to take the index of the node that wrote it."""


@dataclass(frozen=True)
class Lag:
    """How far an index is behind: issues changed since, and whether the operations are still there."""

    changed: int
    total: int
    reachable: bool

    @property
    def percentage(self) -> float:
        """Changed issues in per cent of all."""
        return 100.0 * self.changed / max(1, self.total)


class IssueIndex:
    """Owns the index of the node.

    Args:
        database: holds issues and operations.
        operations: of this node, to know what it wrote itself.
        snapshots: in the shared home.
        folder: of the index, in the local home.
        node_id: of this node.
        gather_seconds: how long changes are gathered, so that one commit carries them.
        apart: whether a start believes the table ``nodeindexcounter`` of how far its index is, and not the index.
    """

    def __init__(
        self,
        database: Database,
        operations: Operations,
        *,
        snapshots: Snapshots,
        folder: Path,
        node_id: str,
        gather_seconds: float,
        apart: bool,
    ) -> None:
        self._database = database
        self._operations = operations
        self.snapshots = snapshots
        self.folder = folder
        self._node_id = node_id
        self._gather_seconds = gather_seconds
        self._apart = apart
        self._noted: int | None = None
        self._index: SearchIndex | None = None
        self._follower: Follower | None = None
        self._feeding = threading.RLock()
        self._taken_over = 0
        self._broken = ""

    @property
    def current(self) -> SearchIndex:
        """The open index.

        Raises:
            IndexMissing: none is open.
            IndexBroken: it was found broken.
        """
        if self._broken:
            raise IndexBroken(self._broken)
        if self._index is None:
            raise IndexMissing("no index is open")
        return self._index

    @property
    def trouble(self) -> str:
        """Why the index cannot be used just now; empty when it can."""
        try:
            self.current.verify()
        except IndexProblem as error:
            return str(error)
        return (self._follower.trouble or "") if self._follower is not None else ""

    @property
    def position(self) -> int:
        """Id of the last operation that counts as applied to the index."""
        if self._noted is not None:
            return self._noted
        return int(self.current.position().get("operation", 0))

    def open(self) -> None:
        """Open what is on the disk.

        Raises:
            IndexMissing: nothing is there.
            IndexBroken: it cannot be read.
        """
        with self._feeding:
            self._replace(SearchIndex.open(self.folder, ISSUE_FIELDS))
            self._noted = self._counted() if self._apart else None

    def lag(self) -> Lag:
        """How far the open index is behind."""
        row = self._database.fetch_one(
            """select (select count(distinct affected_ids) from replicatedindexoperation
                   where id > %(position)s and operation <> %(marker)s) as changed,
               (select count(*) from jiraissue) as total,
               (select coalesce(max(last_id), 0) from dropped_operation) <= %(position)s as reachable""",
            {"position": self.position, "marker": FULL_REINDEX},
        )
        return Lag(0, 0, True) if row is None else Lag(row["changed"], row["total"], row["reachable"])

    def catch_up(self) -> int:
        """Apply every operation there is now; gives how many ids the index moved on."""
        with self._feeding:
            began = position = self.position
            while (reached := self._advance(position)) != position:
                position = reached
        return position - began

    def rebuild(self, report: Callable[[int, int], None]) -> None:
        """Make a new index of everything and put it in place of the open one.

        Args:
            report: called with the number of issues done and of all.
        """
        with self._feeding:
            row = self._database.fetch_one(
                """select (select coalesce(max(id), 0) from replicatedindexoperation) as position,
                   (select count(*) from jiraissue) as total"""
            )
            position, total = (row["position"], row["total"]) if row else (0, 0)
            fresh_folder = self.folder.with_name("issues.new")
            fresh = SearchIndex.create(fresh_folder, ISSUE_FIELDS)
            self._index_all(fresh, report, total)
            fresh.apply((), position={"operation": position})
            fresh.close()
            self._install(fresh_folder)

    def refresh(self, report: Callable[[int, int], None]) -> None:
        """Index every issue anew into the open index, which stays in use."""
        row = self._database.fetch_one("select count(*) as total from jiraissue")
        self._index_all(self.current, report, row["total"] if row else 0)

    def take_snapshot(self, path: Path) -> None:
        """Write a snapshot of the open index to a path."""
        self.snapshots.make(self.current, path)
        _LOG.info("index snapshot %s", path.name)

    def restore(self, path: Path) -> None:
        """Put the content of a snapshot in place of the open index.

        Raises:
            IndexBroken: the snapshot cannot be used; the open index stays.
        """
        with self._feeding:
            fresh_folder = self.folder.with_name("issues.new")
            self.snapshots.unpack(path, fresh_folder)
            SearchIndex.open(fresh_folder, ISSUE_FIELDS).close()
            self._install(fresh_folder)
        _LOG.info("index restored from %s", path.name)

    def follow(self) -> None:
        """Begin to apply operations as they come."""
        follower = Follower(
            "index-follower",
            advance=self._advance_safely,
            position=self.position,
            gather_seconds=self._gather_seconds,
        )
        self._follower = follower
        follower.start()

    def hint(self) -> None:
        """A peer has written an operation."""
        if self._follower is not None:
            self._follower.hint()

    def settle(self, user: str, *, timeout: float) -> None:
        """Have the index show everything that a user had this node write; waits up to so many seconds."""
        if self._follower is not None and not self._follower.wait_for(
            self._operations.last_written(user), timeout=timeout
        ):
            _LOG.warning("a search goes on without the last writes of who searches")

    def pause(self) -> None:
        """Stop to apply operations, after the batch that is under way."""
        if self._follower is not None:
            self._follower.stop()
            self._follower = None

    def close(self) -> None:
        """Stop to apply operations and let go of the index."""
        self.pause()
        with self._feeding:
            if self._index is not None:
                self._index.close()
                self._index = None

    def mark_broken(self, reason: str) -> None:
        """Take the index out of use until it is replaced."""
        self._broken = reason

    def queues(self) -> list[Row]:
        """For each node that has written operations: what of it is not in this index yet."""
        return self._database.fetch_all(
            """select node_id, count(*) filter (where id > %(position)s) as size,
               max(id) filter (where id <= %(position)s) as consumed, max(id) as newest,
               max(index_time) filter (where id <= %(position)s) as consumed_at, max(index_time) as newest_at
               from replicatedindexoperation group by node_id order by node_id""",
            {"position": self.position},
        )

    def drop_old_operations(self) -> None:
        """Drop operations that are older than the catch-up window, and note up to which."""
        with self._database.transaction() as connection:
            row = connection.execute(
                """with gone as (delete from replicatedindexoperation
                   where index_time < now() - make_interval(mins => %s) returning id)
                   select max(id) as last from gone""",
                (_WINDOW_MINUTES,),
            ).fetchone()
            if row is not None and row["last"] is not None:
                connection.execute(
                    """insert into dropped_operation values (1, %s) on conflict (id) do update
                       set last_id = excluded.last_id""",
                    (row["last"],),
                )

    def _index_all(self, index: SearchIndex, report: Callable[[int, int], None], total: int) -> None:
        done = last_id = 0
        while True:
            with self._feeding:
                documents = documents_after(self._database, last_id, limit=_BATCH)
                if not documents:
                    return
                index.apply(documents)
            last_id = int(documents[-1].key)
            done += len(documents)
            report(done, max(done, total))

    def _install(self, fresh_folder: Path) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None
        old_folder = self.folder.with_name("issues.old")
        SearchIndex.discard(old_folder)
        make_folder(self.folder.parent)
        if self.folder.exists():
            self.folder.rename(old_folder)
        fresh_folder.rename(self.folder)
        SearchIndex.discard(old_folder)
        self._replace(SearchIndex.open(self.folder, ISSUE_FIELDS))
        self._noted = None

    def _replace(self, index: SearchIndex) -> None:
        self._index, self._broken = index, ""

    def _advance_safely(self, position: int) -> int:
        try:
            with self._feeding:
                return self._advance(position)
        except IndexBroken as error:
            self.mark_broken(str(error))
            raise

    def _advance(self, position: int) -> int:
        rows = self._database.fetch_all(
            """select id, node_id, affected_ids, operation, filename from replicatedindexoperation
               where id > %s order by id limit %s""",
            (position, _BATCH),
        )
        if not rows:
            return position
        marker = next((row for row in rows if self._is_foreign_reindex(row)), None)
        if marker is not None:
            return self._take_over(marker)
        self._apply(rows)
        self._note_counters(rows)
        reached = int(rows[-1]["id"])
        if self._noted is not None:
            self._noted = reached
        return reached

    def _apply(self, rows: Sequence[Row]) -> None:
        ids = {int(row["affected_ids"]) for row in rows if row["operation"] != FULL_REINDEX}
        documents = documents_of(self._database, sorted(ids))
        gone = ids - {int(document.key) for document in documents}
        position = {"operation": int(rows[-1]["id"])}
        self.current.apply(documents, deleted=[str(issue_id) for issue_id in gone], position=position)

    def _is_foreign_reindex(self, row: Row) -> bool:
        if row["operation"] != FULL_REINDEX or row["node_id"] == self._node_id:
            return False
        return int(row["id"]) > self._taken_over

    def _take_over(self, marker: Row) -> int:
        """Another node has made a new index of everything: take that, or go on without it."""
        self._taken_over = int(marker["id"])
        try:
            self.restore(Path(marker["filename"]))
        except IndexBroken as error:
            _LOG.warning("the index of node %s is not taken over: %s", marker["node_id"], error)
        return self.position

    def _counted(self) -> int | None:
        """What this node has noted of itself beside its index; None where it has noted nothing."""
        row = self._database.fetch_one(
            "select max(index_operation_id) as position from nodeindexcounter where node_id = %s",
            (self._node_id,),
        )
        return None if row is None else row["position"]

    def _note_counters(self, rows: Sequence[Row]) -> None:
        """Note how far the index is; cheap, since what a crash of the database loses is applied once more."""
        last = {row["node_id"]: row["id"] for row in rows}
        try:
            with self._database.transaction() as connection:
                connection.execute("set local synchronous_commit = off")
                connection.cursor().executemany(
                    """insert into nodeindexcounter (node_id, sending_node_id, index_operation_id)
                       values (%s, %s, %s) on conflict (node_id, sending_node_id) do update
                       set index_operation_id = excluded.index_operation_id""",
                    [(self._node_id, sender, operation) for sender, operation in last.items()],
                )
        except DatabaseUnavailable as error:
            _LOG.warning("the index counters are not noted: %s", error)

"""Cluster locks: one row a lock, owned by a node for as long as that node has a pulse.

A holder that was killed blocks the others until its last heartbeat is too old, five minutes by default.
Source: Atlassian KB "Failed getting index on start"; table ``clusterlockstatus`` of atlassian-beehive.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from understudy.jira.registry import Registry
from understudy.kit.database import Database, lock_for_transaction
from understudy.kit.errors import UnderstudyError
from understudy.kit.lifecycle import Lifecycle

_LOG = logging.getLogger("understudy.jira.locks")
_TRY_SECONDS = 0.25
START_INDEX_LOCK = "com.atlassian.jira.start.index.lock"


class ClusterLocks:
    """Takes and gives back locks for one node."""

    def __init__(self, database: Database, registry: Registry, lifecycle: Lifecycle) -> None:
        self._database = database
        self._registry = registry
        self._lifecycle = lifecycle

    def release_own(self) -> None:
        """Give back what this node held when it was killed."""
        self._database.execute(
            "update clusterlockstatus set locked_by_node = null where locked_by_node = %s",
            (self._registry.node_id,),
        )

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Wait for a lock and hold it while the block runs.

        Raises:
            UnderstudyError: the node was asked to stop meanwhile.
        """
        holder = None
        while (current := self._try(name)) is not None:
            if current != holder:
                _LOG.info("lock %s is held by node %s", name, current)
                holder = current
            if not self._lifecycle.pause(_TRY_SECONDS):
                raise UnderstudyError(f"stopped while waiting for the lock {name}")
        try:
            yield
        finally:
            self._database.execute(
                "update clusterlockstatus set locked_by_node = null where lock_name = %s and locked_by_node = %s",
                (name, self._registry.node_id),
            )

    def _try(self, name: str) -> str | None:
        """None if the lock is ours now, else the node that holds it."""
        with self._database.transaction() as connection:
            lock_for_transaction(connection, "clusterlockstatus")
            row = connection.execute(
                "select locked_by_node from clusterlockstatus where lock_name = %s", (name,)
            ).fetchone()
            holder = row["locked_by_node"] if row else None
            if holder is not None:
                alive = {node.node_id for node in self._registry.nodes(connection) if node.alive}
                if holder in alive or holder == self._registry.node_id:
                    return str(holder)
                _LOG.warning("lock %s is taken over from node %s, which is dead", name, holder)
            connection.execute(
                """insert into clusterlockstatus (lock_name, locked_by_node, update_time)
                   values (%s, %s, (extract(epoch from clock_timestamp()) * 1000)::bigint)
                   on conflict (lock_name) do update set locked_by_node = excluded.locked_by_node,
                   update_time = excluded.update_time""",
                (name, self._registry.node_id),
            )
            return None

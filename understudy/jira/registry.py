"""The nodes of the cluster as rows: who is there, in which state, and who still has a pulse.

A node is alive while its heartbeat is younger than the tolerance. Sources: docs.atlassian.com
``ClusterNodeHeartbeatService`` (a heartbeat about once a minute, five minutes of tolerance); the REST
resource ``cluster/nodes`` of the vendor's reference for its fields and states.
"""

from __future__ import annotations

import enum
import logging
import threading
from dataclasses import dataclass

from understudy.kit.database import Connection, Database
from understudy.kit.errors import Conflict, DatabaseUnavailable, NotFound
from understudy.kit.lifecycle import Lifecycle
from understudy.kit.settings import Endpoint, Release

_LOG = logging.getLogger("understudy.jira.registry")


class NodeState(enum.StrEnum):
    """States of a node in the registry."""

    ACTIVE = "ACTIVE"
    PASSIVE = "PASSIVE"
    ACTIVATING = "ACTIVATING"
    PASSIVATING = "PASSIVATING"
    OFFLINE = "OFFLINE"


@dataclass(frozen=True)
class ClusterNode:
    """One row of the registry; ``changed`` is in milliseconds since 1970."""

    node_id: str
    state: NodeState
    alive: bool
    ip: str
    cache_port: int
    build_number: int
    version: str
    changed: int

    @property
    def serving(self) -> bool:
        """Active, and with a pulse."""
        return self.alive and self.state is NodeState.ACTIVE


class Registry:
    """Reads and writes the rows.

    Args:
        database: where they are.
        node_id: of this node.
        heartbeat_seconds: time between two heartbeats.
        alive_seconds: age up to which a heartbeat counts.
    """

    def __init__(
        self, database: Database, *, node_id: str, heartbeat_seconds: float, alive_seconds: float
    ) -> None:
        self._database = database
        self.node_id = node_id
        self._heartbeat_seconds = heartbeat_seconds
        self._alive_milliseconds = int(alive_seconds * 1000)

    def nodes(self, connection: Connection | None = None) -> list[ClusterNode]:
        """Every node, by id; within a transaction of the caller where one is given."""
        statement = """
            select n.node_id, n.node_state, n.ip, n.cache_listener_port, n.node_build_number, n.node_version,
                n."timestamp" as changed, coalesce(h.heartbeat_time, 0) >
                (extract(epoch from clock_timestamp()) * 1000)::bigint - %s as alive
            from clusternode n left join clusternodeheartbeat h using (node_id) order by n.node_id"""
        parameters = (self._alive_milliseconds,)
        if connection is None:
            rows = self._database.fetch_all(statement, parameters)
        else:
            rows = connection.execute(statement, parameters).fetchall()
        return [
            ClusterNode(
                node_id=row["node_id"],
                state=NodeState(row["node_state"]),
                alive=row["alive"] and row["node_state"] != NodeState.OFFLINE,
                ip=row["ip"],
                cache_port=row["cache_listener_port"],
                build_number=row["node_build_number"],
                version=row["node_version"],
                changed=row["changed"],
            )
            for row in rows
        ]

    def others_alive(self, connection: Connection | None = None) -> list[ClusterNode]:
        """The other nodes that have a pulse."""
        return [node for node in self.nodes(connection) if node.alive and node.node_id != self.node_id]

    def register(
        self, connection: Connection, *, state: NodeState, listener: Endpoint, release: Release
    ) -> None:
        """Write this node's row and a heartbeat within a transaction of the caller."""
        connection.execute(
            """insert into clusternode
               (node_id, node_state, "timestamp", ip, cache_listener_port, node_build_number, node_version)
               values (%s, %s, (extract(epoch from clock_timestamp()) * 1000)::bigint, %s, %s, %s, %s)
               on conflict (node_id) do update set node_state = excluded.node_state,
               "timestamp" = excluded."timestamp", ip = excluded.ip, node_version = excluded.node_version,
               cache_listener_port = excluded.cache_listener_port, node_build_number = excluded.node_build_number""",
            (self.node_id, state, listener.address, listener.port, release.build_number, str(release)),
        )
        self._beat(connection)

    def change_state(self, state: NodeState) -> None:
        """Change the state of this node."""
        self._database.execute(
            """update clusternode set node_state = %s,
               "timestamp" = (extract(epoch from clock_timestamp()) * 1000)::bigint where node_id = %s""",
            (state, self.node_id),
        )

    def keep_beating(self, lifecycle: Lifecycle) -> None:
        """Write heartbeats on a thread until the node stops."""

        def beat() -> None:
            while lifecycle.pause(self._heartbeat_seconds):
                try:
                    with self._database.transaction() as connection:
                        self._beat(connection)
                except DatabaseUnavailable as error:
                    _LOG.warning("no heartbeat: %s", error)

        threading.Thread(target=beat, name="heartbeat", daemon=True).start()

    def set_offline(self, node_id: str) -> None:
        """Mark a node that says it is active, but has no pulse, as offline; no process is touched.

        Raises:
            NotFound: there is no such node.
            Conflict: it is alive, or not active.
        """
        with self._database.transaction() as connection:
            node = self._find(connection, node_id)
            if node.alive or node.state is NodeState.OFFLINE:
                raise Conflict(
                    f"Node {node_id} is {node.state} and {'alive' if node.alive else 'not alive'}."
                )
            connection.execute(
                """update clusternode set node_state = %s,
                   "timestamp" = (extract(epoch from clock_timestamp()) * 1000)::bigint where node_id = %s""",
                (NodeState.OFFLINE, node_id),
            )

    def delete(self, node_id: str) -> None:
        """Remove the row of a node that is offline.

        Raises:
            NotFound: there is no such node.
            Conflict: it is not offline.
        """
        with self._database.transaction() as connection:
            node = self._find(connection, node_id)
            if node.state is not NodeState.OFFLINE:
                raise Conflict(f"Node {node_id} is {node.state}, not OFFLINE.")
            connection.execute("delete from clusternode where node_id = %s", (node_id,))
            connection.execute("delete from clusternodeheartbeat where node_id = %s", (node_id,))
            connection.execute("delete from nodeindexcounter where node_id = %s", (node_id,))

    def _find(self, connection: Connection, node_id: str) -> ClusterNode:
        for node in self.nodes(connection):
            if node.node_id == node_id:
                return node
        raise NotFound(f"There is no node {node_id}.")

    def _beat(self, connection: Connection) -> None:
        connection.execute(
            """insert into clusternodeheartbeat (node_id, heartbeat_time, database_time)
               select %s, t.now, t.now from
               (select (extract(epoch from clock_timestamp()) * 1000)::bigint as now) t
               on conflict (node_id) do update set heartbeat_time = excluded.heartbeat_time,
               database_time = excluded.database_time""",
            (self.node_id,),
        )

"""Nodes that are in nobody's list but their own and have found a cluster by it.

Hazelcast tells every member of a new one, so a cluster grows without a change of the old nodes' lists. Source:
Hazelcast documentation, "Discovery by TCP": a new member needs to reach one that is in the cluster. Only a node that
was not reached by the list within some heartbeats is dialled where it says that it listens.
"""

from __future__ import annotations

import threading
import time

from understudy.kit.cluster import Mesh, Message
from understudy.kit.settings import Endpoint

JOIN = "join"
"""Kind of the message with which a node says where it listens."""
_LEARN_HEARTBEATS = 3


class Strangers:
    """What one node learns of others that are not in its list."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reached: set[str] = set()
        self._callers: dict[str, tuple[Endpoint, float]] = {}
        self._learned: set[Endpoint] = set()

    def hear(self, sender: str, message: Message) -> bool:
        """Take a message of another node. Returns whether it was one by which a node joins."""
        if message.get("kind") != JOIN:
            return False
        with self._lock:
            if sender not in self._reached:
                endpoint = Endpoint(str(message["address"]), int(message["port"]))
                self._callers.setdefault(sender, (endpoint, time.monotonic()))
        return True

    def endpoints(self, mesh: Mesh) -> frozenset[Endpoint]:
        """Where those listen that are to be dialled besides the list; called at every heartbeat of the mesh.

        Nodes that we reach and that do not reach us are told where we listen.
        """
        peers = mesh.peers()
        members = {peer.node_id for peer in mesh.members()}
        if any(peer.node_id not in members for peer in peers):
            listen = mesh.settings.listen
            mesh.broadcast({"kind": JOIN, "address": listen.address, "port": listen.port})
        due = time.monotonic() - _LEARN_HEARTBEATS * mesh.settings.heartbeat
        with self._lock:
            self._reached |= {peer.node_id for peer in peers}
            for node_id, (endpoint, since) in list(self._callers.items()):
                if node_id in self._reached:
                    del self._callers[node_id]
                elif since < due:
                    self._learned.add(endpoint)
            return frozenset(self._learned)

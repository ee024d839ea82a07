"""The cluster: members over the Hazelcast port, as this node sees them.

A member proves that it knows the group's name and password, and each says what it is. Source: Bitbucket config
properties ``hazelcast.port``, ``hazelcast.group.name``, ``hazelcast.group.password`` and
``hazelcast.network.tcpip.members``, ``hazelcast.network.kubernetes``.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from understudy.bitbucket.settings import BitbucketSettings
from understudy.kit.cluster import Mesh, MeshSettings, Message
from understudy.kit.discovery import Neighbours
from understudy.kit.errors import LinkError
from understudy.kit.lifecycle import Lifecycle, State
from understudy.kit.settings import Endpoint
from understudy.kit.strangers import Strangers

_LOG = logging.getLogger("understudy.cluster")

_NODE_STATES = {
    State.STARTING: "STARTING",
    State.FIRST_RUN: "ACTIVE",
    State.RUNNING: "ACTIVE",
    State.MAINTENANCE: "ACTIVE",
    State.STOPPING: "TERMINATING",
    State.ERROR: "ERROR",
}


@dataclass(frozen=True)
class Member:
    """A node; ``state`` in the words of the rolling upgrade REST."""

    id: str
    name: str
    address: str
    port: int
    version: str
    build_number: str
    state: str
    local: bool


class Cluster:
    """This node's place in the cluster.

    Args:
        settings: where to listen and whom to dial.
        lifecycle: of this node.
        answer: answers what other members ask.
    """

    def __init__(
        self,
        settings: BitbucketSettings,
        lifecycle: Lifecycle,
        *,
        answer: Callable[[Message], Mapping[str, Any]],
    ) -> None:
        self._settings = settings
        self._lifecycle = lifecycle
        self._answer = answer
        self.node_id = str(uuid.uuid4())
        cluster = settings.cluster
        self._neighbours = Neighbours(frozenset(cluster.members), cluster.discovery)
        self._strangers = Strangers()
        self._mesh = Mesh(
            MeshSettings(
                node_id=self.node_id,
                cluster=cluster.group,
                secret=cluster.password.encode(),
                listen=cluster.listen,
                advertised=cluster.listen,
                registry=None,
                heartbeat=settings.kit.link_seconds,
            ),
            find_peers=self._find_peers,
            receive=self._receive,
            describe=self._describe,
        )
        self._opened = False

    def open(self) -> None:
        """Listen and dial.

        Raises:
            SettingsError: the port cannot be bound.
        """
        self._mesh.open()
        self._opened = True

    def close(self) -> None:
        """Leave in order."""
        if self._opened:
            self._mesh.close()

    @property
    def running(self) -> bool:
        """Whether the cluster port is open."""
        return self._opened

    @property
    def lonely(self) -> bool:
        """Whether nobody else is meant to be there."""
        return self._neighbours.lonely(self._settings.cluster.listen)

    def expected(self) -> int:
        """How many nodes there are meant to be, as far as is known now."""
        listen = self._settings.cluster.listen
        try:
            return len(self._neighbours.endpoints() | {listen})
        except LinkError as error:
            _LOG.warning("who else is there is not known: %s", error)
            return 1

    def local(self) -> Member:
        """This node."""
        return _member(self.node_id, self._describe(), local=True)

    def members(self) -> list[Member]:
        """Every node with which both directions work, this one first."""
        others = (_member(peer.node_id, peer.about, local=False) for peer in self._mesh.members())
        return [self.local(), *others]

    def living(self) -> list[str]:
        """The ids of this node and of every node our links reach."""
        return [self.node_id, *(peer.node_id for peer in self._mesh.peers())]

    def tell(self, kind: str) -> None:
        """Hint to every member that something changed; the truth is in the database."""
        self._mesh.broadcast({"kind": kind}, wait=1.0)

    def ask_all(self, kind: str) -> list[Mapping[str, Any]] | None:
        """Ask every member; None if one of them gives no answer."""
        answers: list[Mapping[str, Any]] = [self._answer({"kind": kind})]
        for peer in self._mesh.peers():
            try:
                answers.append(self._mesh.ask(peer.node_id, {"kind": kind}, timeout=5.0))
            except LinkError as error:
                _LOG.warning("%s: %s", peer.node_id, error)
                return None
        return answers

    def _find_peers(self) -> tuple[Endpoint, ...]:
        return tuple(self._neighbours.endpoints() | self._strangers.endpoints(self._mesh))

    def _receive(self, sender: str, message: Message) -> Message:
        return {} if self._strangers.hear(sender, message) else self._answer(message)

    def _describe(self) -> Mapping[str, Any]:
        release = self._settings.kit.release
        listen = self._settings.cluster.listen
        return {
            "name": self._settings.cluster.name,
            "address": listen.address,
            "port": listen.port,
            "version": str(release),
            "buildNumber": str(release.build_number),
            "state": _NODE_STATES[self._lifecycle.state],
        }


def _member(node_id: str, about: Mapping[str, Any], *, local: bool) -> Member:
    return Member(
        id=node_id,
        name=str(about.get("name", "")),
        address=str(about.get("address", "")),
        port=int(about.get("port", 0)),
        version=str(about.get("version", "")),
        build_number=str(about.get("buildNumber", "")),
        state=str(about.get("state", "OFFLINE")),
        local=local,
    )

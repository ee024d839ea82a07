"""This node's place in the cluster: the mesh, and what nodes tell one another over it.

Port and discovery follow Hazelcast as the product uses it: every node lists the addresses of all, or asks
Kubernetes for them (:mod:`understudy.kit.discovery`), and listens on
``confluence.cluster.hazelcast.listenPort``; the shared secret is ``confluence.cluster.authentication.secret``.
A node that none of the others answers forms a cluster of its own, which is why a second node without contact
ends in a cluster panic (:mod:`understudy.confluence.safety`). Source: Atlassian, "Set up a Confluence Data
Center cluster".
"""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from understudy.confluence.configfile import CLUSTER_NAME, CLUSTER_PEERS, CLUSTER_SECRET, ConfigFile
from understudy.confluence.settings import WikiSettings
from understudy.kit.cluster import Mesh, MeshSettings, Message, Peer
from understudy.kit.discovery import Neighbours
from understudy.kit.errors import LinkRefused
from understudy.kit.lifecycle import Lifecycle
from understudy.kit.settings import Endpoint
from understudy.kit.strangers import Strangers

_LOG = logging.getLogger("understudy.confluence.cluster")
_JOIN_HEARTBEATS = 3
_PATIENT_HEARTBEATS = 30

Handler = Callable[[str, Message], Message]


@dataclass(frozen=True)
class Member:
    """A node of the cluster as it describes itself; ``users`` and ``tasks`` are numbers at this moment."""

    node_id: str
    name: str
    address: str
    version: str
    build_number: int
    state: str
    users: int
    tasks: int
    local: bool


def node_id_of(settings: WikiSettings) -> str:
    """The anonymised id of a node: eight hexadecimal digits, the same at every start."""
    return f"{zlib.crc32(f'{settings.node_name}|{settings.kit.bind}'.encode()):08x}"


class Membership:
    """The cluster as this node sees it; a node that is not clustered is its own only member.

    Args:
        settings: of the node.
        lifecycle: of the node.
        count_users: sessions on this node now.
    """

    def __init__(
        self,
        settings: WikiSettings,
        lifecycle: Lifecycle,
        *,
        count_users: Callable[[], int],
    ) -> None:
        self.node_id = node_id_of(settings)
        self._settings = settings
        self._lifecycle = lifecycle
        self._handlers: Mapping[str, Handler] = {}
        self._count_users = count_users
        self._mesh: Mesh | None = None
        self._strangers = Strangers()

    @property
    def clustered(self) -> bool:
        """Whether the mesh is open."""
        return self._mesh is not None and not self._mesh.ended

    def join(self, config: ConfigFile, handlers: Mapping[str, Handler]) -> None:
        """Open the cluster port and find the other nodes.

        Args:
            config: of the node; one that is not clustered stays alone.
            handlers: what to do with a message, by its kind; called with the sender's node id.

        Raises:
            LinkRefused: a node answered and refused us.
            SettingsError: the port cannot be bound.
        """
        if not config.clustered:
            return
        self._handlers = handlers
        settings = self._settings
        listen = Endpoint(settings.kit.bind, settings.cluster_port)
        listed = frozenset(
            Endpoint.parse(text, default_port=settings.cluster_port)
            for text in config.get(CLUSTER_PEERS).split(",")
            if text.strip()
        )
        neighbours = Neighbours(listed, settings.cluster.discovery if settings.cluster else None)
        mesh = Mesh(
            MeshSettings(
                node_id=self.node_id,
                cluster=config.get(CLUSTER_NAME),
                secret=config.get(CLUSTER_SECRET).encode(),
                listen=listen,
                advertised=listen,
                registry=None,
                heartbeat=settings.kit.link_seconds,
            ),
            find_peers=lambda: tuple(neighbours.endpoints() | self._strangers.endpoints(mesh)),
            receive=self._receive,
            describe=self._describe,
        )
        mesh.open()
        self._mesh = mesh
        if not neighbours.lonely(listen):
            self._wait_for_peers(mesh)
        _LOG.info("cluster %s: %s", config.get(CLUSTER_NAME), ", ".join(m.name for m in self.members()))

    def leave(self) -> None:
        """Leave the cluster in order."""
        if self._mesh is not None:
            self._mesh.close()

    def members(self) -> tuple[Member, ...]:
        """Every member, this node included, by node id."""
        found = [_member_of(peer) for peer in self._mesh.members()] if self._mesh is not None else []
        found.append(self.local())
        return tuple(sorted(found, key=lambda member: member.node_id))

    def local(self) -> Member:
        """This node."""
        settings = self._settings
        return Member(
            node_id=self.node_id,
            name=settings.node_name,
            address=settings.kit.bind,
            version=str(settings.kit.release),
            build_number=settings.kit.release.build_number,
            state=str(self._lifecycle.state),
            users=self._count_users(),
            tasks=0,
            local=True,
        )

    def tell(self, kind: str, *, wait: float = 0.0, **content: object) -> None:
        """Send a message to every other node.

        Args:
            kind: which of the handlers gets it.
            wait: seconds to wait until all have handled it.
            content: JSON values.
        """
        if self._mesh is not None:
            self._mesh.broadcast({"kind": kind, **content}, wait=wait)

    def ask(self, node_id: str, kind: str, *, timeout: float, **content: object) -> Message:
        """Send a message to one node and get its answer.

        Raises:
            LinkError: there is no link, or no answer in time, in seconds.
        """
        if self._mesh is None:
            raise LinkRefused("this node is not clustered")
        return self._mesh.ask(node_id, {"kind": kind, **content}, timeout=timeout)

    def _wait_for_peers(self, mesh: Mesh) -> None:
        """Wait until somebody lets us in; longer while somebody answers, as two halves would end in panic."""
        began = time.monotonic()
        while self._lifecycle.pause(0.05):
            waited = (time.monotonic() - began) / mesh.settings.heartbeat
            refusals = mesh.refusals()
            if not refusals and waited > _PATIENT_HEARTBEATS:
                refusals = ("nodes of the cluster answer, and none of them can reach this one",)
            if refusals:
                mesh.close()
                raise LinkRefused(refusals[0])
            if mesh.members() or (waited > _JOIN_HEARTBEATS and not mesh.peers()):
                return

    def _receive(self, sender: str, message: Message) -> Message:
        if self._strangers.hear(sender, message):
            return {}
        handler = self._handlers.get(str(message.get("kind", "")))
        return {} if handler is None else handler(sender, message)

    def _describe(self) -> Message:
        member = self.local()
        return {
            "name": member.name,
            "address": member.address,
            "version": member.version,
            "buildNumber": member.build_number,
            "state": member.state,
            "users": member.users,
        }


def _member_of(peer: Peer) -> Member:
    about = peer.about
    return Member(
        node_id=peer.node_id,
        name=str(about.get("name", "")),
        address=str(about.get("address", "")),
        version=str(about.get("version", "")),
        build_number=int(about.get("buildNumber", 0)),
        state=str(about.get("state", "")),
        users=int(about.get("users", 0)),
        tasks=0,
        local=False,
    )

"""The mesh: authenticated TCP between the nodes of a cluster.

Every node dials every peer and keeps one link to it, over which it sends heartbeats, messages and
questions, and gets an answer to each. A peer is a *member* only while our link to it works **and** it
says that its link to us works: one direction alone is no membership. A peer that cannot be dialled is
tried again at every heartbeat.

Where a product reaches its peers in two steps (Ehcache over RMI: a registry port that tells the port
of the object, Source: Atlassian "Jira Data Center" container documentation, ``EHCACHE_LISTENER_PORT``
and ``EHCACHE_OBJECT_PORT``), give a registry endpoint: peers then dial that first and go on to the
endpoint it names, so that both ports must be open for a node to be a member.
"""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from understudy.kit import frames
from understudy.kit.errors import LinkError, LinkRefused, SettingsError, UnderstudyError
from understudy.kit.settings import Endpoint

_LOG = logging.getLogger("understudy.cluster")
_QUEUE_LENGTH = 1000
_PATIENCE = 5

Message = Mapping[str, Any]
Receiver = Callable[[str, Message], Message]
"""Called with the node id of the sender and its message, on a thread of the link; gives the answer."""


@dataclass(frozen=True)
class MeshSettings:
    """What a mesh needs to know; lengths are in seconds.

    ``listen`` is where peers connect, ``advertised`` how they are told to reach it (the same unless a
    relay stands between), ``registry`` the optional first step and ``heartbeat`` the time between two
    heartbeats. ``secret`` never appears in a log line.
    """

    node_id: str
    cluster: str
    secret: bytes = field(repr=False)
    listen: Endpoint
    advertised: Endpoint
    registry: Endpoint | None
    heartbeat: float


@dataclass(frozen=True)
class Peer:
    """A node as seen over our link to it."""

    node_id: str
    endpoint: Endpoint
    about: Mapping[str, Any]
    reaches: frozenset[str]


@dataclass
class _Errand:
    message: Message
    answer: Future[Message]


class Mesh:
    """Keeps links to the peers and answers theirs.

    Args:
        settings: see :class:`MeshSettings`.
        find_peers: gives the endpoints to dial (without our own, or with it: we notice); called at
            every heartbeat, so it should be cheap; an UnderstudyError it raises means "as before".
        receive: see :data:`Receiver`.
        describe: what we say about ourselves at each heartbeat.
    """

    def __init__(
        self,
        settings: MeshSettings,
        *,
        find_peers: Callable[[], Sequence[Endpoint]],
        receive: Receiver,
        describe: Callable[[], Message] = dict,
    ) -> None:
        self.settings = settings
        self._find_peers = find_peers
        self._receive = receive
        self._describe = describe
        self._lock = threading.Lock()
        self._links: dict[Endpoint, _Link] = {}
        self._sockets: set[socket.socket] = set()
        self._listeners: list[socket.socket] = []
        self._closed = threading.Event()

    def open(self) -> None:
        """Bind the ports and begin to dial.

        Raises:
            SettingsError: a port cannot be bound.
        """
        self._listen(self.settings.listen, self._serve_peer)
        if self.settings.registry is not None:
            self._listen(self.settings.registry, self._serve_registry)
        threading.Thread(target=self._keep_links, name="mesh", daemon=True).start()

    def close(self) -> None:
        """Leave the cluster in order: tell the peers, then close every socket."""
        self.broadcast({"kind": "leaving"}, wait=1.0)
        self._closed.set()
        with self._lock:
            links, sockets = list(self._links.values()), list(self._sockets)
        for link in links:
            link.close()
        for listener in self._listeners:
            _shut(listener)
        for peer_socket in sockets:
            _shut(peer_socket)

    @property
    def ended(self) -> bool:
        """Whether the mesh is closed."""
        return self._closed.is_set()

    def peers(self) -> tuple[Peer, ...]:
        """Every node our own links reach now, by node id."""
        with self._lock:
            links = list(self._links.values())
        found = {link.peer.node_id: link.peer for link in links if link.peer is not None}
        found.pop(self.settings.node_id, None)
        return tuple(found[node_id] for node_id in sorted(found))

    def members(self) -> tuple[Peer, ...]:
        """The peers with which both directions work, by node id; without this node."""
        return tuple(peer for peer in self.peers() if self.settings.node_id in peer.reaches)

    def refusals(self) -> tuple[str, ...]:
        """Why peers refuse us, one sentence for each that answered and does not want us."""
        with self._lock:
            return tuple(link.refusal for link in self._links.values() if link.refusal)

    def broadcast(self, message: Message, *, wait: float = 0.0) -> None:
        """Send a message to every peer; a peer that is slow or gone misses it.

        Args:
            message: JSON object; use it for hints only, the truth is in the database.
            wait: seconds to wait for the answers, 0 to go on at once.
        """
        answers = [link.post(message) for link in self._live_links()]
        deadline = time.monotonic() + wait
        for answer in answers:
            if wait:
                with suppress(LinkError, FutureTimeout):
                    answer.result(max(0.0, deadline - time.monotonic()))

    def ask(self, node_id: str, message: Message, *, timeout: float) -> Message:
        """Send a message to one peer and wait for its answer.

        Raises:
            LinkError: there is no link to it, or no answer within the time, in seconds.
        """
        for link in self._live_links():
            if link.peer is not None and link.peer.node_id == node_id:
                try:
                    return link.post(message).result(timeout)
                except FutureTimeout as error:
                    raise LinkError(f"no answer from {node_id} within {timeout:g} s") from error
        raise LinkError(f"there is no link to {node_id}")

    def introduce(self) -> dict[str, Any]:
        """What this node says about itself in handshakes and heartbeats."""
        reaches = [peer.node_id for peer in self.peers()]
        return {"nodeId": self.settings.node_id, "reaches": reaches, "about": dict(self._describe())}

    def _live_links(self) -> list[_Link]:
        with self._lock:
            links = list(self._links.values())
        own = self.settings.node_id
        return [link for link in links if link.peer is not None and link.peer.node_id != own]

    def _keep_links(self) -> None:
        while not self._closed.is_set():
            try:
                wanted = set(self._find_peers())
            except UnderstudyError as error:
                _LOG.warning("the peers are not known just now: %s", error)
                wanted = set(self._links)
            wanted -= {self.settings.advertised, self.settings.listen, self.settings.registry}
            with self._lock:
                gone = [self._links.pop(endpoint) for endpoint in set(self._links) - wanted]
                fresh = [_Link(self, endpoint) for endpoint in wanted - set(self._links)]
                self._links.update({link.endpoint: link for link in fresh})
            for link in gone:
                link.close()
            for link in fresh:
                link.start()
            self._closed.wait(self.settings.heartbeat)

    def _listen(self, endpoint: Endpoint, serve: Callable[[socket.socket], None]) -> None:
        try:
            listener = socket.create_server((endpoint.address, endpoint.port), backlog=64)
        except OSError as error:
            raise SettingsError((f"cannot listen on {endpoint}: {error.strerror}",)) from error
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener, serve), name="mesh-accept", daemon=True).start()

    def _accept(self, listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        while not self._closed.is_set():
            try:
                peer_socket, _ = listener.accept()
            except OSError:
                return
            threading.Thread(
                target=self._serve, args=(peer_socket, serve), name="mesh-serve", daemon=True
            ).start()

    def _serve(self, peer_socket: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        with self._lock:
            self._sockets.add(peer_socket)
        try:
            peer_socket.settimeout(_PATIENCE * self.settings.heartbeat)
            serve(peer_socket)
        except LinkRefused as error:
            _LOG.warning("a caller was refused: %s", error)
        except LinkError as error:
            _LOG.debug("a caller has gone: %s", error)
        finally:
            with self._lock:
                self._sockets.discard(peer_socket)
            _shut(peer_socket)

    def _serve_registry(self, peer_socket: socket.socket) -> None:
        target = self.settings.advertised
        frames.send_frame(peer_socket, {"address": target.address, "port": target.port})

    def _serve_peer(self, peer_socket: socket.socket) -> None:
        hello = frames.open_as_callee(
            peer_socket, cluster=self.settings.cluster, secret=self.settings.secret, about=self.introduce()
        )
        sender = str(hello.get("nodeId", ""))
        while not self._closed.is_set():
            message = frames.receive_frame(peer_socket)
            if message.get("kind") == "heartbeat":
                answer: Message = self.introduce()
            elif message.get("kind") == "leaving":
                self._forget(sender)
                answer = {}
            else:
                answer = self._receive(sender, message)
            frames.send_frame(peer_socket, answer)

    def _forget(self, node_id: str) -> None:
        _LOG.info("node %s leaves the cluster", node_id)
        for link in self._live_links():
            if link.peer is not None and link.peer.node_id == node_id:
                link.close_current()


class _Link:
    """One outgoing link, kept by a thread of its own."""

    def __init__(self, mesh: Mesh, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.peer: Peer | None = None
        self._mesh = mesh
        self._errands: queue.Queue[_Errand] = queue.Queue(_QUEUE_LENGTH)
        self._socket: socket.socket | None = None
        self._closed = threading.Event()
        self._complaint = ""
        self.refusal = ""

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"link-{self.endpoint}", daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self.close_current()

    def close_current(self) -> None:
        self.peer = None
        if (current := self._socket) is not None:
            _shut(current)

    def post(self, message: Message) -> Future[Message]:
        errand = _Errand(message, Future())
        try:
            self._errands.put_nowait(errand)
        except queue.Full:
            errand.answer.set_exception(LinkError("too many messages are waiting"))
        return errand.answer

    def _run(self) -> None:
        heartbeat = self._mesh.settings.heartbeat
        while not (self._closed.is_set() or self._mesh.ended):
            try:
                with self._dial() as link:
                    self._socket = link
                    self._converse(link)
            except LinkError as error:
                self.refusal = str(error) if isinstance(error, LinkRefused) else ""
                self._complain(str(error))
            finally:
                self.peer, self._socket = None, None
                self._refuse_errands()
            self._closed.wait(heartbeat)

    def _dial(self) -> socket.socket:
        settings = self._mesh.settings
        target = self.endpoint
        if settings.registry is not None:
            with self._connect(self.endpoint) as registry:
                answer = frames.receive_frame(registry)
            port = answer.get("port")
            if not isinstance(port, int):
                raise LinkError("the registry names no port")
            target = Endpoint(str(answer.get("address", "")), port)
        return self._connect(target)

    def _connect(self, target: Endpoint) -> socket.socket:
        settings = self._mesh.settings
        limit = _PATIENCE * settings.heartbeat
        try:
            link = socket.create_connection(
                (target.address, target.port), timeout=limit, source_address=(settings.listen.address, 0)
            )
        except OSError as error:
            raise LinkError(f"{target} cannot be reached: {error}") from error
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return link

    def _converse(self, link: socket.socket) -> None:
        settings = self._mesh.settings
        hello = frames.open_as_caller(
            link, cluster=settings.cluster, secret=settings.secret, about=self._mesh.introduce()
        )
        self._learn(hello)
        if self.peer is not None and self.peer.node_id != settings.node_id:
            _LOG.info("node %s joined at %s", self.peer.node_id, self.endpoint)
        self._complaint = self.refusal = ""
        due = time.monotonic()
        while not self._closed.is_set():
            with suppress(queue.Empty):
                errand = self._errands.get(timeout=max(0.01, due - time.monotonic()))
                self._run_errand(link, errand)
            if time.monotonic() >= due:
                frames.send_frame(link, {"kind": "heartbeat"})
                self._learn(frames.receive_frame(link))
                due = time.monotonic() + settings.heartbeat

    def _run_errand(self, link: socket.socket, errand: _Errand) -> None:
        try:
            frames.send_frame(link, errand.message)
            errand.answer.set_result(frames.receive_frame(link))
        except LinkError as error:
            errand.answer.set_exception(error)
            raise

    def _learn(self, about: Mapping[str, Any]) -> None:
        reaches = frozenset(str(node_id) for node_id in about.get("reaches", ()))
        details = about.get("about", {})
        self.peer = Peer(str(about.get("nodeId", "")), self.endpoint, details, reaches)

    def _refuse_errands(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._errands.get_nowait().answer.set_exception(LinkError("the link is down"))

    def _complain(self, complaint: str) -> None:
        """One line for each new reason, not one for each attempt."""
        if complaint != self._complaint and not self._mesh.ended:
            self._complaint = complaint
            _LOG.warning("no link to %s: %s", self.endpoint, complaint)


def _shut(target: socket.socket) -> None:
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
    target.close()

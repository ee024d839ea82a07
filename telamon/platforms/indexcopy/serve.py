"""Hand out pinned files over TCP, straight from the page cache to the socket."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from telamon.errors import MachineError, PlatformError, brief
from telamon.indexfiles.manifest import Key, encode
from telamon.platforms.indexcopy.pin import Pinned
from telamon.platforms.indexcopy.wire import Broken, Wire, greet_as_source

LOG = logging.getLogger("telamon.index")

SILENCE = 60.0
"""Seconds for which a target may say nothing before its connection is ended."""

CONNECTIONS = 16
"""Connections at a time; whoever comes beyond waits in the kernel's queue."""


@contextmanager
def serving(pinned: Pinned, *, address: tuple[str, int], token: bytes) -> Iterator[tuple[str, int]]:
    """Serve pinned files while the block runs.

    Args:
        pinned: what is served.
        address: where to listen; port 0 takes any.
        token: what a target must prove to know.

    Yields:
        Where it listens.

    Raises:
        MachineError: nobody can listen there.
    """
    try:
        listener = socket.create_server(address, backlog=CONNECTIONS)
    except OSError as error:
        raise MachineError(
            f"nobody can listen on {address[0]}:{address[1]}: {brief(error)}",
            remedy="See what else listens there, or let the stack be applied again.",
        ) from error
    server = _Server(pinned, listener, token)
    server.start()
    try:
        yield listener.getsockname()[:2]
    finally:
        server.stop()


class _Server:
    """Accepts, and serves each connection in a thread of its own."""

    def __init__(self, pinned: Pinned, listener: socket.socket, token: bytes) -> None:
        self._pinned = pinned
        self._listener = listener
        self._token = token
        self._manifest = encode(pinned.manifest)
        self._lengths = {file.key: file.length for file in pinned.manifest.files}
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._ended = False
        self._thread = threading.Thread(target=self._accept, name="index-serve", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End every connection."""
        with self._lock:
            self._ended = True
            ending = list(self._open)
        for connection in (self._listener, *ending):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                # It ended by itself, or never was connected.
                continue
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._ended:
                    connection.close()
                    return
                self._open.add(connection)
            self._places.acquire()
            threading.Thread(target=self._serve, args=(connection,), name="index-send", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(SILENCE)
        wire = Wire(connection)
        try:
            greet_as_source(wire, self._token)
            while True:
                self._answer(wire)
        except Broken as error:
            LOG.debug("a connection of a copy ended: %s", error)
        except PlatformError as error:
            LOG.warning("a connection of a copy was refused: %s", error)
        finally:
            with self._lock:
                self._open.discard(connection)
            wire.close()
            self._places.release()

    def _answer(self, wire: Wire) -> None:
        asked = wire.hear()
        if asked.get("want") == "manifest":
            wire.send(self._manifest)
            return
        key = Key(str(asked.get("folder")), str(asked.get("name")))
        offset = asked.get("offset")
        length = self._lengths.get(key)
        if length is None or not isinstance(offset, int) or not 0 <= offset <= length:
            wire.say(error="it is not among the pinned files")
            return
        try:
            with (self._pinned.folder / key.path).open("rb") as file:
                wire.say(length=length - offset)
                # Straight from the page cache; the connection's timeout bounds every wait. An empty rest is not asked
                # of the kernel, for which a count of 0 means all there is.
                if offset < length:
                    wire.connection.sendfile(file, offset, length - offset)
        except OSError as error:
            raise Broken(f"{key.path} could not be sent: {brief(error)}") from error

"""Head and body of an answer leave together.

uvicorn writes the head of an answer and its body one after the other. A node that is killed between the two leaves a
balancer with half an answer, which nobody can ask for again elsewhere. Tomcat, under the real products, buffers an
answer (8 KiB by default) and sends a small one at once. Source: Apache Tomcat 10 configuration reference, HTTP
connector, ``bufferSize`` and ``socketBuffer``.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HELD_AT_MOST = 64 * 1024
"""Bytes that are held until the event loop turns; more leave at once, so that long bodies stream."""


class JoinedTransport:
    """A transport that writes once a turn of the event loop. Everything but writing is the transport's own.

    Args:
        transport: the connection.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes] = []
        self._size = 0
        self._due: asyncio.Handle | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hold the bytes until the turn of the loop ends, or enough have come together."""
        self._held.append(bytes(data))
        self._size += len(data)
        if self._size >= HELD_AT_MOST:
            self.flush()
        elif self._due is None:
            self._due = self._loop.call_soon(self.flush)

    def writelines(self, parts: list[bytes]) -> None:
        """The same, for several."""
        self.write(b"".join(parts))

    def flush(self) -> None:
        """Let go of what is held."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        held, self._held, self._size = b"".join(self._held), [], 0
        if held:
            self._transport.write(held)

    def close(self) -> None:
        """Send what is held, then close in order."""
        self.flush()
        self._transport.close()

    def write_eof(self) -> None:
        """Send what is held, then the end."""
        self.flush()
        self._transport.write_eof()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class JoiningProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's own HTTP, over a joined transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Put the joined transport between uvicorn and the connection."""
        super().connection_made(cast("asyncio.Transport", JoinedTransport(transport)))

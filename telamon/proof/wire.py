"""HTTP/1.1 as a client that notices everything: one connection, one request at a time, nothing sent twice.

Ordinary client libraries send a request again when a kept-alive connection turns out to be closed, and so hide what
this is here to see.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import h11

from telamon.errors import UsageError, brief

CHUNK: Final = 65_536
LARGEST_ANSWER: Final = 8 * 1024 * 1024
"""Bytes of an answer; a longer one counts as broken off."""

Headers = Sequence[tuple[str, str]]


class Broken(ConnectionError):
    """The connection ended before the answer was complete, or what came was no HTTP."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        method: HTTP method.
        path: with query.
        headers: all but ``Content-Length``.
        body: bytes.
    """

    method: str
    path: str
    headers: Headers
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        status: HTTP status.
        headers: names in lower case; a name may come more than once.
        body: bytes, without any transfer coding.
        sent: instant at which the request was written, on the loop's clock.
    """

    status: int
    headers: Headers
    body: bytes = field(repr=False)
    sent: float

    def header(self, name: str) -> str:
        """The first header of that name (lower case), or ""."""
        return next((value for found, value in self.headers if found == name), "")

    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


class Connection:
    """A kept-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._machine = h11.Connection(h11.CLIENT, max_incomplete_event_size=CHUNK)

    @classmethod
    async def open(cls, address: str, port: int) -> Self:
        """Connect.

        Raises:
            ConnectionRefusedError: nobody listens.
            OSError: it does not work for another reason.
        """
        return cls(*await asyncio.open_connection(address, port, limit=CHUNK))

    @property
    def usable(self) -> bool:
        """Whether another request can be sent, as far as can be known without sending one."""
        return (
            self._machine.our_state is h11.IDLE
            and not self._writer.is_closing()
            and not self._reader.at_eof()
            and self._reader.exception() is None
        )

    async def exchange(self, call: Call, on_sent: Callable[[float], None]) -> Answer:
        """Send a request and read the answer to its end.

        Args:
            call: the request.
            on_sent: told the loop's time at which it was written.

        Raises:
            Broken: the connection ended first.
            OSError: likewise.
            UsageError: the plan's texts make no valid request.
        """
        data = self._encode(call)
        sent = asyncio.get_running_loop().time()
        self._writer.write(data)
        on_sent(sent)
        await self._writer.drain()
        try:
            return await self._receive(sent)
        except h11.RemoteProtocolError as error:
            raise Broken(str(error)) from error

    def _encode(self, call: Call) -> bytes:
        length = (
            [("content-length", str(len(call.body)))] if call.body or call.method in {"POST", "PUT"} else []
        )
        try:
            request = h11.Request(method=call.method, target=call.path, headers=[*call.headers, *length])
            parts = [self._machine.send(request)]
            if call.body:
                parts.append(self._machine.send(h11.Data(data=call.body)))
            parts.append(self._machine.send(h11.EndOfMessage()))
        except h11.LocalProtocolError as error:
            raise UsageError(f"{call.method} {call.path} is no valid request: {brief(error)}") from error
        return b"".join(part for part in parts if part)

    async def _receive(self, sent: float) -> Answer:
        response: h11.Response | None = None
        body: list[bytes] = []
        size = 0
        while True:
            event = self._machine.next_event()
            if event is h11.NEED_DATA:
                self._machine.receive_data(await self._reader.read(CHUNK))
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                size += len(event.data)
                if size > LARGEST_ANSWER:
                    raise Broken("the answer has no end")
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed):
                raise Broken("closed before an answer")
        if response is None:
            raise Broken("ended before an answer")
        if self._machine.our_state is h11.DONE and self._machine.their_state is h11.DONE:
            self._machine.start_next_cycle()
        headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in response.headers]
        return Answer(response.status_code, headers, b"".join(body), sent)

    def close(self) -> None:
        """End the connection at once."""
        self._writer.transport.abort()


class Pool:
    """The connections of one session, as a browser keeps them.

    Args:
        address: where to connect.
        port: TCP port.
        most: connections at a time; a request that finds all of them taken waits.
        keep: whether connections are used again.
    """

    def __init__(self, address: str, port: int, *, most: int, keep: bool = True) -> None:
        self._address = address
        self._port = port
        self._keep = keep
        self._free = asyncio.Semaphore(most)
        self._idle: deque[Connection] = deque()

    async def exchange(self, call: Call, on_sent: Callable[[float], None]) -> Answer:
        """Send a request over a connection that is free, or a new one.

        Args:
            call: the request.
            on_sent: told the loop's time at which it was written.

        Raises:
            OSError: it could not be sent, or was not answered.
        """
        async with self._free:
            connection = await self._connection()
            try:
                answer = await connection.exchange(call, on_sent)
            except BaseException:
                connection.close()
                raise
            if self._keep and connection.usable:
                self._idle.append(connection)
            else:
                connection.close()
            return answer

    async def _connection(self) -> Connection:
        while self._idle:
            # The one used last is the least likely to have been given up by the other side.
            found = self._idle.pop()
            if found.usable:
                return found
            found.close()
        return await Connection.open(self._address, self._port)

    def close(self) -> None:
        """End every connection that is not in use."""
        while self._idle:
            self._idle.pop().close()

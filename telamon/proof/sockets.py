"""Websockets that stay open in a load run: each is asked again and again whether it lives, and opened anew where not.

Only what every websocket has is used (Source: RFC 6455): the opening handshake, ping and pong, and close. What products
say to one another over it is their own; whether users are cut off, and for how long, shows in the pings.

A connection cannot move to another member, so one that stops in order says goodbye, and browsers open another. Such a
question is asked again on the new connection, once, and its time goes on. A connection that breaks without a goodbye,
or says one for another reason, has failed.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import math
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from telamon.proof.answers import cause_of, member_of
from telamon.proof.clockwork import Clockwork
from telamon.proof.record import Cause, KindFacts, Sample
from telamon.proof.workload import LoadPlan, SocketLoad

KIND: Final = "socket-ping"
MAGIC: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""Joined to the key of the handshake. Source: RFC 6455, section 1.3."""
LARGEST_HEAD: Final = 16_384
CLOSE, PING, PONG = 0x8, 0x9, 0xA
"""Opcodes. Source: RFC 6455, section 5.2."""
GOODBYES: Final = frozenset({1001, 1012})
"""The other side goes away, or is restarted. Source: RFC 6455, section 7.4.1; IANA, "WebSocket Close Code Number"."""


def kinds_of() -> Mapping[str, KindFacts]:
    """The kinds of sample that sockets leave in a record."""
    return {KIND: KindFacts("PING", write=False)}


class Gone(ConnectionError):
    """The connection ended, or what came was no websocket."""


class Farewell(Gone):
    """The other side stops, and has said so: whoever connects again is served elsewhere."""


class Socket:
    """One open websocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, cookie: str) -> None:
        self._reader = reader
        self._writer = writer
        self.cookie = cookie

    @classmethod
    async def open(cls, plan: LoadPlan, load: SocketLoad, *, cookie: str) -> Socket:
        """Connect, and upgrade.

        Args:
            plan: of the run.
            load: of its sockets.
            cookie: what the balancer gave the connection before, or "".

        Raises:
            Gone: it was not upgraded.
            OSError: nobody listens, or the connection broke.
        """
        target = plan.target
        reader, writer = await asyncio.open_connection(target.address, target.port, limit=LARGEST_HEAD)
        try:
            key = base64.b64encode(secrets.token_bytes(16)).decode()
            lines = [f"GET {load.path} HTTP/1.1", f"Host: {target.host}", "Upgrade: websocket"]
            lines += ["Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
            lines += [f"Cookie: {load.sticky_cookie}={cookie}"] if cookie else []
            writer.write("\r\n".join((*lines, "", "")).encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            _check(head, key)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            writer.transport.abort()
            raise Gone("no answer to the handshake") from error
        except BaseException:
            writer.transport.abort()
            raise
        return cls(reader, writer, cookie=_cookie(head, load.sticky_cookie) or cookie)

    async def ping(self, text: bytes) -> None:
        """Send a ping, and wait for its pong; what comes before is passed over.

        Raises:
            Farewell: the other side stops in order.
            Gone: it closed for another reason, or the connection ended.
        """
        self._writer.write(_frame(PING, text))
        try:
            while True:
                opcode, payload = await self._receive()
                if opcode == PONG and payload == text:
                    return
                if opcode == PING:
                    self._writer.write(_frame(PONG, payload))
                if opcode == CLOSE:
                    raise _closed(payload)
        except asyncio.IncompleteReadError as error:
            raise Gone("the connection ended") from error

    async def _receive(self) -> tuple[int, bytes]:
        first, second = await self._reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self._reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
        return first & 0x0F, await self._reader.readexactly(length)

    def close(self) -> None:
        """End the connection at once."""
        self._writer.transport.abort()


def _closed(payload: bytes) -> Gone:
    """What a close frame says; the first two bytes are the reason. Source: RFC 6455, section 5.5.1."""
    code = int.from_bytes(payload[:2], "big")
    kind = Farewell if code in GOODBYES else Gone
    return kind(f"closed by the other side with {code or 'no reason'}")


def _check(head: str, key: str) -> None:
    digest = hashlib.sha1((key + MAGIC).encode(), usedforsecurity=False).digest()
    wanted = base64.b64encode(digest).decode()
    if " 101 " not in head.splitlines()[0] + " " or wanted not in head:
        raise Gone(f"not upgraded: {head.splitlines()[0][:80]}")


def _cookie(head: str, name: str) -> str:
    for line in head.splitlines():
        header, _, value = line.partition(":")
        if name and header.lower() == "set-cookie" and value.strip().startswith(f"{name}="):
            return value.strip().partition("=")[2].partition(";")[0]
    return ""


def _frame(opcode: int, payload: bytes) -> bytes:
    """A masked frame of at most 125 bytes, as clients send it. Source: RFC 6455, section 5.3."""
    mask = secrets.token_bytes(4)
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked


@dataclass
class SocketKeeper:
    """Keeps one websocket open, and asks it again and again.

    Attributes:
        plan: of the run.
        load: of its sockets.
        number: session that its samples belong to.
    """

    plan: LoadPlan
    load: SocketLoad
    number: int
    _socket: Socket | None = None
    _cookie: str = ""

    async def work(self, clockwork: Clockwork) -> None:
        """Ask at every due instant until the time is over.

        Instants that went by while a question was open are left out: one connection answers one question at a time.

        Args:
            clockwork: of the run.
        """
        due = 0.0
        while due < clockwork.seconds and await clockwork.comes(due):
            begun = clockwork.now()
            sample = Sample(self.number, KIND, due, begun, begun, begun, 0, Cause.OK)
            cause = await self._ask(f"{due:.1f}".encode())
            status = 101 if cause is Cause.OK else 0
            answered = clockwork.now()
            member = member_of(self._cookie)
            clockwork.record(replace(sample, answered=answered, status=status, cause=cause, member=member))
            due += self.load.every * max(math.ceil((answered - due) / self.load.every), 1)
        self._drop()

    async def _ask(self, text: bytes) -> Cause:
        """Ask; where the connection of the question before was closed in order, ask again on another."""
        try:
            async with asyncio.timeout(self.plan.timeout):
                if self._socket is not None:
                    try:
                        await self._socket.ping(text)
                    except Farewell:
                        self._drop()
                    else:
                        return Cause.OK
                self._socket = await Socket.open(self.plan, self.load, cookie=self._cookie)
                self._cookie = self._socket.cookie
                await self._socket.ping(text)
        except OSError as error:
            self._drop()
            return cause_of(error)
        return Cause.OK

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

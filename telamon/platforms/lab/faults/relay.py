"""The relays of a lab: one process between every two parts, that passes on, delays, swallows or cuts.

``python -m telamon.platforms.lab.faults.relay --links FILE --faults FILE --socket PATH``. Both files are read again
whenever they have been replaced, so links come, go and are disturbed while everything runs. On the socket it tells
whoever connects how many links it keeps and which file of faults it goes by.

What a fault does to a connection:

========== ============================================================================================
cut        it is reset; a new one is taken and reset at once
swallow    nothing is read from either side any more; what was under way goes on when the fault is over
delay      everything, the beginning of a connection included, arrives that much later
========== ============================================================================================

A connection is of a member by the address that it comes from, where several members use one address of the relay
(``sources``), or by the address alone (``source``).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import resource
import signal
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

LOOKS_EVERY: Final = 0.05
"""Seconds between two looks at the files."""
RESETS: Final = struct.pack("ii", 1, 0)
"""SO_LINGER for no time at all: closing then resets. Source: socket(7)."""
CONNECTS_WITHIN: Final = 10.0
OPEN_FILES: Final = 16_384


@dataclass(frozen=True)
class Treatment:
    """What is done to a connection.

    Attributes:
        cut: whether it is reset.
        swallow: whether nothing passes.
        delay: seconds.
    """

    cut: bool = False
    swallow: bool = False
    delay: float = 0.0


@dataclass(frozen=True)
class LinkFault:
    """A line of the file of faults."""

    source: str
    target: str
    mode: str
    delay: float
    until: float

    def touches(self, source: str, target: str) -> bool:
        """Whether it is about a connection between these members."""
        return fnmatchcase(source, self.source) and fnmatchcase(target, self.target)


@dataclass(frozen=True)
class Relayed:
    """A line of the file of links: who is taken where.

    Attributes:
        listen: address and port on which it is taken.
        beyond: address and port to which it is taken.
        target: member that listens there.
        source: member that connects; "" where the address it comes from says so.
        sources: address to member.
    """

    listen: tuple[str, int]
    beyond: tuple[str, int]
    target: str
    source: str
    sources: tuple[tuple[str, str], ...] = ()

    def connects(self, address: str) -> str:
        """The member that connects from an address; "" where nobody is known there."""
        return self.source or dict(self.sources).get(address, "")


class _End(asyncio.Protocol):
    """One end of a connection."""

    def __init__(self, pipe: _Pipe) -> None:
        self._pipe = pipe
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self.late: deque[tuple[float, bytes | None]] = deque()
        """What is still to be written to the other end, and when; ``None`` is the end of the stream."""
        self.silent = False
        """Whether it has said all it had to say."""
        self.shut = False
        """Whether the other end was told so."""
        self.full = False
        """Whether it takes no more just now."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._pipe.made(self)

    def data_received(self, data: bytes) -> None:
        self._pipe.take(self, data)

    def eof_received(self) -> bool:
        self.silent = True
        self._pipe.take(self, None)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._pipe.lost(self, reset=exc is not None)

    def pause_writing(self) -> None:
        self.full = True
        self._pipe.settle()

    def resume_writing(self) -> None:
        self.full = False
        self._pipe.settle()

    def reset(self) -> None:
        """End it so that the other side sees a reset."""
        if self.transport is not None:
            own: socket.socket | None = self.transport.get_extra_info("socket")
            if own is not None:
                with contextlib.suppress(OSError):
                    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
            self.transport.abort()


class _Pipe:
    """Two ends, and what is done between them."""

    def __init__(self, relay: Relay, link: Relayed) -> None:
        self._relay = relay
        self._loop = asyncio.get_running_loop()
        self.link = link
        self.near = _End(self)
        self.far = _End(self)
        self.near.other, self.far.other = self.far, self.near
        self.source = ""
        self._treatment = Treatment()
        self._passing = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._closed = False

    def made(self, end: _End) -> None:
        if self._closed:
            end.reset()
            return
        if end is self.near and end.transport is not None:
            end.transport.pause_reading()
            peer = end.transport.get_extra_info("peername")
            self.source = self.link.connects(peer[0] if peer else "")
            self._relay.pipes.add(self)
            self._treatment = self._relay.treatment(self.source, self.link.target)
            self._dialling = self._loop.create_task(self._dial())
        self.settle()

    async def _dial(self) -> None:
        await self._passing.wait()
        await asyncio.sleep(self._treatment.delay)
        try:
            async with asyncio.timeout(CONNECTS_WITHIN):
                await self._loop.create_connection(lambda: self.far, *self.link.beyond)
        except OSError:
            self.close()

    def treat(self, treatment: Treatment) -> None:
        """Go by another treatment from now on."""
        if treatment != self._treatment:
            self._treatment = treatment
            self.settle()

    def take(self, end: _End, data: bytes | None) -> None:
        """Pass on what an end has read, now or later."""
        other = end.other
        if other is None:
            return
        if not end.late and not self._treatment.delay and not self._treatment.swallow:
            self._write(other, data)
            return
        end.late.append((self._loop.time() + self._treatment.delay, data))
        self.settle()

    def settle(self) -> None:
        """Do what is due, and read from whoever may be read from."""
        if self._closed:
            return
        if self._treatment.cut:
            self.close()
            return
        if self._treatment.swallow:
            self._passing.clear()
        else:
            self._passing.set()
            self._flush()
        for end in (self.near, self.far):
            if end.transport is None or end.transport.is_closing() or end.silent:
                continue
            other = end.other
            waits = other is None or other.transport is None or other.full or self._treatment.swallow
            if waits:
                end.transport.pause_reading()
            else:
                end.transport.resume_reading()

    def _flush(self) -> None:
        """Write what is due, and wake up for what is due later."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._loop.time()
        for end in (self.near, self.far):
            while end.late and end.late[0][0] <= now and end.other is not None:
                self._write(end.other, end.late.popleft()[1])
        due = [end.late[0][0] for end in (self.near, self.far) if end.late]
        if due:
            self._timer = self._loop.call_at(min(due), self.settle)

    def _write(self, end: _End, data: bytes | None) -> None:
        if end.transport is None or end.transport.is_closing():
            return
        if data is not None:
            end.transport.write(data)
            return
        if end.other is not None:
            end.other.shut = True
        with contextlib.suppress(OSError):
            end.transport.write_eof()
        if self.near.shut and self.far.shut:
            self.close(reset=False)

    def lost(self, end: _End, *, reset: bool) -> None:
        """One end is gone: so is the other, once it has what was meant for it."""
        end.silent = True
        if self._closed:
            return
        if reset or not end.late:
            self.close(reset=reset)
        else:
            self._loop.call_later(self._treatment.delay, self.close)

    def close(self, *, reset: bool = True) -> None:
        """End both ends."""
        if self._closed:
            return
        self._closed = True
        self._relay.pipes.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._dialling is not None and self._dialling is not asyncio.current_task():
            self._dialling.cancel()
        for end in (self.near, self.far):
            if reset:
                end.reset()
            elif end.transport is not None:
                end.transport.close()


class Relay:
    """Every link of a lab.

    Args:
        links: file of links.
        faults: file of faults; it need not be there.
    """

    def __init__(self, links: Path, faults: Path) -> None:
        self._links, self._faults_file = _Watched(links), _Watched(faults)
        self._servers: dict[Relayed, asyncio.Server] = {}
        self._faults: tuple[LinkFault, ...] = ()
        self._applied = ""
        self.pipes: set[_Pipe] = set()

    def treatment(self, source: str, target: str) -> Treatment:
        """What is done between two members now."""
        now = time.time()
        found = [fault for fault in self._faults if fault.until > now and fault.touches(source, target)]
        return Treatment(
            cut=any(fault.mode == "cut" for fault in found),
            swallow=any(fault.mode == "swallow" for fault in found),
            delay=max((fault.delay for fault in found if fault.mode == "delay"), default=0.0),
        )

    async def run(self, ended: asyncio.Event) -> None:
        """Relay until asked to end."""
        while not ended.is_set():
            await self._follow()
            for pipe in tuple(self.pipes):
                pipe.treat(self.treatment(pipe.source, pipe.link.target))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOKS_EVERY):
                    await ended.wait()
        for pipe in tuple(self.pipes):
            pipe.close()

    async def tell(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer whoever connects to the socket."""
        told = {"links": len(self._servers), "connections": len(self.pipes), "faults": self._applied}
        writer.write(json.dumps(told).encode() + b"\n")
        writer.close()

    async def _follow(self) -> None:
        if (text := self._faults_file.changed()) is not None:
            self._faults = tuple(LinkFault(**line) for line in json.loads(text or "[]"))
            self._applied = digest(text)
        if (text := self._links.changed()) is not None:
            await self._keep({_relayed(line) for line in json.loads(text or "[]")})

    async def _keep(self, wanted: set[Relayed]) -> None:
        for link in set(self._servers) - wanted:
            self._servers.pop(link).close()
        loop = asyncio.get_running_loop()
        for link in sorted(wanted - set(self._servers), key=lambda link: link.listen):
            self._servers[link] = await loop.create_server(
                partial(self._take, link), *link.listen, backlog=256
            )

    def _take(self, link: Relayed) -> _End:
        """A connection that is about to come in."""
        return _Pipe(self, link).near


class _Watched:
    """A file that is replaced now and then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._first = True

    def changed(self) -> bytes | None:
        """Its text, where it is another than at the last look; a file that is gone is empty."""
        try:
            found = self._path.stat()
            mark: tuple[int, int] | None = (found.st_ino, found.st_mtime_ns)
        except FileNotFoundError:
            mark = None
        if mark == self._seen and not self._first:
            return None
        self._seen, self._first = mark, False
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""


def digest(text: bytes) -> str:
    """By which whoever wrote the file of faults knows that it is gone by."""
    return hashlib.sha256(text).hexdigest()[:16]


def main(arguments: Sequence[str]) -> int:
    """Relay until SIGTERM.

    Args:
        arguments: command line without the program's name.

    Returns:
        Exit code: 0.
    """
    parser = argparse.ArgumentParser(description="Pass on, delay, swallow or cut what parts of a lab say.")
    parser.add_argument("--links", type=Path, required=True, help="who is taken where; JSON")
    parser.add_argument("--faults", type=Path, required=True, help="what is done to whom; JSON")
    parser.add_argument("--socket", type=Path, required=True, help="unix socket that tells how it stands")
    options = parser.parse_args(arguments)
    _raise_file_limit()
    options.socket.unlink(missing_ok=True)
    asyncio.run(_serve(Relay(options.links, options.faults), options.socket))
    return 0


async def _serve(relay: Relay, path: Path) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    before = os.umask(0o077)
    try:
        server = await asyncio.start_unix_server(relay.tell, path)
    finally:
        os.umask(before)
    async with server:
        await relay.run(ended)


def _relayed(line: Mapping[str, Any]) -> Relayed:
    return Relayed(
        listen=(line["listen"]["host"], line["listen"]["port"]),
        beyond=(line["beyond"]["host"], line["beyond"]["port"]),
        target=line["target"],
        source=line["source"],
        sources=tuple(sorted(line["sources"].items())),
    )


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

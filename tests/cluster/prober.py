"""Serves and tries TCP, UDP and SCTP in the network of a pod: ``python -m tests.cluster.prober``.

A line of its input says for how many seconds to wait for answers from which addresses; for each line it tells which
flows were answered, as ``[address, protocol, port]``.
Kernels without SCTP have no sockets for it, so its packets are made here, and answered here: one that opens an
association, and the answer to it, which is all that a policy decides about.

Sources: RFC 9260, 3.1, 3.3.2, 3.3.3 and appendix A (checksum); ip(7), ``SOCK_RAW``.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

SERVED: Final = (80, 81)
SCTP: Final = 132
_INIT: Final = 1
_INIT_ACK: Final = 2
_HEADER: Final = struct.Struct("!HHI")
_CHUNK: Final = struct.Struct("!BBHIIHHI")

Flow = tuple[str, str, int]


class Prober:
    """Everything that listens and asks in one pod."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._ports = itertools.cycle(range(20000, 60000))
        """Of no two flows soon after one another: what was allowed once is let through for as long as it is known."""
        self._waiting: dict[tuple[str, int], Flow] = {}
        self._reached: set[Flow] = set()
        self._raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, SCTP)
        self._watch(self._raw, selectors.EVENT_READ, self._sctp)
        for port in SERVED:
            stream = socket.create_server(("", port), backlog=128)
            self._watch(stream, selectors.EVENT_READ, partial(_let_in, stream))
            datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            datagrams.bind(("", port))
            self._watch(datagrams, selectors.EVENT_READ, partial(_echo, datagrams))
        self._selector.register(sys.stdin, selectors.EVENT_READ, None)

    def run(self) -> None:
        """Serve, and do what is asked, until nobody can ask any more."""
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    _call(key.data)
                    continue
                line = sys.stdin.readline()
                if not line:
                    return
                sys.stdout.write(json.dumps(self._try(*json.loads(line))) + "\n")
                sys.stdout.flush()

    def _try(self, within: float, addresses: list[str]) -> list[Flow]:
        self._reached.clear()
        self._waiting.clear()
        flows = [(address, name, port) for address in addresses for name in _TRIES for port in SERVED]
        opened = [each for flow in flows for each in _TRIES[flow[1]](self, flow)]
        ends = time.monotonic() + within
        while len(self._reached) < len(flows) and (left := ends - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                if key.data is not None:
                    _call(key.data)
        for each in opened:
            if each in self._selector.get_map():
                self._selector.unregister(each)
            each.close()
        return sorted(self._reached)

    def _tcp(self, flow: Flow) -> Iterator[socket.socket]:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        made.connect_ex((flow[0], flow[2]))

        def answered() -> None:
            self._selector.unregister(made)
            if made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                self._reached.add(flow)

        self._watch(made, selectors.EVENT_WRITE, answered)
        yield made

    def _udp(self, flow: Flow) -> Iterator[socket.socket]:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("", next(self._ports)))
        made.connect((flow[0], flow[2]))
        made.send(b"?")

        def answered() -> None:
            self._selector.unregister(made)
            if made.recv(16) == b"?":
                self._reached.add(flow)

        self._watch(made, selectors.EVENT_READ, answered)
        yield made

    def _associate(self, flow: Flow) -> Iterator[socket.socket]:
        port = next(self._ports)
        self._waiting[flow[0], port] = flow
        self._raw.sendto(_packet(_INIT, port, flow[2], tag=0), (flow[0], 0))
        yield from ()

    def _sctp(self) -> None:
        """Take one packet: answer what asks for an association, and know an answer again."""
        packet, (source, _) = self._raw.recvfrom(2048)
        content = packet[(packet[0] & 0xF) * 4 :]
        source_port, port, _ = _HEADER.unpack_from(content)
        kind, _, _, tag, *_ = _CHUNK.unpack_from(content, 12)
        if kind == _INIT and port in SERVED:
            self._raw.sendto(_packet(_INIT_ACK, port, source_port, tag=tag), (source, 0))
        elif kind == _INIT_ACK and (source, port) in self._waiting:
            self._reached.add(self._waiting[source, port])

    def _watch(self, each: socket.socket, event: int, then: Callable[[], object]) -> None:
        each.setblocking(False)
        self._selector.register(each, event, then)


_TRIES: Final = {"TCP": Prober._tcp, "UDP": Prober._udp, "SCTP": Prober._associate}


def _call(then: Callable[[], object]) -> None:
    """Do what an event asks for, unless somebody has done it since."""
    with contextlib.suppress(BlockingIOError, ConnectionError):
        then()


def _let_in(each: socket.socket) -> None:
    each.accept()[0].close()


def _echo(each: socket.socket) -> None:
    content, source = each.recvfrom(16)
    each.sendto(content, source)


def _packet(kind: int, source: int, target: int, *, tag: int) -> bytes:
    """A packet of one chunk that opens an association, or the answer to it."""
    chunk = _CHUNK.pack(kind, 0, _CHUNK.size, int.from_bytes(os.urandom(4), "big") | 1, 65536, 1, 1, 1)
    unsigned = _HEADER.pack(source, target, tag) + bytes(4) + chunk
    return unsigned[:8] + struct.pack("<I", _crc32c(unsigned)) + unsigned[12:]


def _crc32c(content: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


if __name__ == "__main__":
    Prober().run()

"""Head and body of an answer leave the node together, and nothing is lost or held back by that."""

from __future__ import annotations

import asyncio

from understudy.kit.joining import HELD_AT_MOST, JoinedTransport


class Wire(asyncio.Transport):
    """A connection that remembers each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def test_what_is_written_in_one_turn_leaves_in_one_piece() -> None:
    async def scenario() -> Wire:
        wire = Wire()
        joined = JoinedTransport(wire)
        joined.write(b"head ")
        joined.write(b"body")
        assert wire.writes == []
        await asyncio.sleep(0)
        return wire

    assert asyncio.run(scenario()).writes == [b"head body"]


def test_a_long_body_is_not_held_back() -> None:
    async def scenario() -> Wire:
        wire = Wire()
        joined = JoinedTransport(wire)
        joined.write(b"head ")
        joined.write(b"x" * HELD_AT_MOST)
        joined.write(b"rest")
        assert [len(written) for written in wire.writes] == [HELD_AT_MOST + 5]
        await asyncio.sleep(0)
        return wire

    assert asyncio.run(scenario()).writes[-1] == b"rest"


def test_closing_sends_what_is_held_first() -> None:
    async def scenario() -> Wire:
        wire = Wire()
        joined = JoinedTransport(wire)
        joined.write(b"last words")
        joined.close()
        assert joined.is_closing()
        await asyncio.sleep(0)
        return wire

    wire = asyncio.run(scenario())
    assert (wire.writes, wire.closed) == ([b"last words"], True)

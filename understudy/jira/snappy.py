"""The framing format of snappy, as far as a snapshot needs it: frames of uncompressed data.

Index snapshots of the product are tar files in this format (suffix ``.tar.sz``). Frames may hold their
data as it is, each with a CRC-32C, which every reader of the format accepts. Source: google/snappy
``framing_format.txt``.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import BinaryIO

from understudy.kit.errors import UnderstudyError

_IDENTIFIER = b"\xff\x06\x00\x00sNaPpY"
_UNCOMPRESSED = 0x01
_FRAME_BYTES = 65536
_POLYNOMIAL = 0x82F63B78


class FrameWriter:
    """A file to write to; what is written goes on in frames.

    Args:
        target: gets the frames.
    """

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._pending = bytearray()
        target.write(_IDENTIFIER)

    def write(self, data: bytes) -> int:
        """Take data; full frames are written on."""
        self._pending += data
        while len(self._pending) >= _FRAME_BYTES:
            self._put(bytes(self._pending[:_FRAME_BYTES]))
            del self._pending[:_FRAME_BYTES]
        return len(data)

    def finish(self) -> None:
        """Write what is left as the last frame."""
        if self._pending:
            self._put(bytes(self._pending))
            self._pending.clear()

    def _put(self, data: bytes) -> None:
        length = len(data) + 4
        header = bytes((_UNCOMPRESSED,)) + length.to_bytes(3, "little")
        self._target.write(header + struct.pack("<I", _masked(data)) + data)


class FrameReader:
    """A file to read from, which takes frames apart and checks them.

    Args:
        source: holds the frames.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._pending = b""
        if source.read(len(_IDENTIFIER)) != _IDENTIFIER:
            raise UnderstudyError("this is no snappy stream")

    def read(self, size: int) -> bytes:
        """Up to so many bytes; fewer only at the end.

        Raises:
            UnderstudyError: a frame is damaged, cut short, or of a kind that is not read here.
        """
        parts = [self._pending[:size]]
        self._pending = self._pending[size:]
        missing = size - len(parts[0])
        while missing > 0 and (data := self._next()) is not None:
            parts.append(data[:missing])
            self._pending = data[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    def _next(self) -> bytes | None:
        header = self._source.read(4)
        if not header:
            return None
        length = int.from_bytes(header[1:], "little")
        body = self._source.read(length)
        if len(header) < 4 or len(body) < length:
            raise UnderstudyError("a snappy frame is cut short")
        if header[0] >= 0x80:
            return b""
        if header[0] != _UNCOMPRESSED or length < 4:
            raise UnderstudyError("a snappy frame is compressed or of an unknown kind")
        if struct.unpack("<I", body[:4])[0] != _masked(body[4:]):
            raise UnderstudyError("a snappy frame is damaged")
        return body[4:]


def crc32c(data: bytes) -> int:
    """The CRC-32C (Castagnoli) of some bytes, eight at a time."""
    tables = _tables()
    first, second, third, fourth, fifth, sixth, seventh, eighth = tables
    crc = 0xFFFFFFFF
    whole = len(data) & ~7
    for low, high in struct.iter_unpack("<II", data[:whole]):
        crc ^= low
        crc = (
            eighth[crc & 255]
            ^ seventh[(crc >> 8) & 255]
            ^ sixth[(crc >> 16) & 255]
            ^ fifth[crc >> 24]
            ^ fourth[high & 255]
            ^ third[(high >> 8) & 255]
            ^ second[(high >> 16) & 255]
            ^ first[high >> 24]
        )
    for byte in data[whole:]:
        crc = (crc >> 8) ^ first[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


@cache
def _tables() -> tuple[tuple[int, ...], ...]:
    first = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        first.append(value)
    tables = [tuple(first)]
    for _ in range(7):
        tables.append(tuple((value >> 8) ^ first[value & 255] for value in tables[-1]))
    return tuple(tables)


def _masked(data: bytes) -> int:
    """The checksum as the format stores it: turned by 15 bits and moved by a constant."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF

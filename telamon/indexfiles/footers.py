"""Footers: each file of a segment ends in the checksum of what stands before it."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

TAIL = 4096
"""Bytes at the end of a file in which its footer is looked for."""

LUCENE_MAGIC = 0xC02893E8
LUCENE_LENGTH = 16

TANTIVY_MAGIC = 1337
TANTIVY_END = 8


@dataclass(frozen=True)
class Footer:
    """What a file says of itself.

    Attributes:
        covered: bytes from its beginning that the checksum speaks of.
        crc: CRC-32 (ISO 3309, as in zlib) of them.
    """

    covered: int
    crc: int


def lucene(tail: bytes, length: int) -> Footer | None:
    """The footer of a Lucene file, or ``None`` where there is none.

    Magic, algorithm 0, and the checksum of everything before the checksum itself, all with the highest byte first.
    Source: Apache Lucene 7.3 and 9.12, class ``CodecUtil``, ``writeFooter``.

    Args:
        tail: the last bytes of the file.
        length: of the whole file, bytes.
    """
    if len(tail) < LUCENE_LENGTH:
        return None
    magic, algorithm, checksum = struct.unpack(">IIQ", tail[-LUCENE_LENGTH:])
    if magic != LUCENE_MAGIC or algorithm != 0 or checksum >> 32:
        return None
    return Footer(length - 8, checksum)


def tantivy(tail: bytes, length: int) -> Footer | None:
    """The footer of a tantivy file, or ``None`` where there is none.

    A JSON document with the checksum of the body, its length, and a magic number, lowest byte first. Source: tantivy
    0.15 to 0.27, ``src/directory/footer.rs``.

    Args:
        tail: the last bytes of the file.
        length: of the whole file, bytes.
    """
    if len(tail) < TANTIVY_END:
        return None
    size, magic = struct.unpack("<II", tail[-TANTIVY_END:])
    begin = len(tail) - TANTIVY_END - size
    if magic != TANTIVY_MAGIC or begin < 0:
        return None
    try:
        crc = json.loads(tail[begin:-TANTIVY_END])["crc"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(crc, int) or isinstance(crc, bool) or not 0 <= crc < 1 << 32:
        return None
    return Footer(length - TANTIVY_END - size, crc)

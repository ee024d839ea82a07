"""Commits of Apache Lucene: ``segments_N`` names segments, and the ``.si`` file of each names its files.

Sources: Apache Lucene 7.3 to 10, classes ``SegmentInfos``, ``SegmentCommitInfo``, ``IndexFileNames``,
``Lucene70SegmentInfoFormat``, ``Lucene86SegmentInfoFormat``, ``Lucene90SegmentInfoFormat`` and
``Lucene99SegmentInfoFormat``. Releases before 7.0 are refused: they are told apart by the format's number.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from telamon.indexfiles import footers
from telamon.indexfiles.commits import Bytes, Commit, Damaged, Folder, Half

NAME = "lucene"
COMMIT = re.compile(r"segments_([0-9a-z]+)")
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

CODEC_MAGIC = 0x3FD76C17
ID_LENGTH = 16
FORMAT_70, FORMAT_72, FORMAT_74, FORMAT_86 = 7, 8, 9, 10
OLDEST, NEWEST = FORMAT_70, FORMAT_86

BLOCKS_SINCE = 99
"""Codecs from ``Lucene99`` on note in the ``.si`` file whether documents were written as blocks."""


def newest(folder: Folder) -> Commit | None:
    """The newest commit of a folder, or ``None`` where it holds none.

    Raises:
        Half: the folder changed meanwhile.
        Damaged: the commit cannot be read, or was written by a release that is not known.
    """
    generations = {int(match[1], 36): name for name in folder.names() if (match := COMMIT.fullmatch(name))}
    if not generations:
        return None
    name = generations[max(generations)]
    try:
        content = folder.read(name)
        files = frozenset(_files(content, name, folder))
    except FileNotFoundError as error:
        raise Half(name) from error
    return Commit(NAME, name, content, files)


def _files(content: bytes, name: str, folder: Folder) -> Iterator[str]:
    reader, version = _open(content, name, codec="segments")
    if not OLDEST <= version <= NEWEST:
        raise Damaged(f"{name} was written by a release of Lucene that is not known (format {version})")
    for _ in range(3):
        reader.variable()
    reader.variable()
    reader.whole(8)
    if version > FORMAT_70:
        reader.variable()
    else:
        reader.whole(4)
    count = reader.whole(4)
    if count > 0:
        for _ in range(3):
            reader.variable()
    for _ in range(count):
        yield from _segment(reader, version, folder)


def _segment(reader: Bytes, version: int, folder: Folder) -> Iterator[str]:
    segment = reader.text()
    reader.take(ID_LENGTH)
    codec = reader.text()
    info = f"{segment}.si"
    yield info
    yield from _segment_files(folder.read(info), info, codec)
    deletions = reader.whole(8)
    reader.whole(4)
    reader.whole(8)
    reader.whole(8)
    if version > FORMAT_72:
        reader.whole(4)
    if version > FORMAT_74 and reader.byte() == 1:
        reader.take(ID_LENGTH)
    if deletions >= 0:
        yield f"{segment}_{_base36(deletions)}.liv"
    yield from reader.texts()
    for _ in range(reader.whole(4)):
        reader.whole(4)
        yield from reader.texts()


def _segment_files(content: bytes, name: str, codec: str) -> Iterator[str]:
    """The files that a ``.si`` file lists. Numbers in it changed their byte order in 9.0; they are only skipped."""
    reader, _ = _open(content, name)
    reader.take(12)
    if reader.byte() == 1:
        reader.take(12)
    reader.take(4)
    reader.byte()
    if _release(codec, name) >= BLOCKS_SINCE:
        reader.byte()
    for _ in range(reader.variable()):
        reader.text()
        reader.text()
    yield from reader.texts()


def _release(codec: str, name: str) -> int:
    """The number in a codec's name, e.g. 70, 95, 99, 912, 101."""
    match = re.fullmatch(r"Lucene(\d{2,4})", codec)
    if match is None:
        raise Damaged(f"{name} was written with the codec {codec}, which is not known")
    return int(match[1])


def _open(content: bytes, name: str, *, codec: str | None = None) -> tuple[Bytes, int]:
    """See that a small file is whole, and read its header. Returns the reader behind it, and the format's number."""
    footer = footers.lucene(content[-footers.LUCENE_LENGTH :], len(content))
    if footer is None or zlib.crc32(content[: footer.covered]) != footer.crc:
        raise Damaged(f"{name} is torn: its checksum is not that of its content")
    reader = Bytes(content[: -footers.LUCENE_LENGTH], name)
    if reader.whole(4) != CODEC_MAGIC:
        raise Damaged(f"{name} is no file of Lucene 5 or newer")
    found = reader.text()
    if codec is not None and found != codec:
        raise Damaged(f"{name} is a file of another kind ({found})")
    version = reader.whole(4)
    reader.take(ID_LENGTH)
    reader.take(reader.byte())
    return reader, version


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
    return text or "0"

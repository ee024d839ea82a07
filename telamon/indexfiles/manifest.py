"""What a source offers: the files of its newest commits, as data that goes over the network."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from telamon.errors import PlatformError

VERSION = 1
LARGEST = 64 << 20
"""Bytes of a manifest, unpacked: a hundred thousand files. More is no manifest but an attack."""

ENDS = 4096
"""Bytes at either end of a file that go into its digest."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}")
"""Names of files of an index; nothing that could lead out of a folder, and nothing hidden."""
BESIDE = re.compile(r"\.?[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}")
FOLDER = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]{0,100})(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,100}){0,8}")


@dataclass(frozen=True, order=True)
class Key:
    """Which file: the folder of its index below the place, and its name."""

    folder: str
    name: str

    @property
    def path(self) -> str:
        """Below the index's place."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


@dataclass(frozen=True)
class IndexFile:
    """One file of a commit.

    Attributes:
        key: which.
        length: bytes.
        covered: bytes from its beginning that the checksum speaks of.
        crc: CRC-32 of them.
        ends: digest of its first and last bytes. Two nodes give files of different content the same name; where even
            length and checksum agree, the random id that stands in a file's head tells them apart.
    """

    key: Key
    length: int
    covered: int
    crc: int
    ends: str


@dataclass(frozen=True)
class IndexCommit:
    """One index of the place.

    Attributes:
        folder: of it, below the place; "" for the place itself.
        library: that wrote it.
        name: of the file that makes it a commit.
        content: of that file.
        beside: small files that the library expects.
    """

    folder: str
    library: str
    name: str
    content: bytes
    beside: Mapping[str, bytes]


@dataclass(frozen=True)
class Manifest:
    """Everything that makes the index of a node.

    Attributes:
        files: of every commit.
        commits: one an index.
        positions: notes of how far the index has come, by path below the node's folder. They were read before the
            commits, so they are never newer.
    """

    files: tuple[IndexFile, ...]
    commits: tuple[IndexCommit, ...]
    positions: Mapping[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.length for file in self.files)


def encode(manifest: Manifest) -> bytes:
    """The manifest as it is sent: JSON, packed."""
    document = {
        "version": VERSION,
        "files": [
            [file.key.folder, file.key.name, file.length, file.covered, file.crc, file.ends]
            for file in manifest.files
        ],
        "commits": [
            {**asdict(commit), "content": _text(commit.content), "beside": _texts(commit.beside)}
            for commit in manifest.commits
        ],
        "positions": _texts(manifest.positions),
    }
    return zlib.compress(json.dumps(document, separators=(",", ":")).encode(), 6)


def decode(packed: bytes) -> Manifest:
    """Read what :func:`encode` wrote.

    Raises:
        PlatformError: it is no manifest, is one of another release, or names what no index has.
    """
    try:
        unpacker = zlib.decompressobj()
        document = json.loads(unpacker.decompress(packed, LARGEST))
        if document["version"] != VERSION:
            raise PlatformError(
                "the source speaks another version of the copy", remedy="Run the same release on both sides."
            )
        manifest = Manifest(
            tuple(_file(row) for row in document["files"]),
            tuple(_commit(found) for found in document["commits"]),
            _bytes(document["positions"]),
        )
        problem = next(_problems(manifest), "")
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error, RecursionError) as error:
        raise PlatformError("the source sent something that is no manifest") from error
    if problem:
        raise PlatformError(f"the manifest of the source is refused: {problem}")
    return manifest


def _file(row: Sequence[Any]) -> IndexFile:
    folder, name, length, covered, crc, ends = row
    return IndexFile(Key(folder, name), length, covered, crc, ends)


def _commit(found: Mapping[str, Any]) -> IndexCommit:
    content = base64.b64decode(found["content"], validate=True)
    return IndexCommit(found["folder"], found["library"], found["name"], content, _bytes(found["beside"]))


def _problems(manifest: Manifest) -> Iterator[str]:
    """What keeps a manifest from being one. Types are looked at too: JSON brings anything."""
    folders = {commit.folder for commit in manifest.commits}
    if len(folders) != len(manifest.commits):
        yield "an index is there twice"
    if len({file.key for file in manifest.files}) != len(manifest.files):
        yield "a file is there twice"
    for commit in manifest.commits:
        if not _is_folder(commit.folder) or not _is(NAME, commit.name) or not _is(NAME, commit.library):
            yield f"{commit.folder!r} or {commit.name!r} is no name"
        yield from (f"{name!r} is no name" for name in commit.beside if not _is(BESIDE, name))
    for file in manifest.files:
        key = file.key
        if key.folder not in folders or not _is(NAME, key.name):
            yield f"{key.folder!r} or {key.name!r} is no name"
        if not all(_is_count(value) for value in (file.length, file.covered, file.crc)):
            yield f"{key.path} has a figure that is none"
        elif file.covered > file.length or file.crc >= 1 << 32:
            yield f"{key.path} has figures that do not fit"
    yield from (
        f"{path!r} is no path" for path in manifest.positions if not _is(FOLDER, path) or ".." in path
    )


def _is_folder(value: object) -> bool:
    return value == "" or (_is(FOLDER, value) and ".." not in str(value))


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _texts(contents: Mapping[str, bytes]) -> Mapping[str, str]:
    return {name: _text(content) for name, content in contents.items()}


def _bytes(texts: Mapping[str, str]) -> Mapping[str, bytes]:
    return {name: base64.b64decode(text, validate=True) for name, text in texts.items()}

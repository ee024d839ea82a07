"""Commits of an index folder: which is the newest, and which files it consists of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from telamon.errors import PlatformError, TemporaryError


class Folder(Protocol):
    """What a folder holds now. Both methods raise ``FileNotFoundError`` for what has just been deleted."""

    def names(self) -> frozenset[str]:
        """Names of its files."""

    def read(self, name: str) -> bytes:
        """One small file, whole."""


@dataclass(frozen=True)
class Commit:
    """One state of an index.

    Attributes:
        library: which library wrote it; see :mod:`telamon.indexfiles.library`.
        name: of the file that makes it a commit.
        content: of that file.
        files: every other file it consists of.
        beside: small files, by name, that the library expects and that are made anew for a copy.
    """

    library: str
    name: str
    content: bytes
    files: frozenset[str]
    beside: Mapping[str, bytes] = field(default_factory=dict)


class Half(TemporaryError):
    """The folder changed while it was read: what was read is no commit, and the next look finds a newer one.

    Args:
        name: of the file that was gone.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"the index moved on while its commit was read ({name} is gone)", delay=0.0)


class Damaged(PlatformError):
    """A file of an index is not what it must be.

    Args:
        message: which file, and what is wrong with it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, remedy="Let the node recover its index, or choose another source.")


class Bytes:
    """Reads the little that commits are made of.

    Args:
        data: whole content of a file.
        name: of the file, for messages.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._name = name
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next bytes.

        Raises:
            Damaged: there are not so many.
        """
        end = self._at + count
        if count < 0 or end > len(self._data):
            raise Damaged(f"{self._name} ends too early")
        found = self._data[self._at : end]
        self._at = end
        return found

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def whole(self, size: int) -> int:
        """A signed whole number of so many bytes, the highest first."""
        return int.from_bytes(self.take(size), "big", signed=True)

    def variable(self) -> int:
        """A number of seven bits a byte, the lowest first; the high bit says that more follow."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise Damaged(f"{self._name} holds a number without end")

    def text(self) -> str:
        """Length and UTF-8."""
        try:
            return self.take(self.variable()).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Damaged(f"{self._name} holds text that is none") from error

    def texts(self) -> Iterator[str]:
        """A count, and so many texts."""
        for _ in range(self.variable()):
            yield self.text()

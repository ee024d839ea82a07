"""The translog: what was acknowledged since the last commit of the segments.

One JSON line an operation, with its checksum in front, so that a line torn by a crash is recognised: nothing
after it was acknowledged, because a write is acknowledged only after its ``fsync``.

Source: OpenSearch documentation, "Translog" (``index.translog.durability`` ``request``).
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from understudy.search.errors import StoreBroken

NAME = re.compile(r"translog-(\d+)\.log")


class Translog:
    """The generations of one index's translog, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._generation = max(self._generations(), default=0) + 1
        self._file = self._open(self._generation)

    def _generations(self) -> list[int]:
        found = (NAME.fullmatch(entry.name) for entry in self._folder.iterdir())
        return sorted(int(match.group(1)) for match in found if match)

    def _path(self, generation: int) -> Path:
        return self._folder / f"translog-{generation}.log"

    def _open(self, generation: int) -> BinaryIO:
        try:
            file = self._path(generation).open("xb")
            sync_folder(self._folder)
        except OSError as problem:
            raise StoreBroken(f"translog cannot be opened: {problem.strerror}") from problem
        return file

    def replay(self) -> Iterator[dict[str, Any]]:
        """Every operation of the earlier generations, in order."""
        for generation in self._generations():
            if generation != self._generation:
                yield from read_operations(self._path(generation))

    def append(self, operation: dict[str, Any]) -> None:
        """Add one operation; :meth:`sync` makes it durable."""
        line = json.dumps(operation, separators=(",", ":")).encode()
        self._file.write(b"%08x %s\n" % (zlib.crc32(line), line))

    def sync(self) -> None:
        """Force what was appended to disk.

        Raises:
            StoreBroken: The disk refused, so the write must not be acknowledged.
        """
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as problem:
            raise StoreBroken(f"translog cannot be written: {problem.strerror}") from problem

    def roll(self) -> None:
        """Start a new generation and drop the earlier ones: their operations are in committed segments."""
        self._file.close()
        earlier = self._generations()
        self._generation += 1
        self._file = self._open(self._generation)
        for generation in earlier:
            self._path(generation).unlink()

    def close(self) -> None:
        """Close the file of the present generation."""
        self._file.close()


def read_operations(path: Path) -> Iterator[dict[str, Any]]:
    """The whole operations of one generation, up to the first torn line."""
    with path.open("rb") as file:
        for line in file:
            checksum, _, body = line.rstrip(b"\n").partition(b" ")
            if not line.endswith(b"\n") or b"%08x" % zlib.crc32(body) != checksum:
                return
            yield json.loads(body)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""How long the copy of a large index takes while its owner writes, and how much the next one moves."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from bench.indexes.copying import copy
from bench.indexes.node import Index
from bench.indexes.rounds import Children

MIB = 1 << 20
DOCUMENT = 8 << 10
"""Bytes of a document; drawn by chance, so that nothing of it is packed away."""
NEW = 64
"""MiB that are new before the second copy."""


@dataclass(frozen=True)
class Figures:
    """What was measured.

    Attributes:
        seconds: that the first copy took, from the pin to the end of the switch.
        size: MiB of what it copied.
        again: seconds that the second copy took.
        ratio: bytes that the second copy moved, for each byte of a file that the target lacked.
    """

    seconds: float
    size: float
    again: float
    ratio: float


def measure(folder: Path, *, mebibytes: int, seed: int) -> Figures:
    """Copy twice.

    Args:
        folder: for the homes; it must be empty.
        mebibytes: size of the index, about.
        seed: of what the source writes meanwhile.
    """
    source, target, children = folder / "source", folder / "target", Children()
    for home in (source, target):
        home.mkdir(parents=True)
    _grow(source, mebibytes)
    try:
        children.start("source", lambda: Index(source).follow(seed, batch=20, commits=100_000))
        began = time.monotonic()
        first = copy(source, target, switches=True)
        seconds = time.monotonic() - began
        children.kill("source")
        _grow(source, NEW)
        had = {path.relative_to(target / "index").as_posix() for path in (target / "index").rglob("*")}
        children.start("source", lambda: Index(source).follow(seed, batch=20, commits=100_000))
        began = time.monotonic()
        second = copy(source, target, switches=True)
        again = time.monotonic() - began
    finally:
        children.kill("source")
    new = sum(file.length for file in second.manifest.files if file.key.path not in had)
    return Figures(seconds, first.manifest.size / MIB, again, second.moved / max(new, 1))


def _grow(home: Path, mebibytes: int) -> None:
    """Put documents into an index until it is larger by so much."""
    index = Index(home)
    writer = index.writer()
    for number in range(mebibytes * MIB // DOCUMENT):
        index.put(writer, f"{secrets.token_hex(8)}-{number}", value=secrets.token_hex(DOCUMENT // 2))
        if number % 4096 == 4095:
            writer.commit()
    writer.commit()
    writer.wait_merging_threads()

"""What a copy still needs: a pure function of what the source offers and what the target holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from telamon.indexfiles.manifest import IndexFile, Key, Manifest

MARGIN = 64 << 20
"""Bytes that stay free for whatever else writes to the target's disk while a copy comes in."""


@dataclass(frozen=True)
class Looks:
    """What can be told of a file without reading it whole: its length and the digest of its ends."""

    length: int
    ends: str

    def like(self, file: IndexFile) -> bool:
        """Whether it may be that file."""
        return self.length == file.length and self.ends == file.ends


@dataclass(frozen=True)
class Delta:
    """What is to be done at the target.

    Attributes:
        kept: staged and verified by an earlier run.
        reusable: in the target's own index by the looks of it; to be read whole before it is taken.
        fetch: neither; the largest first, so that the last transfer to end is a short one.
        drop: staged, and part of no commit any more.
    """

    kept: tuple[IndexFile, ...]
    reusable: tuple[IndexFile, ...]
    fetch: tuple[IndexFile, ...]
    drop: tuple[Key, ...]

    @property
    def missing(self) -> int:
        """Bytes to come over the network."""
        return sum(file.length for file in self.fetch)


def compare(manifest: Manifest, *, staged: Mapping[Key, Looks], own: Mapping[Key, Looks]) -> Delta:
    """Say what a target needs.

    Args:
        manifest: of the source.
        staged: files an earlier run verified and put aside.
        own: files of the target's present index.
    """
    kept, reusable, fetch = [], [], []
    for file in manifest.files:
        if file.key in staged and staged[file.key].like(file):
            kept.append(file)
        elif file.key in own and own[file.key].like(file):
            reusable.append(file)
        else:
            fetch.append(file)
    wanted = {file.key for file in kept}
    return Delta(
        kept=tuple(kept),
        reusable=tuple(reusable),
        fetch=largest_first(fetch),
        drop=tuple(sorted(key for key in staged if key not in wanted)),
    )


def largest_first(files: list[IndexFile]) -> tuple[IndexFile, ...]:
    """The order in which files are moved."""
    return tuple(sorted(files, key=lambda file: (-file.length, file.key)))


def lacking(need: int, *, free: int) -> int:
    """Bytes of disk that a copy lacks; 0 where there is room.

    Args:
        need: bytes that may be written.
        free: bytes that the disk has left.
    """
    return max(need + MARGIN - free, 0) if need else 0

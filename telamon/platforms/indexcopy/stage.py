"""Gather at the target everything that makes the source's newest commit, verified and on the disk."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from telamon.errors import MachineError, PlatformError
from telamon.indexfiles.delta import compare, lacking, largest_first
from telamon.indexfiles.manifest import IndexFile, Manifest
from telamon.platforms.disk import located, sync_folder
from telamon.platforms.indexcopy.fetch import Transfer, free_bytes, no_room, part_of, verified
from telamon.platforms.indexcopy.home import Home, looks, walk
from telamon.platforms.indexcopy.switch import remove

READERS = 2
"""Files of the target's own index that are read at a time."""


@dataclass(frozen=True)
class Staged:
    """A copy that is complete.

    Attributes:
        manifest: of what it is a copy.
        fetched: bytes of files that came from the source.
        reused: bytes that the target had.
        moved: bytes that came over the network, all told.
    """

    manifest: Manifest
    fetched: int
    reused: int
    moved: int


def stage(transfer: Transfer) -> Staged:
    """Gather a copy; what an earlier run had verified is kept. Whoever calls holds ``home.staging``.

    Args:
        transfer: from where, and whereto.

    Returns:
        What is there now, commit files included; nothing of the target's own index was touched.

    Raises:
        MachineError: there is no room; what had been gathered is removed, so that the node itself has it.
        Damaged: a file of the source is damaged.
        TemporaryError: the source does not answer; what was verified stays for the next run.
    """
    home = transfer.home
    try:
        _begin(home)
        manifest = transfer.manifest()
        gathered = _gather(transfer, manifest)
        _complete(home, manifest)
    except MachineError:
        with contextlib.suppress(MachineError):
            discard(home)
        raise
    return Staged(manifest, *gathered, transfer.moved)


def discard(home: Home) -> None:
    """Remove whatever a copy has gathered, or has put aside.

    Raises:
        MachineError: not all of it could be removed.
    """
    for folder in (home.tree, home.parts, home.aside):
        remove(folder)
    with located(home.switching):
        home.switching.unlink(missing_ok=True)


def _begin(home: Home) -> None:
    with located(home.staging):
        if home.switching.exists():
            discard(home)
        home.tree.mkdir(mode=_mode(home), parents=True, exist_ok=True)
        home.parts.mkdir(mode=0o700, parents=True, exist_ok=True)


def _mode(home: Home) -> int:
    """Permission bits of the folder that the copy takes the place of."""
    return home.index.stat().st_mode & 0o777 if home.index.exists() else 0o700


def _gather(transfer: Transfer, manifest: Manifest) -> tuple[int, int]:
    home = transfer.home
    delta = compare(manifest, staged=looks(home.tree), own=looks(home.index))
    with located(home.tree):
        for key in delta.drop:
            (home.tree / key.path).unlink()
        for commit in manifest.commits:
            (home.tree / commit.folder).mkdir(mode=_mode(home), parents=True, exist_ok=True)
        _drop_other_parts(home, delta.fetch + delta.reusable)
    lacks = lacking(delta.missing - _size(home.parts), free=free_bytes(home))
    if lacks > 0:
        raise no_room(home, lacks)
    damaged = _reuse(home, delta.reusable)
    fetch = largest_first([*delta.fetch, *damaged])
    lock = threading.Lock()

    def into_place(file: IndexFile, part: Path) -> None:
        with lock, located(part):
            part.replace(home.tree / file.key.path)

    transfer.fetch(fetch, done=into_place)
    fetched = sum(file.length for file in fetch)
    return fetched, manifest.size - fetched


def _drop_other_parts(home: Home, files: Sequence[IndexFile]) -> None:
    wanted = {part_of(home, file) for file in files}
    for path in home.parts.iterdir():
        if path not in wanted:
            path.unlink()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in walk(folder))


def _reuse(home: Home, files: Sequence[IndexFile]) -> list[IndexFile]:
    """Take files of the target's own index, each read whole first. Returns those that are not what they seem."""
    with ThreadPoolExecutor(READERS, thread_name_prefix="index-reuse") as pool:
        taken = pool.map(lambda file: _take(home, file), files)
        return [file for file, good in zip(files, taken, strict=True) if not good]


def _take(home: Home, file: IndexFile) -> bool:
    """Link a file of the target's own index into the copy: within one home, and files of an index never change."""
    own, place = home.index / file.key.path, home.tree / file.key.path
    try:
        if not verified(own, file):
            return False
        place.unlink(missing_ok=True)
        place.hardlink_to(own)
        _sync(place)
    except (OSError, MachineError):
        # Its owner has just deleted it, or its disk cannot read it any more: the source has it.
        return False
    return True


def _complete(home: Home, manifest: Manifest) -> None:
    """Write what makes the files a commit, once all of them are on the disk."""
    there = looks(home.tree)
    delta = compare(manifest, staged=there, own={})
    if delta.fetch or delta.reusable:
        raise PlatformError(
            f"{len(delta.fetch)} files of the copy are missing", remedy="copy the index again"
        )
    _sync_folders(home.tree)
    for commit in manifest.commits:
        folder = home.tree / commit.folder
        _write_all(folder, commit.beside)
        _write_all(folder, {commit.name: commit.content})
    _sync_folders(home.tree)


def _write_all(folder: Path, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        path = folder / name
        with located(path):
            path.write_bytes(content)
            _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folders(root: Path) -> None:
    with located(root):
        for folder, _, _ in os.walk(root):
            sync_folder(Path(folder))

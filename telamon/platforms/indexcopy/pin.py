"""Keep the files of the newest commit from being deleted, by links, while their owner goes on."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from telamon.errors import MachineError, NotReadyError, TemporaryError
from telamon.indexfiles.commits import Commit, Damaged, Half
from telamon.indexfiles.footers import TAIL
from telamon.indexfiles.library import known, newest
from telamon.indexfiles.manifest import IndexCommit, IndexFile, Key, Manifest
from telamon.platforms.disk import located
from telamon.platforms.indexcopy.home import DiskFolder, Home, ends, held, lock, read_small, walk

LOOKS = 50
"""Looks at an index that moves on all the time; the last commit that was caught whole is taken after them."""

RETRY_AFTER = 1.0
"""Seconds after which a commit that could not be caught is tried again."""


@dataclass(frozen=True)
class Pinned:
    """Files that stay.

    Attributes:
        folder: where their links are.
        manifest: what they are.
    """

    folder: Path
    manifest: Manifest


@contextmanager
def pinned(home: Home) -> Iterator[Pinned]:
    """Pin the newest commits of a node's index while the block runs.

    Pins that nobody holds any more, because whoever made them was killed, go first.

    Raises:
        NotReadyError: the node keeps no index there.
        Damaged: what is there cannot be read.
        TemporaryError: the index moved on faster than it could be caught.
        MachineError: links cannot be made there.
    """
    with held(home.pins, wait=True):
        _release_abandoned(home.pins)
        folder = home.pins / secrets.token_hex(8)
        with located(folder):
            folder.mkdir(mode=0o700)
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        lock(descriptor, wait=True)
    try:
        yield Pinned(folder, _pin(home, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def release_abandoned(home: Home) -> int:
    """Let go of what nobody copies any more. Returns how many pins went."""
    if not home.pins.exists():
        return 0
    with held(home.pins, wait=True):
        return _release_abandoned(home.pins)


def _release_abandoned(pins: Path) -> int:
    gone = 0
    for folder in [path for path in pins.iterdir() if path.is_dir()]:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if lock(descriptor, wait=False):
                shutil.rmtree(folder, ignore_errors=True)
                gone += 1
        finally:
            os.close(descriptor)
    return gone


def _pin(home: Home, folder: Path) -> Manifest:
    # Read before the commits are looked for: the node writes a position after the commit that it speaks of, so a
    # position that is there now belongs to a commit that is there now, or to an older one.
    positions = _positions(home)
    files: list[IndexFile] = []
    commits: list[IndexCommit] = []
    for place in _index_folders(home.index):
        inside = place.relative_to(home.index).as_posix()
        name = "" if inside == "." else inside
        links = folder / inside
        commit = _catch(place, links)
        if commit is None:
            continue
        commits.append(IndexCommit(name, commit.library, commit.name, commit.content, commit.beside))
        files += [
            describe(links / file, Key(name, file), library=commit.library) for file in sorted(commit.files)
        ]
    if not commits:
        raise NotReadyError(
            f"there is no index in {home.index}", remedy="Choose a node that has one, or rebuild the index."
        )
    return Manifest(tuple(files), tuple(commits), positions)


def _positions(home: Home) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for place in home.place.positions:
        root = home.root / place
        paths = list(walk(root)) if root.is_dir() else [root] if root.is_file() else []
        for path in paths:
            with located(path):
                found[path.relative_to(home.root).as_posix()] = read_small(path)
    return found


def _index_folders(root: Path) -> Iterator[Path]:
    """Every folder of an index's place, itself first."""
    for folder, folders, _ in os.walk(root):
        folders.sort()
        yield Path(folder)


def _catch(place: Path, links: Path) -> Commit | None:
    """Link the newest commit of a folder, and look again until that is still the newest.

    Returns:
        The commit whose files are all linked, or ``None`` where the folder holds none.
    """
    caught: Commit | None = None
    for _ in range(LOOKS):
        try:
            commit = newest(DiskFolder(place))
            if commit is None or commit == caught:
                break
            _link(commit, place, links)
        except (Half, FileNotFoundError):
            if not place.exists():
                return None
            continue
        except OSError as error:
            raise _refused(error, links) from error
        caught = commit
    else:
        if caught is None:
            raise TemporaryError(f"the index in {place} changes too fast to be caught", delay=RETRY_AFTER)
    if caught is not None:
        _drop_others(links, caught)
    return caught


def _link(commit: Commit, place: Path, links: Path) -> None:
    links.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in commit.files:
        target = links / name
        try:
            target.hardlink_to(place / name)
        except FileExistsError:
            # A name may come again with another content, after the index was made anew.
            if not target.samefile(place / name):
                target.unlink()
                target.hardlink_to(place / name)


def _drop_others(links: Path, commit: Commit) -> None:
    for path in links.iterdir():
        if path.is_file() and path.name not in commit.files:
            path.unlink()


def _refused(error: OSError, links: Path) -> MachineError:
    if error.errno in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP}:
        return MachineError(
            f"the files of the index cannot be linked to {links}",
            remedy="The index must lie on one disk with the folder above it; else choose the strategy snapshot.",
        )
    return MachineError(f"the index cannot be read: {error.strerror or error}")


def describe(path: Path, key: Key, *, library: str) -> IndexFile:
    """What a file of an index says of itself; its content is not read.

    Args:
        path: where it is.
        key: which it is.
        library: that wrote it.

    Raises:
        Damaged: it has no footer, so it was not written to its end.
    """
    with located(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            length = os.fstat(descriptor).st_size
            tail = os.pread(descriptor, TAIL, max(length - TAIL, 0))
            digest = ends(descriptor, length)
        finally:
            os.close(descriptor)
    footer = known(library).footer(tail, length)
    if footer is None:
        raise Damaged(f"{key.path} does not end as a file of {library} must")
    return IndexFile(key, length, footer.covered, footer.crc, digest)

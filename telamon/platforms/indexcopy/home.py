"""One node's folder, as a copy sees it: its index, and what a copy keeps beside it."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from telamon.errors import ConflictError
from telamon.indexfiles.commits import Damaged
from telamon.indexfiles.delta import Looks
from telamon.indexfiles.manifest import ENDS, Key
from telamon.indexfiles.place import IndexPlace
from telamon.platforms.disk import located

LARGEST_SMALL_FILE = 64 << 20
"""Bytes of a file that is read whole: a commit, a list, a note of a position."""


@dataclass(frozen=True)
class Home:
    """A node's folder.

    Attributes:
        root: the folder.
        place: where the index lies in it.
    """

    root: Path
    place: IndexPlace

    @property
    def index(self) -> Path:
        """The index."""
        return self.root / self.place.folder

    @property
    def pins(self) -> Path:
        """Where files are kept from being deleted; beside the index, because links do not cross disks."""
        return self._beside("pins")

    @property
    def staging(self) -> Path:
        """Where a copy is gathered; beside the index, so that it gets into place by a rename."""
        return self._beside("copy")

    @property
    def tree(self) -> Path:
        """The copy, in the shape it will have."""
        return self.staging / "tree"

    @property
    def parts(self) -> Path:
        """Files that are not whole yet."""
        return self.staging / "parts"

    @property
    def aside(self) -> Path:
        """The index that was in place, for a moment, on disks that cannot exchange two folders in one step."""
        return self.staging / "aside"

    @property
    def switching(self) -> Path:
        """There from before the switch until the old index is gone: what ``tree`` holds then is not to be trusted."""
        return self.staging / "switching"

    def _beside(self, what: str) -> Path:
        return self.index.with_name(f".{self.index.name}.telamon-{what}")


class DiskFolder:
    """What :class:`telamon.indexfiles.commits.Folder` asks for, of a folder on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> frozenset[str]:
        """Names of its files."""
        with os.scandir(self._path) as entries:
            return frozenset(entry.name for entry in entries if entry.is_file(follow_symlinks=False))

    def read(self, name: str) -> bytes:
        """One small file, whole."""
        return read_small(self._path / name)


def read_small(path: Path) -> bytes:
    """A file that must be small, whole.

    Raises:
        Damaged: it is not small.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        found = file.read(LARGEST_SMALL_FILE + 1)
    if len(found) > LARGEST_SMALL_FILE:
        raise Damaged(f"{path} is far too long for what it is")
    return found


def ends(descriptor: int, length: int) -> str:
    """The digest of a file's first and last bytes.

    Args:
        descriptor: of the open file.
        length: of the file, bytes.
    """
    digest = hashlib.blake2b(os.pread(descriptor, ENDS, 0), digest_size=16)
    digest.update(os.pread(descriptor, ENDS, max(length - ENDS, 0)))
    return digest.hexdigest()


def looks(root: Path) -> dict[Key, Looks]:
    """What can be told of every file below a folder without reading it whole; empty where there is no folder.

    A file that vanishes meanwhile, because its owner goes on, is left out.
    """
    found: dict[Key, Looks] = {}
    for path in walk(root):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            length = os.fstat(descriptor).st_size
            found[key_of(path, root)] = Looks(length, ends(descriptor, length))
        finally:
            os.close(descriptor)
    return found


def walk(root: Path) -> Iterator[Path]:
    """Every file below a folder, in order; none where there is no folder."""
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            yield Path(folder, name)


def key_of(path: Path, root: Path) -> Key:
    """The key of a file below a folder."""
    folder = path.parent.relative_to(root).as_posix()
    return Key("" if folder == "." else folder, path.name)


@contextmanager
def held(folder: Path, *, wait: bool) -> Iterator[None]:
    """Hold a folder for ourselves while the block runs; the kernel lets go of it however the process ends.

    Args:
        folder: made where it is missing.
        wait: whether to wait for another holder.

    Raises:
        ConflictError: another holds it, and nobody wants to wait.
        MachineError: it cannot be made.
    """
    with located(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not lock(descriptor, wait=wait):
            raise ConflictError(
                f"another copy is at work in {folder}", remedy="Wait for it to end, or cancel its operation."
            )
        yield
    finally:
        os.close(descriptor)


def lock(descriptor: int, *, wait: bool) -> bool:
    """Lock an open folder. Returns whether that was possible."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True

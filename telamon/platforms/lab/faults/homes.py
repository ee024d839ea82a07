"""Faults of homes: a torn index, a full disk, a shared home that is gone."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from telamon.errors import InternalError, MachineError, NotReadyError, brief
from telamon.plan.fault import CorruptIndex, Fault, FullDisk, LostSharedHome
from telamon.platforms.files import located
from telamon.platforms.lab.faults.records import Record
from telamon.platforms.systemcalls import exchange

F = TypeVar("F")

TORN: Final = 4096
"""Bytes overwritten in each file: one page."""
MOST_TORN: Final = 8
"""Files overwritten, the largest ones."""
FILLER: Final = ".filled-by-a-fault"
CHUNK: Final = 1 << 20


class TornIndex:
    """Makes :class:`CorruptIndex`. It is not undone: a node has to recover its index by itself.

    Args:
        root: state root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def lacks(self, fault: Fault) -> str:
        """There must be an index."""
        found = _of(fault, CorruptIndex)
        return "" if found.folder else f"{found.member} keeps no index that could be torn"

    def prepare(self, fault: Fault) -> Mapping[str, Any]:
        """Find the largest files of the index."""
        found = _of(fault, CorruptIndex)
        folder = self._root / "homes" / found.member / found.folder
        files = sorted(_files(folder), key=lambda path: path.stat().st_size, reverse=True)
        if not files:
            raise NotReadyError(f"{found.member} has no file of an index in {folder}")
        return {"files": [str(path) for path in files[:MOST_TORN]]}

    def begin(self, record: Record) -> None:
        """Overwrite the middle of each file, in place, as a torn write leaves it."""
        for name in record.undo["files"]:
            path = Path(name)
            with contextlib.suppress(FileNotFoundError), located(path), path.open("r+b") as file:
                size = path.stat().st_size
                file.seek(max(size - TORN, 0) // 2)
                file.write(b"\xa5" * min(TORN, size))
                file.flush()
                os.fsync(file.fileno())

    def end(self, record: Record) -> None:
        """Nothing: what is torn stays torn."""


class FullDisks:
    """Makes :class:`FullDisk`.

    Args:
        root: state root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def lacks(self, fault: Fault) -> str:
        """The home must be a file system of its own, or the whole machine's disk would be filled."""
        home = self._home(fault)
        return "" if home.is_mount() else f"{home} is no file system of its own: set platform.homeSize"

    def prepare(self, fault: Fault) -> Mapping[str, Any]:
        """Say which file fills it."""
        return {"filler": str(self._home(fault) / FILLER)}

    def begin(self, record: Record) -> None:
        """Write until nothing more goes in, in ever smaller pieces."""
        path = Path(record.undo["filler"])
        piece = CHUNK
        try:
            with path.open("wb", buffering=0) as file:
                while piece:
                    piece = piece if _grow(file.fileno(), piece) else piece // 2
        except OSError as error:
            raise MachineError(f"{path} cannot be written: {brief(error)}") from error

    def end(self, record: Record) -> None:
        """Give the room back."""
        path = Path(record.undo["filler"])
        with located(path):
            path.unlink(missing_ok=True)

    def _home(self, fault: Fault) -> Path:
        return self._root / "homes" / _of(fault, FullDisk).member


class LostHomes:
    """Makes :class:`LostSharedHome`: a file stands where the folder was, in one step, so that no node makes a new one.

    Args:
        root: state root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def lacks(self, fault: Fault) -> str:
        """The C library must know the call."""
        _of(fault, LostSharedHome)
        known = hasattr(ctypes.CDLL(None), "renameat2")
        return "" if known else "this system cannot exchange two names in one step (renameat2)"

    def prepare(self, fault: Fault) -> Mapping[str, Any]:
        """Find the home."""
        product = _of(fault, LostSharedHome).product
        path = self._root / "shared" / product
        if not path.is_dir():
            raise NotReadyError(f"{product} has no shared home at {path}")
        return {"path": str(path), "aside": str(path.with_name(f".{product}.lost"))}

    def begin(self, record: Record) -> None:
        """Put the file in the folder's place."""
        path, aside = Path(record.undo["path"]), Path(record.undo["aside"])
        with located(aside):
            aside.touch(mode=0o600)
        _exchange(path, aside)

    def end(self, record: Record) -> None:
        """Put the folder back."""
        path, aside = Path(record.undo["path"]), Path(record.undo["aside"])
        if aside.is_dir() and path.is_file():
            _exchange(path, aside)
        if aside.is_file():
            with located(aside):
                aside.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]


def _grow(descriptor: int, size: int) -> bool:
    """Append some bytes; whether they went in."""
    try:
        return os.write(descriptor, b"\0" * size) > 0
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return False
        raise


def _exchange(one: Path, other: Path) -> None:
    with located(one):
        done = exchange(one, other)
    if not done:
        raise MachineError(
            f"the disk of {one} cannot exchange two names in one step",
            remedy="Keep the state folder on a file system that can (ext4, XFS, Btrfs, tmpfs).",
        )


def _of(fault: Fault, kind: type[F]) -> F:
    if isinstance(fault, kind):
        return fault
    raise InternalError(f"{type(fault).__name__} is not {kind.__name__}")

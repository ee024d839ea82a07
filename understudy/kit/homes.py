"""Files that survive a kill, and a power cut, at any instant.

A file is written beside its place, synced, renamed over it, and the folder is synced: a reader sees the
old content or the new one, never a part of it. Rows that name a file are committed after this returned.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from understudy.kit.errors import UnderstudyError

_COPY_BYTES = 256 * 1024


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> Path:
    """Create a folder and its parents durably; one that exists is fine."""
    if folder.is_dir():
        return folder
    make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
    sync_folder(folder.parent)
    return folder


def write_durably(path: Path, content: bytes | BinaryIO, *, mode: int = 0o640) -> int:
    """Put content at a path so that it is there in full, or not at all.

    Args:
        path: where it goes; missing folders are made.
        content: the bytes, or an open file read from its current position.
        mode: permission bits of the new file.

    Returns:
        The number of bytes written.
    """

    def fill(target: BinaryIO) -> None:
        if isinstance(content, bytes):
            target.write(content)
        else:
            shutil.copyfileobj(content, target, _COPY_BYTES)

    return write_with(path, fill, mode=mode)


def write_with(path: Path, fill: Callable[[BinaryIO], None], *, mode: int = 0o640) -> int:
    """As :func:`write_durably`, with the content produced by a function that gets the open file."""
    make_folder(path.parent)
    descriptor, name = tempfile.mkstemp(prefix=".part-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as target:
            fill(target)
            target.flush()
            os.fsync(target.fileno())
            size = os.fstat(target.fileno()).st_size
            os.fchmod(target.fileno(), mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return size


def remove_durably(path: Path) -> None:
    """Remove a file; one that is gone already is fine."""
    with suppress(FileNotFoundError):
        path.unlink()
        sync_folder(path.parent)


def empty_folder(folder: Path) -> None:
    """Remove everything inside a folder, and make the folder where it is missing."""
    if folder.exists():
        shutil.rmtree(folder)
    make_folder(folder)


@contextmanager
def exclusive_home(lock_file: Path) -> Iterator[None]:
    """Hold an operating-system lock on a home for as long as the block runs.

    The lock goes with the process, so a file left behind by a killed one does no harm.

    Raises:
        UnderstudyError: another process holds it.
    """
    make_folder(lock_file.parent)
    descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UnderstudyError(f"{lock_file} is locked: this home is in use by another process") from error
        yield
    finally:
        os.close(descriptor)

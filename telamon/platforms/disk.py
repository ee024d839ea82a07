"""Errors of the disk in words that help, and what makes a rename last."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from telamon.errors import MachineError, brief


def sync_folder(path: Path) -> None:
    """Have a folder's entries on the disk: a rename lasts only then."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def located(path: Path) -> Iterator[None]:
    """Turn an error of the disk into one that names the place and the way out."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


def disk_error(error: OSError, path: Path) -> MachineError:
    """Say what an error of the disk means for the person at the terminal."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return MachineError(
                f"there is no room left for {path}",
                remedy="Free some space, or choose another place with --state.",
            )
        case errno.EROFS:
            return MachineError(
                f"{path} lies on a disk that can only be read",
                remedy="Choose another place with --state, or mount the disk for writing.",
            )
        case errno.EACCES | errno.EPERM:
            return MachineError(
                f"you have no right to write {path}",
                remedy="Run as the user who made the state folder, or choose another place with --state.",
            )
        case errno.ENOTDIR | errno.EEXIST:
            return MachineError(
                f"{path} cannot be a folder: a file is in the way",
                remedy="Choose another place with --state.",
            )
        case _:
            return MachineError(f"{path} cannot be written: {brief(error)}")

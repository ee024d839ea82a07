"""Errors of the disk in words that help, and files that take the place of others in one step, for good."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from telamon.errors import MachineError, brief

PRIVATE: Final = 0o600


def replace_file(
    path: Path,
    content: bytes,
    *,
    mode: int = PRIVATE,
    owner: tuple[int, int] | None = None,
    lasting: bool = True,
) -> None:
    """Put a file in place of another in one step, and have it on the disk before returning.

    Two who write the same file at once do not disturb one another: one of the two texts is there, whole.

    Args:
        path: where.
        content: all of it.
        mode: permission bits.
        owner: numbers of user and group; ``None``: we do.
        lasting: whether the disk is waited for, so that the file outlives a power cut as well; what can be made anew
            from something that lasts need not.

    Raises:
        OSError: the disk is full or read-only, or rights are missing; the old file stands.
    """
    beside = path.with_name(f".{path.name}.{os.urandom(4).hex()}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            if lasting:
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    if lasting:
        sync_folder(path.parent)


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
            return MachineError(
                f"{path} cannot be written: {brief(error)}",
                remedy="Look at the disk and at its log (`dmesg`), or choose another place with --state.",
            )

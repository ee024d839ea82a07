"""Files that are there whole or not at all, and errors of the disk in words that help."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from telamon.desired.lab.facts import Account
from telamon.errors import MachineError, brief


def write(path: Path, text: str, *, mode: int = 0o600, account: Account | None = None) -> None:
    """Put a file in place of another in one step, and have it on the disk before returning.

    Args:
        path: where.
        text: what.
        mode: permission bits.
        account: who owns it; ``None``: we do.

    Raises:
        MachineError: the disk is full or read-only, or rights are missing.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    with located(path):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), mode)
                if account is not None:
                    os.fchown(file.fileno(), account.uid, account.gid)
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def make_folder(path: Path, *, mode: int = 0o700, account: Account | None = None) -> None:
    """Make a folder with its parents, and see that it has this mode and owner.

    Raises:
        MachineError: the disk is full or read-only, or rights are missing.
    """
    with located(path):
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        found = path.stat()
        if found.st_mode & 0o777 != mode:
            path.chmod(mode)
        if account is not None and (found.st_uid, found.st_gid) != (account.uid, account.gid):
            os.chown(path, account.uid, account.gid)


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

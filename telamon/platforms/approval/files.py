"""Files that only their owner may read, and the configuration folder."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from telamon.errors import MachineError, NotReadyError, RefusedError, brief
from telamon.platforms.disk import replace_file

LARGEST: Final = 256 * 1024 * 1024
"""Bytes of a file that are read; a saved plan of some hundred resources has about one MiB."""
NOT_CONFIGURATION: Final = frozenset({".terraform", ".terraform.lock.hcl", ".terraform.tfstate.lock.info"})
"""What Terraform keeps beside the configuration, besides its state; the lock file has a digest of its own."""
STATE: Final = re.compile(r".*\.tfstate(\.\d+)?(\.backup)?")


def read_private(path: Path) -> bytes:
    """Read a file that nobody else can have written or read.

    Args:
        path: of a file of mode 0600; a link is refused, wherever it leads.

    Raises:
        NotReadyError: there is none.
        RefusedError: it is a link, or belongs to or can be read by others.
        MachineError: it cannot be read.
    """
    return _read(path, others=0o077)


def read_plain(path: Path) -> bytes:
    """Read a file that a digest or a signature vouches for.

    Args:
        path: of a file; a link is refused.

    Raises:
        NotReadyError: there is none.
        RefusedError: it is a link.
        MachineError: it cannot be read.
    """
    return _read(path, others=None)


def read_guarded(path: Path) -> bytes:
    """Read a file that others may read, but not write.

    Args:
        path: of a file; a link is refused.

    Raises:
        NotReadyError: there is none.
        RefusedError: it is a link, or others can write it.
        MachineError: it cannot be read.
    """
    return _read(path, others=0o022)


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600, all of it or nothing, and see it onto the disk.

    Args:
        path: replaced if it is there.
        content: all of it.

    Raises:
        MachineError: it cannot be written.
    """
    try:
        make_private_folder(path.parent)
        replace_file(path, content)
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {brief(error)}") from error


def make_private_folder(folder: Path) -> None:
    """Make a folder of mode 0700, and those above it that are missing."""
    if not folder.is_dir():
        # With parents=True those above would get the mode of any folder.
        make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def read_tree(folder: Path) -> dict[str, bytes]:
    """Every file of a configuration folder, by relative path.

    Args:
        folder: as Terraform is given it.

    Raises:
        NotReadyError: there is no such folder.
        RefusedError: a link is in it: what it leads to could change unseen.
        MachineError: something in it cannot be read.
    """
    if not folder.is_dir():
        raise NotReadyError(
            f"there is no configuration in {folder}",
            remedy="Write it: telamon render FILE --terraform --output DIR.",
        )
    try:
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(_files(folder))}
    except OSError as error:
        raise MachineError(f"the configuration cannot be read: {brief(error)}") from error


def read_lock(folder: Path) -> bytes:
    """The provider lock file, empty where no provider is wanted.

    Args:
        folder: the configuration.
    """
    path = folder / ".terraform.lock.hcl"
    return read_plain(path) if path.exists() or path.is_symlink() else b""


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in NOT_CONFIGURATION or STATE.fullmatch(path.name):
            continue
        if path.is_symlink():
            raise RefusedError(f"{path} is a link: what it leads to could change unseen", guard="no-links")
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _read(path: Path, *, others: int | None) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotReadyError(f"there is no {path}") from error
    except OSError as error:
        if path.is_symlink():
            raise RefusedError(f"{path} is a link", guard="no-links", remedy="Plan again.") from error
        raise MachineError(f"{path} cannot be read: {brief(error)}") from error
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise RefusedError(f"{path} is no plain file of its own", guard="no-links")
        strange = found.st_uid not in {os.geteuid(), 0}
        if others is not None and (strange or found.st_mode & others):
            raise RefusedError(
                f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):o})",
                guard="private-files",
                remedy=f"Make sure that nobody has changed it, then: chmod go-rwx {path}.",
            )
        if found.st_size > LARGEST:
            raise RefusedError(f"{path} is too large", guard="readable")
        return file.read()

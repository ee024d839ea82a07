"""System calls that Python has no name for."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path
from typing import Final

AT_CURRENT_FOLDER: Final = -100
EXCHANGE: Final = 2
"""``AT_FDCWD`` and ``RENAME_EXCHANGE``. Source: renameat2(2), linux/fcntl.h, linux/fs.h."""


def exchange(one: Path, other: Path) -> bool:
    """Let two names change places in one step. Source: renameat2(2).

    Returns:
        Whether this system and this disk can.

    Raises:
        OSError: they can, and it failed.
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    done = rename(AT_CURRENT_FOLDER, os.fsencode(one), AT_CURRENT_FOLDER, os.fsencode(other), EXCHANGE)
    if done == 0:
        return True
    code = ctypes.get_errno()
    if code in {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}:
        return False
    raise OSError(code, os.strerror(code), str(one))


def sync_file_system(path: Path) -> None:
    """Have everything on the disk that was written to the file system of a path, whoever wrote it.

    For a tree of many files, most of them made by other programs, where one call for each would take long.
    Source: syncfs(2), which also tells of errors since Linux 5.8.

    Args:
        path: a file or folder that is there.

    Raises:
        OSError: the disk failed, or is full.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)

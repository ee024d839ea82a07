"""Files that are there whole or not at all, and errors of the disk in words that help."""

from __future__ import annotations

import os
from pathlib import Path

from telamon.platforms.disk import disk_error, located, replace_file, sync_folder
from telamon.state.account import Account

__all__ = ["disk_error", "located", "make_folder", "sync_folder", "write"]


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
    with located(path):
        owner = None if account is None else (account.uid, account.gid)
        replace_file(path, text.encode(), mode=mode, owner=owner)


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

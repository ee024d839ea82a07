"""A component's files on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from telamon.desired.lab.data import FileDesired, RunAs
from telamon.desired.lab.fingerprint import files_fingerprint
from telamon.platforms.files import located, write
from telamon.state.account import Account


def apply(root: Path, files: Sequence[FileDesired], *, account: Account | None) -> None:
    """Bring files to what is desired, in their order; what is so already is not written.

    Args:
        root: state root.
        files: what is desired.
        account: the database's user, who owns its files.

    Raises:
        MachineError: the disk is full or read-only.
    """
    for file in files:
        path = root / file.path
        with located(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = _content(path)
        if found is None or (found != file.content and not file.once):
            owner = account if file.owner is RunAs.DATABASE else None
            write(path, file.content, mode=file.mode, account=owner)


def withdraw(root: Path, files: Sequence[FileDesired]) -> None:
    """Remove files, the last first."""
    for file in reversed(files):
        path = root / file.path
        with located(path):
            path.unlink(missing_ok=True)


def fingerprint(root: Path, files: Sequence[FileDesired]) -> str | None:
    """Fingerprint of what is on the disk; ``None`` where nothing is."""
    contents = {file.path: content for file in files if (content := _content(root / file.path)) is not None}
    return files_fingerprint(files, contents) if contents else None


def _content(path: Path) -> str | None:
    with located(path):
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

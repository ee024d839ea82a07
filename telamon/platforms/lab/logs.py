"""Logs of members: appended to by the process itself, turned over when a start finds them large."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

LARGEST = 16 * 1024 * 1024
"""Bytes beyond which a log is turned over at the next start of its member."""
KEPT = 3


def log_path(root: Path, member: str) -> Path:
    """Where a member's log is."""
    return root / "log" / f"{member}.log"


def open_log(root: Path, member: str) -> BinaryIO:
    """Open a member's log for appending, turned over first if it has grown large."""
    path = log_path(root, member)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LARGEST:
        _turn_over(path)
    return path.open("ab")


def _turn_over(path: Path) -> None:
    for number in range(KEPT - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))

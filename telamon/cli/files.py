"""Files that verbs write for people, each put in place in one step."""

from __future__ import annotations

from pathlib import Path

from telamon.errors import MachineError, brief
from telamon.platforms.disk import replace_file

FOR_EVERYBODY = 0o644


def replace_text(path: Path, text: str, *, remedy: str = "Make room, or check its rights.") -> None:
    """Write a file: the old one stays until the new one is whole and on the disk.

    Args:
        path: the file; where it is there, its rights stay as they are.
        text: what it is to hold.
        remedy: what a person can do where it cannot be written.

    Raises:
        MachineError: the disk is full or read-only, or there are no rights.
    """
    try:
        mode = path.stat().st_mode & 0o7777 if path.exists() else FOR_EVERYBODY
        replace_file(path, text.encode(), mode=mode)
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {brief(error)}", remedy=remedy) from error

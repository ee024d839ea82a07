"""Files that verbs write for people, each put in place in one step."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from telamon.errors import MachineError, brief

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
    beside: Path | None = None
    try:
        mode = path.stat().st_mode & 0o7777 if path.exists() else FOR_EVERYBODY
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as opened:
            beside = Path(opened.name)
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        beside.chmod(mode)
        beside.replace(path)
    except OSError as error:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise MachineError(f"{path} cannot be written: {brief(error)}", remedy=remedy) from error

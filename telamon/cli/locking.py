"""The lock beside a stack file: read, and written in one go."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from telamon.cli.reading import STANDARD_INPUT
from telamon.errors import MachineError, brief

_MOST = 1 << 20


def lock_path(file: Path) -> Path:
    """Where the lock of a stack file is.

    Args:
        file: the stack file; what comes from standard input has its lock in the current folder.
    """
    from telamon.stackfile.lock import NAME

    return (Path() if file == STANDARD_INPUT else file.parent) / NAME


def read_lock_beside(file: Path) -> Mapping[str, str]:
    """Digests by the name of the image; none where there is no lock.

    Args:
        file: the stack file.

    Raises:
        StackFileError: the lock cannot be understood.
        MachineError: it cannot be read.
    """
    from telamon.stackfile.lock import read_lock

    path = lock_path(file)
    try:
        with path.open("rb") as opened:
            content = opened.read(_MOST)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {brief(error)}", remedy="Check its rights.") from error
    return read_lock(content, source=str(path))


def write_lock(file: Path, images: Mapping[str, str]) -> None:
    """Write the lock of a stack file: the old one stays until the new one is whole.

    Args:
        file: the stack file.
        images: digest by the name of the image.

    Raises:
        MachineError: the disk is full or read-only, or there are no rights.
    """
    from telamon.cli.files import replace_text
    from telamon.stackfile.lock import lock_text

    replace_text(lock_path(file), lock_text(images))

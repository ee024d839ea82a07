"""Files of other tools, as the verbs read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from telamon.errors import MachineError, UsageError, brief

MOST: Final = 64 << 20
"""Bytes of a file that are read."""


def documents_of(path: Path) -> tuple[Any, ...]:
    """Every YAML or JSON document of a file.

    Args:
        path: of the file.

    Raises:
        UsageError: there is no such file, or it cannot be understood.
        MachineError: it cannot be read.
    """
    from telamon.stackfile.foreign import documents

    try:
        with path.open("rb") as opened:
            content = opened.read(MOST)
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}", remedy="Check its name.") from error
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {brief(error)}", remedy="Check its rights.") from error
    return documents(content, source=str(path))

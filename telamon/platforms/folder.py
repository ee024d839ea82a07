"""A folder of rendered files: written where it differs, cleared of what is no longer meant."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telamon.errors import MachineError, brief
from telamon.platforms.disk import replace_file

FOR_EVERYBODY: Final = 0o644


@dataclass(frozen=True)
class Written:
    """What became of the folder.

    Attributes:
        written: files that are new or differ now, below the folder.
        same: files that were so already.
        removed: files of an earlier run that are no longer meant.
    """

    written: tuple[str, ...]
    same: tuple[str, ...]
    removed: tuple[str, ...]


def write(folder: Path, files: Mapping[str, str], *, mark: str, ending: str) -> Written:
    """Bring a folder to what is meant. Files of other people in it are left alone.

    Args:
        folder: made where it is missing.
        files: text by path below the folder, one folder deep.
        mark: text near the begin of every file, by which an earlier run's are known.
        ending: how the names of all files end.

    Raises:
        MachineError: the disk is full or read-only, or something else is in the way.
    """
    written: list[str] = []
    same: list[str] = []
    with _located(folder):
        for name, text in files.items():
            path = folder / name
            content = text.encode()
            if path.is_file() and path.read_bytes() == content:
                same.append(name)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            # After a power cut another run finds out which file is not as it should be, and writes it again.
            replace_file(path, content, mode=FOR_EVERYBODY, lasting=False)
            written.append(name)
        ours = _ours(folder, mark=mark, ending=ending)
        stale = [path for path in ours if str(path.relative_to(folder)) not in files]
        for path in stale:
            path.unlink()
    removed = tuple(str(path.relative_to(folder)) for path in stale)
    return Written(tuple(written), tuple(same), removed)


def _ours(folder: Path, *, mark: str, ending: str) -> Iterator[Path]:
    """Files of ours, also in a folder that is no longer meant at all."""
    for path in sorted(folder.glob(f"*/*{ending}")):
        if mark.encode() in path.read_bytes()[:400]:
            yield path


@contextmanager
def _located(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = os.fspath(error.filename or folder)
        raise MachineError(
            f"cannot write {where}: {brief(error)}",
            remedy="Name a folder that you may write to, with --output.",
        ) from error

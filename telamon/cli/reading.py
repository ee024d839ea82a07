"""Stack files as the verbs read them: from disk, with everything they refer to, or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telamon.cli.failures import problem_text
from telamon.errors import MachineError, UsageError, brief

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.errors import Problem
    from telamon.model.stack import Stack
    from telamon.stackfile.rehearsal import NotRehearsed

STANDARD_INPUT: Final = Path("-")
MOST: Final = 8 * 1024 * 1024
"""Bytes of a file that are read. More than the reader takes, so that it says itself that a file is too large."""


@dataclass(frozen=True)
class FileRead:
    """A stack file without problems.

    Attributes:
        source: its name.
        stack: what it says, mapped to this machine if that was asked for.
        warnings: what is allowed and doubtful.
        not_rehearsed: what that mapping leaves out.
    """

    source: str
    stack: Stack
    warnings: tuple[Problem, ...]
    not_rehearsed: tuple[NotRehearsed, ...] = ()


def read_file(session: Session, file: Path, *, lab: bool = False) -> FileRead:
    """Read a stack file or an overlay.

    Args:
        session: whose wiring knows the products.
        file: relative to the current folder; ``-`` is standard input.
        lab: whether to map it to this machine.

    Raises:
        UsageError: there is no such file.
        StackFileError: it has problems; all of them are in the error.
    """
    from telamon.stackfile.reader import read

    source = "<stdin>" if file == STANDARD_INPUT else str(file)
    reading = read(
        _content(session, file),
        source=source,
        registry=session.wiring().registry(),
        loader=_load,
        today=session.today,
    )
    stack = reading.require()
    if not lab:
        return FileRead(source, stack, reading.warnings)
    from telamon.stackfile.rehearsal import rehearse

    rehearsed, left_out = rehearse(stack)
    return FileRead(source, rehearsed, reading.warnings, left_out)


def as_data(stack: Stack) -> Mapping[str, Any]:
    """A stack as JSON data, with what was written and no defaults: what a controller takes."""
    return stack.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"status"})


def note_doubts(session: Session, found: FileRead) -> None:
    """Tell a person what is doubtful about a file, and what a rehearsal does not show."""
    if session.output == "json":
        return
    styled = session.terminal.notes.styled
    for warning in found.warnings:
        session.terminal.note(problem_text(warning, styled=styled, warning=True))
    for item in found.not_rehearsed:
        session.terminal.note(f"not rehearsed: {item.path}: {item.what}")


def read_json(session: Session, file: Path, *, remedy: str) -> Any:
    """Read a file of JSON.

    Args:
        session: whose standard input ``-`` is.
        file: relative to the current folder.
        remedy: what to give instead of a file that holds something else.

    Raises:
        UsageError: there is no such file, or it is no JSON.
        MachineError: it cannot be read.
    """
    try:
        return json.loads(_content(session, file, remedy=remedy))
    except ValueError as error:
        raise UsageError(f"{file} is no JSON: {brief(error)}", remedy=remedy) from error


def _content(session: Session, file: Path, *, remedy: str = "Name the stack file.") -> str | bytes:
    if file == STANDARD_INPUT:
        source = session.terminal.source
        content: str | bytes = getattr(source, "buffer", source).read(MOST)
        return content
    try:
        with file.open("rb") as opened:
            return opened.read(MOST)
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {file}", remedy=remedy) from error
    except IsADirectoryError as error:
        raise UsageError(f"{file} is a folder", remedy="Name the stack file in it.") from error
    except OSError as error:
        raise MachineError(f"{file} cannot be read: {brief(error)}", remedy="Check its rights.") from error


def _load(reference: str, *, beside: str) -> tuple[str, bytes]:
    """Read a file that a stack file refers to; see :class:`telamon.stackfile.sources.Loader`."""
    name = os.path.normpath(Path(beside).parent / reference)
    with Path(name).open("rb") as opened:
        return name, opened.read(MOST)

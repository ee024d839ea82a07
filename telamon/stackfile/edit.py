"""Changing one value of a stack file without touching anything else in it: comments, order and quotes stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from telamon.errors import StackFileError
from telamon.stackfile.compose import compose
from telamon.stackfile.tree import Block, Path, Scalar, find

QUOTES: Final = "\"'"


@dataclass(frozen=True)
class Edited:
    """A file after a change.

    Attributes:
        text: the whole file.
        line: number of the changed line, from 1.
        before: that line as it was.
        after: that line as it is.
    """

    text: str
    line: int
    before: str
    after: str


def set_text(text: str, path: Path, *, value: str, file: str) -> Edited | None:
    """Put another text in the place of a single value.

    Args:
        text: the file.
        path: of the value.
        value: what should stand there; it is quoted as the old one was, or where it was plain and must be.
        file: its name, for problems.

    Returns:
        ``None`` where the file has no single value at that path.

    Raises:
        StackFileError: the file is not YAML.
    """
    node, problems = compose(text.encode(), file=file)
    if node is None:
        raise StackFileError(problems)
    found = find(node, path) if isinstance(node, Block) else None
    if not isinstance(found, Scalar):
        return None
    lines = text.splitlines(keepends=True)
    index, column = found.position.line - 1, found.position.column - 1
    line = lines[index]
    begin, end, quote = _extent(line, column, found.text)
    lines[index] = f"{line[:begin]}{quote}{value}{quote}{line[end:]}"
    return Edited("".join(lines), index + 1, line.rstrip("\r\n"), lines[index].rstrip("\r\n"))


def _extent(line: str, column: int, text: str) -> tuple[int, int, str]:
    """Where a value begins and ends in its line, and the quote around it."""
    begin = line.index(text, column)
    before = line[begin - 1] if begin else ""
    after = line[begin + len(text) : begin + len(text) + 1]
    if before and before in QUOTES and before == after:
        return begin - 1, begin + len(text) + 1, before
    # A version that looks like a number, or ends in a nought, must stay a text.
    return begin, begin + len(text), '"'

"""The streams of this process, and what they can show."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple, TextIO

from telamon.errors import MachineError, brief

ANSWERS_YES: Final = frozenset({"y", "yes"})


class Stream(NamedTuple):
    """A stream that is written to.

    Attributes:
        file: where the text goes.
        columns: how wide it is; ``None`` where nobody looks at it directly, so nothing is wrapped.
        styled: whether colours and redrawn lines are welcome there.
    """

    file: TextIO
    columns: int | None = None
    styled: bool = False


class Terminal(NamedTuple):
    """The three streams.

    Attributes:
        out: the answer.
        notes: progress, warnings and questions.
        source: where a person's answer is read.
        can_ask: whether there is a person to ask.
    """

    out: Stream
    notes: Stream
    source: TextIO
    can_ask: bool = False

    @classmethod
    def of_process(cls) -> Terminal:
        """The streams of this process. ``NO_COLOR`` (no-color.org) and ``TERM=dumb`` are honoured."""
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "dumb") == "dumb"
        out, notes = (_stream(file, plain=plain) for file in (sys.stdout, sys.stderr))
        return cls(out, notes, sys.stdin, can_ask=_is_terminal(sys.stdin) and _is_terminal(sys.stderr))

    def say(self, text: str) -> None:
        """Write a part of the answer.

        Raises:
            BrokenPipeError: nobody reads it any more.
            MachineError: it cannot be written, e.g. because the disk is full.
        """
        with _translated():
            print(text, file=self.out.file)

    def flush(self) -> None:
        """Make sure that the answer is out. Raises what :meth:`say` raises."""
        with _translated():
            self.out.file.flush()

    def note(self, text: str) -> None:
        """Write something that is not part of the answer."""
        print(text, file=self.notes.file, flush=True)

    def agrees(self, question: str) -> bool:
        """Ask a question that yes or no answers; anything but yes is no."""
        print(f"{question} [y/N] ", end="", file=self.notes.file, flush=True)
        return self.source.readline().strip().lower() in ANSWERS_YES


def printable(text: str) -> str:
    """Take out what a terminal would act on instead of showing it.

    Args:
        text: words that came from somewhere else, e.g. a product's own error message.
    """
    return "".join(sign if sign.isprintable() else " " for sign in text)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise MachineError(
            f"the answer cannot be written: {brief(error)}", remedy="Check where standard output goes."
        ) from error


def _stream(file: TextIO, *, plain: bool) -> Stream:
    if not _is_terminal(file):
        return Stream(file)
    return Stream(file, shutil.get_terminal_size().columns, not plain)


def _is_terminal(file: TextIO) -> bool:
    return not file.closed and file.isatty()

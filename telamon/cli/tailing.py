"""The last lines of log files, and what is appended to them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from telamon.cli.documents.shape import plain
from telamon.cli.documents.told import LogLine, Logs
from telamon.cli.names import unknown
from telamon.errors import MachineError, NotReadyError, brief
from telamon.naming import split_member

if TYPE_CHECKING:
    from telamon.cli.session import Session

SUFFIX: Final = ".log"
LOOKS_EVERY: Final = 0.3
"""Seconds between two looks for new lines."""
BLOCK: Final = 64 * 1024
"""Bytes read at a time, from the end backwards."""


def show(session: Session, folder: Path, *, member: str, lines: int, follow: bool) -> None:
    """Show the last lines that a member, or each member of a component, wrote, and what comes.

    Args:
        session: whose terminal shows it.
        folder: where the logs are.
        member: a member, a component, or ``controller``.
        lines: how many of the last lines of each.
        follow: whether to go on until Ctrl-C.

    Raises:
        UsageError: nobody of that name has written anything.
        NotReadyError: there are no logs yet.
    """
    logs = [Log(path) for path in choose(folder, member)]
    beginning = [line for log in logs for line in log.last(lines)]
    if not follow:
        session.answer(lambda: Logs((), tuple(beginning)), lambda: _text(beginning, several=len(logs) > 1))
        return
    _write(session, beginning, several=len(logs) > 1)
    while True:
        session.clock.sleep(LOOKS_EVERY)
        _write(session, [line for log in logs for line in log.fresh()], several=len(logs) > 1)


def choose(folder: Path, name: str) -> tuple[Path, ...]:
    """The logs of a member, or of every member of a component.

    Raises:
        UsageError: there is no such log.
        NotReadyError: there is none at all.
    """
    found = {path.name.removesuffix(SUFFIX): path for path in sorted(folder.glob(f"*{SUFFIX}"))}
    if not found:
        raise NotReadyError("nothing was logged yet", remedy="Start the stack with `telamon up`.")
    if name in found:
        return (found[name],)
    components = {member: split[0] for member in found if (split := split_member(member)) is not None}
    chosen = tuple(found[member] for member, component in components.items() if component == name)
    if not chosen:
        raise unknown("member or component", name, known=sorted({*found, *components.values()}))
    return chosen


@dataclass
class Log:
    """A log file that is read from the end, and then as it grows.

    Attributes:
        path: where it is. It is turned over now and then, so another file may be there later.
    """

    path: Path
    _position: int = field(init=False, default=0)
    _file: int = field(init=False, default=0)
    _rest: bytes = field(init=False, default=b"")

    @property
    def member(self) -> str:
        """Who writes it."""
        return self.path.name.removesuffix(SUFFIX)

    def last(self, count: int) -> list[LogLine]:
        """The last lines that are complete; what follows them is what :meth:`fresh` begins with."""
        try:
            with self.path.open("rb") as opened:
                size = opened.seek(0, 2)
                self._file = self.path.stat().st_ino
                text, start = b"", size
                while start > 0 and text.count(b"\n") <= count:
                    step = min(BLOCK, start)
                    start -= step
                    opened.seek(start)
                    text = opened.read(step) + text
        except OSError as error:
            raise self._unreadable(error) from error
        complete, _, self._rest = text.rpartition(b"\n")
        self._position = size
        found = complete.split(b"\n") if complete or b"\n" in text else []
        return self._lines(found[len(found) - count :] if count < len(found) else found)

    def fresh(self) -> list[LogLine]:
        """The lines completed since the last look."""
        try:
            found = self.path.stat()
            if found.st_ino != self._file or found.st_size < self._position:
                self._file, self._position, self._rest = found.st_ino, 0, b""
            if found.st_size == self._position:
                return []
            with self.path.open("rb") as opened:
                opened.seek(self._position)
                text = self._rest + opened.read()
                self._position = opened.tell()
        except FileNotFoundError:
            # Between two files, while it is turned over.
            return []
        except OSError as error:
            raise self._unreadable(error) from error
        *complete, self._rest = text.split(b"\n")
        return self._lines(complete)

    def _lines(self, found: Sequence[bytes]) -> list[LogLine]:
        return [LogLine(self.member, line.decode("utf-8", errors="replace")) for line in found]

    def _unreadable(self, error: OSError) -> MachineError:
        return MachineError(f"{self.path} cannot be read: {brief(error)}", remedy="Check its rights.")


def _shown(lines: Sequence[LogLine], *, several: bool) -> Iterator[str]:
    widest = max((len(line.member) for line in lines), default=0)
    return (f"{line.member:{widest}} | {line.line}" if several else line.line for line in lines)


def _text(lines: Sequence[LogLine], *, several: bool) -> str:
    return "\n".join(_shown(lines, several=several))


def _write(session: Session, lines: Sequence[LogLine], *, several: bool) -> None:
    if session.output == "json":
        for line in lines:
            session.terminal.say(json.dumps(plain(line), ensure_ascii=False))
    else:
        for text in _shown(lines, several=several):
            session.terminal.say(text)
    session.terminal.flush()

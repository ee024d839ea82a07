"""How far a stack is, as a board that is shown while somebody waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from telamon.cli.terminal import printable

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.cli.terminal import Terminal
    from telamon.model.status import ComponentStatus, StackStatus


@dataclass(frozen=True)
class Line:
    """One component while it is waited for.

    Attributes:
        component: its name.
        serving: members that do their work.
        members: members there are, or should be.
        done: whether nothing is left to do.
        words: what it does or waits for.
        url: where a person has to go on, or "".
    """

    component: str
    serving: int
    members: int
    done: bool
    words: str
    url: str = ""


class Board(Protocol):
    """Where progress is shown."""

    def show(self, lines: Sequence[Line], elapsed: float) -> None:
        """Show how far it is, ``elapsed`` seconds after the begin."""


class PlainBoard:
    """A board for files and pipes: a line whenever a component does something else than before."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._shown: dict[str, str] = {}

    def show(self, lines: Sequence[Line], elapsed: float) -> None:
        """Write what has changed since the last time."""
        for line in lines:
            words = f"{line.words} {line.url}".rstrip()
            if self._shown.get(line.component) != words:
                self._shown[line.component] = words
                self._terminal.note(f"{elapsed:6.1f} s  {line.component}: {words}")


@contextmanager
def board(session: Session) -> Iterator[Board]:
    """The board that fits the terminal; it is gone from a screen afterwards."""
    if not session.terminal.notes.styled:
        yield PlainBoard(session.terminal)
        return
    from telamon.cli.render import live_board

    with live_board(session.terminal.notes) as live:
        yield live


def lines_of(status: StackStatus) -> tuple[Line, ...]:
    """The board of a stack: a line a component."""
    lines = []
    for component in status.components:
        members = [member for member in status.members if member.component == component.name]
        lines.append(
            Line(
                component=component.name,
                serving=sum(member.serving for member in members),
                members=len(members),
                done=component.done and component.ready,
                words=printable(_words(component)),
                url=component.url,
            )
        )
    return tuple(lines)


def _words(component: ComponentStatus) -> str:
    if component.done:
        return "ready" if component.ready else "gone"
    if component.reason in {"Acting", "Waiting"} or not component.message:
        return component.message or component.reason
    return f"{component.message} ({component.reason})"

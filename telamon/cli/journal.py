"""The journal, as people read it and as it goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from telamon.cli.client import Controller
from telamon.cli.documents import JournalEntry, Logs, plain
from telamon.cli.terminal import printable

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.cli.target import Target

LOOKS_EVERY: Final = 0.5
"""Seconds between two looks for new lines."""


def show(session: Session, target: Target, *, lines: int, follow: bool) -> None:
    """Show the last lines of a stack's journal, and what comes.

    Args:
        session: whose terminal shows it.
        target: the stack.
        lines: how many of the last lines.
        follow: whether to go on; only Ctrl-C or the end of the controller ends it then.
    """
    controller = Controller(target.socket)
    entries = _read(controller.journal())
    telling = [entry for entry in entries if session.output == "json" or tells(entry)]
    last = telling[len(telling) - lines :] if lines < len(telling) else telling
    if not follow:
        session.answer(lambda: Logs(tuple(last), ()), lambda: "\n".join(map(entry_text, last)))
        return
    _write(session, last)
    position = max((entry.sequence for entry in entries), default=0)
    while True:
        session.clock.sleep(LOOKS_EVERY)
        fresh = _read(controller.journal(since=position))
        position = max((entry.sequence for entry in fresh), default=position)
        _write(session, fresh)


def tells(entry: JournalEntry) -> bool:
    """Whether an entry tells people something; that a step was asked for follows from its intent."""
    return not (entry.kind == "outcome" and entry.detail == "asked")


def entry_text(entry: JournalEntry) -> str:
    """One line of the journal, its time in this machine's zone."""
    at = datetime.fromtimestamp(entry.at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    kind = "" if entry.kind in {"intent", "outcome"} else f"{entry.kind}: "
    detail = f" ({entry.detail})" if entry.detail else ""
    return printable(f"{at}  {entry.component:20} {kind}{entry.subject}{detail}")


def _read(entries: Sequence[Mapping[str, Any]]) -> list[JournalEntry]:
    return [JournalEntry(**entry) for entry in entries]


def _write(session: Session, entries: Sequence[JournalEntry]) -> None:
    for entry in entries:
        if session.output == "json":
            session.terminal.say(json.dumps(plain(entry), ensure_ascii=False))
        elif tells(entry):
            session.terminal.say(entry_text(entry))
    session.terminal.flush()

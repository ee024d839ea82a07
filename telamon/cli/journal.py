"""The journal, as people read it and as it goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from telamon.cli.client import Controller
from telamon.cli.documents.shape import plain
from telamon.cli.documents.told import JournalEntry, Logs
from telamon.cli.terminal import printable
from telamon.errors import NoController

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.cli.target import Target
    from telamon.platforms.kubernetes.glimpsing import JournalGlance

LOOKS_EVERY: Final = 0.5
"""Seconds between two looks for new lines."""


class Reading(Protocol):
    """The journal of a stack, wherever it is kept."""

    def entries(self, *, last: int) -> list[JournalEntry]:
        """The last so many lines, the oldest first."""

    def fresh(self, *, since: int) -> list[JournalEntry]:
        """The lines after a sequence, the oldest first."""


def show(session: Session, read: Reading, *, lines: int, follow: bool) -> None:
    """Show the last lines of a stack's journal, and what comes.

    Args:
        session: whose terminal shows it.
        read: the journal.
        lines: how many of the last lines.
        follow: whether to go on; only Ctrl-C or the end of the controller ends it then.

    Raises:
        NoController: the stack was never brought up here, or there is nothing to follow.
        PlatformError: the file is damaged.
    """
    # Taken first: what is written while the lines are looked for is shown by the next look.
    position = max((entry.sequence for entry in read.entries(last=1)), default=0)
    last = _last_telling(read, lines, all_tell=session.output == "json")
    if not follow:
        session.answer(lambda: Logs(tuple(last), ()), lambda: "\n".join(map(entry_text, last)))
        return
    _write(session, last)
    position = max((entry.sequence for entry in last), default=position)
    while True:
        session.clock.sleep(LOOKS_EVERY)
        fresh = read.fresh(since=position)
        position = max((entry.sequence for entry in fresh), default=position)
        _write(session, fresh)


@dataclass(frozen=True)
class LabJournal:
    """The journal of a stack of this machine: of its controller or, where none runs, of the file. A :class:`Reading`.

    What happened can so be told when it matters most.

    Attributes:
        session: whose wiring reads the file.
        target: the stack.
    """

    session: Session
    target: Target

    def entries(self, *, last: int) -> list[JournalEntry]:
        """See :class:`Reading`."""
        try:
            return self._from_controller(last=last)
        except NoController:
            if not self.target.exists:
                raise
            kept = self.session.wiring().kept_state(self.target.root)
            return [JournalEntry(**vars(entry)) for entry in kept.journal(last=last)]

    def fresh(self, *, since: int) -> list[JournalEntry]:
        """See :class:`Reading`."""
        return self._from_controller(since=since)

    def _from_controller(self, *, since: int = 0, last: int | None = None) -> list[JournalEntry]:
        found = Controller(self.target.socket).journal(since=since, last=last)
        return [JournalEntry(**entry) for entry in found]


@dataclass(frozen=True)
class ClusterJournal:
    """The journal of a stack of a cluster, as the operator writes it. A :class:`Reading`.

    Attributes:
        open: gives the journal as it is now; one that was read before shows nothing that came since.
    """

    open: Callable[[], JournalGlance]

    def entries(self, *, last: int) -> list[JournalEntry]:
        """See :class:`Reading`."""
        return [JournalEntry(**vars(entry)) for entry in self.open().read(last=last)]

    def fresh(self, *, since: int) -> list[JournalEntry]:
        """See :class:`Reading`."""
        return [JournalEntry(**vars(entry)) for entry in self.open().read(since=since)]


def _last_telling(read: Reading, lines: int, *, all_tell: bool) -> list[JournalEntry]:
    """The last lines that tell people something; the journal is read from its end until there are enough."""
    asked = max(lines, 1)
    while True:
        entries = read.entries(last=asked)
        telling = [entry for entry in entries if all_tell or tells(entry)]
        if len(telling) >= lines or len(entries) < asked:
            return telling[max(len(telling) - lines, 0) :]
        asked *= 4


def tells(entry: JournalEntry) -> bool:
    """Whether an entry tells people something; that a step was asked for follows from its intent."""
    return not (entry.kind == "outcome" and entry.detail == "asked")


def entry_text(entry: JournalEntry) -> str:
    """One line of the journal, its time in this machine's zone."""
    at = datetime.fromtimestamp(entry.at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    kind = "" if entry.kind in {"intent", "outcome"} else f"{entry.kind}: "
    detail = f" ({entry.detail})" if entry.detail else ""
    return printable(f"{at}  {entry.component:20} {kind}{entry.subject}{detail}")


def _write(session: Session, entries: Sequence[JournalEntry]) -> None:
    for entry in entries:
        if session.output == "json":
            session.terminal.say(json.dumps(plain(entry), ensure_ascii=False))
        elif tells(entry):
            session.terminal.say(entry_text(entry))
    session.terminal.flush()

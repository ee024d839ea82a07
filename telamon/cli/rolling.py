"""Machines replaced one after another, with progress shown and a limit for each."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from telamon.cli.draining import LOOKS_EVERY, STEADY, empty
from telamon.errors import (
    ConflictError,
    Interrupted,
    NotReadyError,
    RefusedError,
    TemporaryError,
    TimeoutExpired,
    UsageError,
)

if TYPE_CHECKING:
    from telamon.cli.machine_words import MachinesRolled, RollForgotten
    from telamon.cli.session import Session
    from telamon.plan.draining import Fleet, Machine
    from telamon.plan.rolling import Roll
    from telamon.platforms.kubernetes.api import Api
    from telamon.platforms.kubernetes.rolling import Book
    from telamon.units import Duration


@dataclass(frozen=True)
class Wish:
    """Which machines somebody wants to be replaced, and by what.

    Attributes:
        names: of machines; none for all of a group, or all that are older.
        group: to which they belong.
        older: minor version that their kubelets are older than.
        into: group that takes their place; ``None`` for each one's own.
    """

    names: tuple[str, ...]
    group: str | None
    older: int | None
    into: str | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said at all."""
        return not self.names and self.group is None and self.older is None and self.into is None

    @property
    def words(self) -> str:
        """The same for two who want the same."""
        which = ", ".join(sorted(self.names)) or "machines"
        which += f" of the group {self.group}" if self.group else ""
        which += f" older than 1.{self.older}" if self.older is not None else ""
        return which + (f", into the group {self.into}" if self.into else "")


AGAIN: Final = (
    "`telamon machines roll` goes on where it is; `telamon machines uncordon` takes a machine back, and "
    "`telamon machines roll --forget` ends it."
)


def decided(fleet: Fleet, wish: Wish, *, known: Roll | None) -> Roll:
    """What is to be done: what is in progress, or what somebody wants.

    Args:
        fleet: as it is now.
        wish: of whoever asks.
        known: what was decided before and is not done yet.

    Raises:
        UsageError: nothing is named, too much is, or there is no such machine or group.
        RefusedError: something else is in progress, or something speaks against it that no waiting changes.
    """
    from telamon.plan.rolling import begun, objections

    if known is not None:
        if not wish.is_empty and wish.words != known.asked:
            raise RefusedError(
                f"another roll is not done yet: {known.asked}",
                guard="one-roll-at-a-time",
                remedy="`telamon machines roll` goes on with it, `telamon machines roll --forget` ends it.",
            )
        return known
    machines = _chosen(fleet, wish)
    roll = begun(fleet, machines, asked=wish.words, minor=wish.older, into=wish.into or "")
    if found := next(iter(objections(fleet, roll)), None):
        raise RefusedError(found.words, guard=found.guard, remedy=found.remedy)
    return roll


def _chosen(fleet: Fleet, wish: Wish) -> tuple[Machine, ...]:
    from telamon.cli.names import unknown

    known = sorted(each.name for each in fleet.machines)
    for name in wish.names:
        if name not in known:
            raise unknown("machine", name, known=known)
    if wish.names and (wish.group is not None or wish.older is not None):
        raise UsageError(
            "name machines, or say which: not both", remedy="See `telamon machines roll --help`."
        )
    if not wish.names and wish.group is None and wish.older is None:
        raise UsageError(
            "no roll is in progress, and no machine is named",
            remedy="Name machines, or say --group or --older-than; `telamon machines list` shows what there is.",
        )
    groups = sorted({each.group for each in fleet.machines if each.group})
    for group in (wish.group, wish.into):
        if group is not None and group not in groups:
            raise unknown("group", group, known=groups)
    if wish.into is not None and wish.into == wish.group:
        raise UsageError(f"the group {wish.into} cannot take its own place", remedy="Leave --into out.")
    return tuple(
        each
        for each in fleet.machines
        if (not wish.names or each.name in wish.names)
        and wish.group in {None, each.group}
        and wish.into != each.group
        and (wish.older is None or (each.minor is not None and each.minor < wish.older))
    )


def take(session: Session, book: Book) -> None:
    """Get the right to replace machines, once whoever had it has been silent for long enough.

    Args:
        session: whose clock runs.
        book: of the cluster.

    Raises:
        ConflictError: somebody else replaces machines.
    """
    from telamon.platforms.kubernetes.lease import LASTS
    from telamon.platforms.kubernetes.rolling import holder

    began = session.clock.now()
    while not book.lease.acquire():
        if session.clock.now() - began > LASTS + 2 * LOOKS_EVERY:
            raise ConflictError(
                f"{holder(book.api)} replaces machines of this cluster",
                remedy="Wait until it is done, or interrupt it there.",
            )
        session.clock.sleep(LOOKS_EVERY)


def replace_all(session: Session, book: Book, *, roll: Roll, max_wait: Duration) -> Roll:
    """Empty one machine after another, each once another one stands for the one before.

    Args:
        session: whose clock runs and whose terminal shows the progress.
        book: of the cluster, held by us; it is written after each machine.
        roll: as it was kept.
        max_wait: how long one machine may take to be empty, and another one to come, at most.

    Returns:
        The roll at its end.

    Raises:
        RefusedError: something speaks against emptying a machine that no waiting changes.
        TimeoutExpired: the time for one step is over; the message says what is waited for.
        ConflictError: somebody else lets a machine take pods again, or replaces machines by now.
        Interrupted: somebody pressed Ctrl-C.
    """
    rolling = _Rolling(session, book, roll, max_wait)
    try:
        while not rolling.step():
            session.clock.sleep(LOOKS_EVERY)
    except KeyboardInterrupt as error:
        raise Interrupted("nothing more is evicted, and the roll is kept", remedy=AGAIN) from error
    return rolling.roll


class _Rolling:
    def __init__(self, session: Session, book: Book, roll: Roll, max_wait: Duration) -> None:
        self._session = session
        self._book = book
        self.roll = roll
        self._max_wait = max_wait
        self._since = session.clock.now()
        self._well_since: float | None = None
        self._words = ""

    def step(self) -> bool:
        """Look, and do what comes next; whether nothing is left to do."""
        try:
            self._book.hold()
            return self._look()
        except TemporaryError as error:
            # An API server that is busy or away for a moment: the next look decides anew.
            self._await(error.message)
            return False

    def _look(self) -> bool:
        from telamon.plan.draining import Await
        from telamon.plan.rolling import Turn, next_turn
        from telamon.platforms.kubernetes.draining import look

        found = next_turn(look(self._book.api), self.roll)
        if isinstance(found, Turn):
            self._empty(found.machine)
            return False
        if isinstance(found, Await):
            self._await(found.words)
            return False
        now = self._session.clock.now()
        self._well_since = now if self._well_since is None else self._well_since
        return now - self._well_since >= STEADY

    def _empty(self, machine: Machine) -> None:
        place = [each.uid for each in self.roll.machines].index(machine.uid) + 1
        self._say(f"{place} of {len(self.roll.machines)}: {machine.name}")
        try:
            empty(
                self._session,
                self._book.api,
                name=machine.name,
                timeout=self._left(),
                meanwhile=self._book.hold,
            )
        except NotReadyError as error:
            if isinstance(error, TimeoutExpired):
                raise
            # Whoever made it took it away meanwhile; the next look tells.
            self._await(error.message)
            return
        self.roll = self.roll.with_emptied(machine.uid)
        self._book.write(self.roll)
        self._since, self._well_since = self._session.clock.now(), None

    def _left(self) -> Duration:
        """What is left of the time for this step."""
        from telamon.units import Duration

        gone = self._session.clock.now() - self._since
        return Duration(max(0, self._max_wait.milliseconds - round(gone * 1000)))

    def _await(self, words: str) -> None:
        self._well_since = None
        self._say(words)
        if not self._left().milliseconds:
            raise TimeoutExpired(
                f"nothing has moved on for {self._max_wait}: {words}",
                waited=self._max_wait.seconds,
                remedy=AGAIN,
            )

    def _say(self, words: str) -> None:
        if words != self._words:
            self._session.terminal.note(words)
        self._words = words


def rolled(
    session: Session, api: Api, *, wish: Wish, dry_run: bool, yes: bool, max_wait: Duration
) -> MachinesRolled:
    """Replace what somebody wants to be replaced, or show what that would be.

    Args:
        session: who asks.
        api: the API server.
        wish: which machines; an empty one for those of the roll that is in progress.
        dry_run: whether to show it alone.
        yes: whether the question is answered beforehand.
        max_wait: how long one step may take at most.

    Raises:
        TelamonError: as :func:`decided`, :func:`take` and :func:`replace_all` say.
    """
    from telamon.cli.roll_words import shown
    from telamon.platforms.kubernetes.draining import demand, look
    from telamon.platforms.kubernetes.rolling import READING, ROLLING, kept

    demand(api, READING if dry_run else ROLLING)
    fleet = look(api)
    roll = decided(fleet, wish, known=kept(api))
    if dry_run or not roll.machines:
        return shown(fleet, roll, done=not roll.machines)
    order = ", ".join(each.name for each in roll.machines if each.uid not in roll.emptied)
    session.confirm(f"One after another these are emptied: {order or 'none any more'}. Go on?", yes=yes)
    with _book(session, api) as book:
        # Whoever had it may have gone on meanwhile, or have begun another.
        roll = decided(look(api), wish, known=kept(api))
        book.write(roll)
        roll = replace_all(session, book, roll=roll, max_wait=max_wait)
        book.write(None)
        return shown(look(api), roll, done=True)


def forgotten(session: Session, api: Api) -> RollForgotten:
    """End a roll that is not done.

    Args:
        session: who asks.
        api: the API server.

    Raises:
        ConflictError: somebody replaces machines just now.
    """
    from telamon.cli.machine_words import RollForgotten
    from telamon.platforms.kubernetes.draining import demand
    from telamon.platforms.kubernetes.rolling import ROLLING, asked_for

    demand(api, ROLLING)
    asked = asked_for(api)
    if asked:
        with _book(session, api) as book:
            book.write(None)
    return RollForgotten(asked)


@contextmanager
def _book(session: Session, api: Api) -> Iterator[Book]:
    """The right to replace machines, for as long as the block lasts."""
    from telamon.platforms.kubernetes.rolling import Book, lease_for

    book = Book(api, lease_for(api, f"{socket.gethostname()}-{os.getpid()}", clock=session.clock))
    take(session, book)
    try:
        yield book
    finally:
        # One that cannot be given back now is over in a few seconds.
        with suppress(TemporaryError, ConflictError):
            book.lease.release()

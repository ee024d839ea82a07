"""Emptying a machine, move by move, with progress shown and a limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from telamon.errors import (
    ConflictError,
    Interrupted,
    NotReadyError,
    RefusedError,
    TemporaryError,
    TimeoutExpired,
)

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.plan.draining import Fleet, Move
    from telamon.platforms.kubernetes.api import Api
    from telamon.units import Duration

LOOKS_EVERY: Final = 2.0
"""Seconds between two looks."""
STEADY: Final = 10.0
"""Seconds for which all must have been well before a pod goes: an operator tells of a change a moment after it."""


def _nothing() -> None:
    """Where nobody has to be told that this goes on."""


def empty(
    session: Session, api: Api, *, name: str, timeout: Duration, meanwhile: Callable[[], None] = _nothing
) -> tuple[str, ...]:
    """Have every pod leave a machine, one by one.

    Args:
        session: whose clock runs and whose terminal shows the progress.
        api: the API server.
        name: of the machine.
        timeout: how long at most.
        meanwhile: called before each look, e.g. to keep a lease; what it raises ends this.

    Returns:
        The pods that were asked to leave, in order.

    Raises:
        RefusedError: something speaks against it that no waiting changes.
        TimeoutExpired: the time is over; the message says what is waited for.
        ConflictError: somebody else lets the machine take pods again meanwhile.
        Interrupted: somebody pressed Ctrl-C.
    """
    emptying = _Emptying(session, api, name, meanwhile)
    began = session.clock.now()
    try:
        while not emptying.step():
            if session.clock.now() - began >= timeout.seconds:
                raise TimeoutExpired(
                    f"{name} is not empty after {timeout}: {emptying.words}",
                    waited=timeout.seconds,
                    remedy="Type it again to go on, or take it back with `telamon machines uncordon`.",
                )
            session.clock.sleep(LOOKS_EVERY)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"{name} takes no new pods, and nothing more is evicted",
            remedy="Type it again to go on, or take it back with `telamon machines uncordon`.",
        ) from error
    return tuple(emptying.evicted)


class _Emptying:
    def __init__(self, session: Session, api: Api, name: str, meanwhile: Callable[[], None]) -> None:
        self._meanwhile = meanwhile
        self._session = session
        self._api = api
        self._name = name
        self._closed = False
        self._well_since: float | None = None
        self.evicted: list[str] = []
        self.words = ""

    def step(self) -> bool:
        """Look, and make the next move; whether nothing is left to do."""
        from telamon.plan.draining import next_move
        from telamon.platforms.kubernetes.draining import look

        self._meanwhile()
        try:
            fleet = look(self._api)
            machine = next((each for each in fleet.machines if each.name == self._name), None)
            if machine is None:
                raise NotReadyError(f"the cluster has no machine {self._name} any more")
            taken_back = self._closed and not machine.closed
            self._closed = machine.closed
            if not taken_back:
                return self._make(fleet, next_move(fleet, machine))
        except (TemporaryError, ConflictError) as error:
            # A disruption budget that allows nothing now, an API server that is busy, an object that has moved on: the
            # next look decides anew.
            self._well_since = None
            self._say(error.message)
            return False
        raise ConflictError(
            f"somebody lets {self._name} take pods again; nothing more is evicted",
            remedy="Type it again if it is to be emptied all the same.",
        )

    def _make(self, fleet: Fleet, move: Move) -> bool:
        from telamon.plan.draining import Await, Close, Evict, Refuse
        from telamon.platforms.kubernetes.draining import close, evict

        match move:
            case Refuse():
                raise RefusedError(move.words, guard=move.guard, remedy=move.remedy)
            case Await():
                self._well_since = None
                self._say(move.words)
            case Close():
                close(self._api, self._name, move=move)
                self._say(f"{self._name} takes no new pods")
            case Evict():
                if self._is_steady(fleet):
                    evict(self._api, move)
                    self._well_since = None
                    self.evicted.append(move.pod.path)
                    self._say(f"{move.pod.path} is asked to leave")
            case _:
                return True
        return False

    def _is_steady(self, fleet: Fleet) -> bool:
        """Whether all has been well for long enough; where no stack is concerned, nobody has to tell."""
        machine = next(each for each in fleet.machines if each.name == self._name)
        now = self._session.clock.now()
        if self._well_since is None:
            self._well_since = now
        return not fleet.stacks(machine) or now - self._well_since >= STEADY

    def _say(self, words: str) -> None:
        if words != self.words:
            self._session.terminal.note(f"{self._name}: {words}")
        self.words = words

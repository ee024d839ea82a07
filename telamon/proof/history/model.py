"""A history: what was asked, when, by whom, how it ended, and what it showed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from telamon.products.traffic import Act, Promise, Shape
from telamon.proof.meaning import Seen


class Outcome(StrEnum):
    """How an operation ended, as far as its client can know."""

    OK = "ok"
    """It was acknowledged, or answered."""
    FAIL = "fail"
    """It was refused: it has not happened and never will."""
    INFO = "info"
    """There was no answer, or none that settles it: it may have happened, may happen later, or never."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a history. Instants are seconds after the beginning of the run.

    Attributes:
        number: place in the record, from 0; unique in a history.
        session: who asked; a session reads its own writes. Below 0 for a request that belongs to none.
        kind: name of its kind, for people.
        act: what it does.
        shape: of the thing.
        thing: name of the thing.
        began: when it was sent, or, of one that has not succeeded, when the generator came to it.
        ended: when its answer was complete; of one that ended as INFO, when its client gave up.
        outcome: how it ended.
        token: what it wrote, removed or opened; "" of a read.
        aim: version that a write was to make; 0 where it named none.
        seen: what a read or opening showed, or what was acknowledged or sent; ``None`` for nothing.
        promise: what is promised of what it shows.
        copies: how often the token of one element must stand in what is shown.
    """

    number: int
    session: int
    kind: str
    act: Act
    shape: Shape
    thing: str
    began: float
    ended: float
    outcome: Outcome
    token: str = ""
    aim: int = 0
    seen: Seen | None = None
    promise: Promise = Promise.STRICT
    copies: int = 1

    @property
    def ok(self) -> bool:
        """Whether it was acknowledged or answered."""
        return self.outcome is Outcome.OK

    @property
    def writes(self) -> bool:
        """Whether it changes its thing."""
        return self.act in {Act.ADD, Act.REMOVE, Act.SET}

    def before(self, other: Operation) -> bool:
        """Whether this one had been answered when the other was sent, so that it must have come first."""
        return self.outcome is Outcome.OK and self.ended < other.began


@dataclass(frozen=True)
class History:
    """All operations of a run that say something about a thing, in the order of the record.

    Attributes:
        operations: the operations; instants of one history are of one clock.
    """

    operations: Sequence[Operation]

    def things(self) -> Mapping[str, Sequence[Operation]]:
        """The operations by thing; within a thing by the instant at which they began."""
        found: dict[str, list[Operation]] = {}
        for operation in self.operations:
            found.setdefault(operation.thing, []).append(operation)
        for own in found.values():
            own.sort(key=lambda operation: (operation.began, operation.number))
        return found

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def __len__(self) -> int:
        return len(self.operations)

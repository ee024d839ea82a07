"""Builders of histories: a line an operation, each on an instant of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from telamon.products.traffic import Act, Promise, Shape
from telamon.proof.history.checker import check
from telamon.proof.history.model import History, Operation, Outcome
from telamon.proof.history.verdict import Verdict
from telamon.proof.meaning import Seen


@dataclass
class Story:
    """A history that is told in order: each operation begins when the one before has ended.

    Attributes:
        shape: of the one thing that it is about.
        promise: of its reads.
        copies: how often a token stands in what is shown.
    """

    shape: Shape
    promise: Promise = Promise.STRICT
    copies: int = 1
    told: list[Operation] = field(default_factory=list)

    def write(self, token: str, *, by: int = 0, outcome: Outcome = Outcome.OK, **more: Any) -> Operation:
        act = Act.ADD if self.shape is Shape.BAG else Act.SET
        return self.tell(act, by=by, token=token, outcome=outcome, **more)

    def remove(self, token: str, *, by: int = 0, outcome: Outcome = Outcome.OK) -> Operation:
        return self.tell(Act.REMOVE, by=by, token=token, outcome=outcome)

    def read(self, *tokens: str, by: int = 0, version: int = 0, **more: Any) -> Operation:
        return self.tell(Act.READ, by=by, seen=Seen(tokens, version), **more)

    def open(self, token: str, *, by: int = 0, **seen: Any) -> Operation:
        return self.tell(Act.OPEN, by=by, token=token, seen=Seen(**seen))

    def tell(self, act: Act, *, by: int, **more: Any) -> Operation:
        number = len(self.told)
        given: dict[str, Any] = {"began": float(number), "ended": number + 0.5, "outcome": Outcome.OK} | more
        operation = Operation(
            number=number,
            session=by,
            kind=act.value,
            act=act,
            shape=self.shape,
            thing="thing",
            promise=self.promise,
            copies=self.copies,
            **given,
        )
        self.told.append(operation)
        return operation

    def verdict(self) -> Verdict:
        return check(History(self.told))

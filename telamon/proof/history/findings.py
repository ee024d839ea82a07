"""Collects anomalies: one for each fault of an element, with the witness in order."""

from __future__ import annotations

from dataclasses import dataclass, field

from telamon.proof.history.model import Operation
from telamon.proof.history.verdict import Anomaly, Fault


@dataclass
class Findings:
    """What is wrong with one thing.

    Attributes:
        thing: its name.
    """

    thing: str
    _found: dict[tuple[Fault, str], Anomaly] = field(default_factory=dict)

    def add(self, fault: Fault, element: str, *, words: str, witness: tuple[Operation | None, ...]) -> None:
        """Note an anomaly, unless the same fault of the same element is known.

        Args:
            fault: its name.
            element: token that it is about; "" for the thing as a whole.
            words: what happened.
            witness: the operations that show it, in any order; ``None`` stands for one that is not needed.
        """
        key = (fault, element)
        if key in self._found:
            return
        needed = {operation.number: operation for operation in witness if operation is not None}
        ordered = sorted(needed.values(), key=lambda operation: (operation.began, operation.number))
        self._found[key] = Anomaly(fault, self.thing, words, tuple(ordered))

    def knows(self, element: str) -> bool:
        """Whether anything is wrong with an element."""
        return any(known == element for _, known in self._found)

    def all(self) -> list[Anomaly]:
        """Every anomaly, in the order in which they were found."""
        return list(self._found.values())

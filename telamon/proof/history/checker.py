"""Judge a whole history: each thing by the rules of its shape."""

from __future__ import annotations

from collections.abc import Sequence

from telamon.products.traffic import Act, Shape
from telamon.proof.history.bags import check_bag
from telamon.proof.history.model import History, Operation, Outcome
from telamon.proof.history.registers import check_register
from telamon.proof.history.verdict import Anomaly, Verdict
from telamon.proof.history.versions import check_versions, has_versions


def check(history: History) -> Verdict:
    """Find what cannot have happened if every product kept its promises.

    Args:
        history: all operations of a run.

    Returns:
        The verdict; anomalies by thing, and within a thing in the order in which they were found.
    """
    anomalies: list[Anomaly] = []
    read_back = 0
    things = history.things()
    for thing, operations in things.items():
        anomalies += _judge(thing, operations)
        read_back += _read_back(operations)
    writes = [operation for operation in history if operation.writes]
    return Verdict(
        operations=len(history),
        things=len(things),
        acknowledged=sum(1 for write in writes if write.ok),
        unknown=sum(1 for write in writes if write.outcome is Outcome.INFO),
        read_back=read_back,
        anomalies=tuple(anomalies),
    )


def _judge(thing: str, operations: Sequence[Operation]) -> Sequence[Anomaly]:
    shape = operations[0].shape
    if shape is Shape.BAG:
        return check_bag(thing, operations)
    if shape is Shape.REF or has_versions(operations):
        return check_versions(thing, operations)
    return check_register(thing, operations)


def _read_back(operations: Sequence[Operation]) -> int:
    """How many acknowledged writes of a thing were followed by an answer that shows the thing."""
    looks = [one for one in operations if one.act in {Act.READ, Act.OPEN} and one.ok and one.seen is not None]
    last = max((look.began for look in looks), default=float("-inf"))
    return sum(1 for one in operations if one.writes and one.ok and one.ended < last)

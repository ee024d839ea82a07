"""Judge a whole history: each thing by the rules of its shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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
        anomalies += [_with_least(anomaly, operations) for anomaly in _judge(thing, operations)]
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


def _with_least(anomaly: Anomaly, operations: Sequence[Operation]) -> Anomaly:
    """Find the least that shows an anomaly.

    Each rule names all that it looked at, and knows no other rule: something may be left out of it, and now and then
    what it names shows something else when it stands alone.
    """
    witness: Sequence[Operation] = anomaly.witness
    if not _shows(anomaly, witness):
        witness = operations
    size = max(len(witness) // 2, 1)
    while size:
        before, place = len(witness), 0
        while place < len(witness):
            rest = [*witness[:place], *witness[place + size :]]
            if rest and _shows(anomaly, rest):
                witness = rest
            else:
                place += size
        # One that is needed may become needless when a later one has gone: the last round is repeated until none has.
        if size > 1 or len(witness) == before:
            size //= 2
    return replace(anomaly, witness=tuple(witness))


def _shows(anomaly: Anomaly, operations: Sequence[Operation]) -> bool:
    found = _judge(anomaly.thing, operations)
    return any((one.fault, one.words) == (anomaly.fault, anomaly.words) for one in found)


def _read_back(operations: Sequence[Operation]) -> int:
    """How many acknowledged writes of a thing were followed by an answer that shows the thing."""
    looks = [one for one in operations if one.act in {Act.READ, Act.OPEN} and one.ok and one.seen is not None]
    last = max((look.began for look in looks), default=float("-inf"))
    return sum(1 for one in operations if one.writes and one.ok and one.ended < last)

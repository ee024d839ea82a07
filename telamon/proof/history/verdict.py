"""What the checker says: each thing that went wrong by name, with the few operations that show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from telamon.proof.history.model import Operation


class Fault(StrEnum):
    """What can be wrong with a history; :data:`telamon.proof.history.words.MEANINGS` says each for people."""

    LOST = "lost"
    DUPLICATED = "duplicated"
    TORN = "torn"
    RESURRECTED = "resurrected"
    STALE_OWN_WRITE = "stale-after-own-write"
    NON_MONOTONIC = "non-monotonic"
    STALE_READ = "stale-read"
    OUT_OF_ORDER = "out-of-order"
    LOST_UPDATE = "lost-update"
    DIRTY_READ = "dirty-read"
    VERSION_GAP = "version-gap"
    DANGLING_ROW = "dangling-row"
    DANGLING_REF = "dangling-ref"
    MISMATCHED = "mismatched-content"


@dataclass(frozen=True)
class Anomaly:
    """One thing that cannot have happened if the product keeps its promises.

    Attributes:
        fault: its name.
        thing: where.
        words: what happened, a sentence for people.
        witness: the operations that show it, by the instant at which they began; none of them can be left out.
    """

    fault: Fault
    thing: str
    words: str
    witness: tuple[Operation, ...]


@dataclass(frozen=True)
class Verdict:
    """The result of a check.

    Attributes:
        operations: how many were looked at.
        things: how many things they were about.
        acknowledged: how many writes had been acknowledged.
        unknown: how many writes may or may not have happened.
        read_back: how many acknowledged writes a later request had the chance to show.
        anomalies: what is wrong; at most one for each fault of an element of a thing.
    """

    operations: int
    things: int
    acknowledged: int
    unknown: int
    read_back: int
    anomalies: Sequence[Anomaly]

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong. A history that shows nothing is clean as well: see :attr:`read_back`."""
        return not self.anomalies

    def counts(self) -> Mapping[str, int]:
        """How often each fault was found, the most frequent first."""
        return dict(Counter(anomaly.fault.value for anomaly in self.anomalies).most_common())

    def document(self) -> Mapping[str, Any]:
        """As plain data, for JSON."""
        return {
            "clean": self.clean,
            "operations": self.operations,
            "things": self.things,
            "acknowledged": self.acknowledged,
            "unknown": self.unknown,
            "read_back": self.read_back,
            "faults": dict(self.counts()),
            "anomalies": [
                {
                    "fault": anomaly.fault.value,
                    "thing": anomaly.thing,
                    "words": anomaly.words,
                    "witness": [_plain(operation) for operation in anomaly.witness],
                }
                for anomaly in self.anomalies
            ],
        }


def _plain(operation: Operation) -> Mapping[str, Any]:
    seen = operation.seen
    return {
        "number": operation.number,
        "session": operation.session,
        "kind": operation.kind,
        "act": operation.act.value,
        "began": operation.began,
        "ended": operation.ended,
        "outcome": operation.outcome.value,
        "token": operation.token,
        "aim": operation.aim,
        "seen": None
        if seen is None
        else {
            "tokens": list(seen.tokens),
            "version": seen.version,
            "size": seen.size,
            "digest": seen.digest,
            "missing": seen.missing,
        },
    }

"""What each fault means, and how an operation is told, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from telamon.products.traffic import Act
from telamon.proof.history.model import Operation, Outcome
from telamon.proof.history.verdict import Fault

MEANINGS: Final[Mapping[Fault, str]] = MappingProxyType(
    {
        Fault.LOST: "a write was acknowledged, and what it wrote is gone",
        Fault.DUPLICATED: "one write is there more than once",
        Fault.TORN: "only a part of a write is there",
        Fault.RESURRECTED: "something that had been removed is there again",
        Fault.STALE_OWN_WRITE: "a session was shown a state from before its own acknowledged write",
        Fault.NON_MONOTONIC: "a session was shown a newer state and then an older one",
        Fault.STALE_READ: "an answer showed a state from before what had been acknowledged or shown to somebody else",
        Fault.OUT_OF_ORDER: "no single order of the writes explains what was shown",
        Fault.LOST_UPDATE: "two writes that started from the same state were both acknowledged",
        Fault.DIRTY_READ: "an answer showed something that was never written, was refused, or was taken back",
        Fault.VERSION_GAP: "versions are there that nobody made",
        Fault.DANGLING_ROW: "a file is listed, and its bytes are not there",
        Fault.DANGLING_REF: "a branch is there, and what it points to is not",
        Fault.MISMATCHED: "the content is that of another write, or of none",
    }
)


def told(operation: Operation) -> str:
    """An operation in a line, as it stands in a witness."""
    who = f"session {operation.session}" if operation.session >= 0 else "nobody's session"
    span = f"{operation.began:9.3f} to {operation.ended:9.3f} s"
    return f"#{operation.number:<6} {span}  {who:<12} {operation.kind}: {_deed(operation)}"


def _deed(operation: Operation) -> str:
    """What it did, and how that ended."""
    ends = {
        Outcome.OK: "acknowledged" if operation.writes else "",
        Outcome.FAIL: "refused",
        Outcome.INFO: "no answer",
    }[operation.outcome]
    version = f" as version {_version(operation)}" if _version(operation) else ""
    did = {
        Act.ADD: f"adds {operation.token}",
        Act.REMOVE: f"removes {operation.token}",
        Act.SET: f"sets {operation.token}{version}",
        Act.READ: f"is shown {_shown(operation)}{version}",
        Act.OPEN: f"opens {operation.token}: {_opened(operation)}",
    }[operation.act]
    return f"{did}, {ends}" if ends else did


def _version(operation: Operation) -> int:
    return (operation.seen.version if operation.seen else 0) or operation.aim


def _shown(operation: Operation) -> str:
    seen = operation.seen
    if seen is None or seen.missing:
        return "that it is not there"
    tokens = list(dict.fromkeys(seen.tokens))
    if not tokens:
        return "nothing of this run"
    return ", ".join(tokens) if len(tokens) <= 3 else f"{len(tokens)} elements up to {tokens[-1]}"


def _opened(operation: Operation) -> str:
    seen = operation.seen
    if seen is None or seen.missing:
        return "not there"
    return f"{seen.size} bytes, digest {seen.digest}" if seen.size >= 0 else "there"

"""Which lines of a record need not be kept, because the engine's memory is the same without them.

See :mod:`telamon.run.recall`, which adds the lines up; a property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from telamon.plan.view import SOLE
from telamon.ports import Entry

SPARE: Final = 100
"""Lines without a use that may gather before they are taken away, all at once."""
KEEPS: Final = 200
"""Lines of what was done that are kept for people."""
FAILURES: Final = 50
"""Failures of a member that are kept; from a few on the back-off grows no more."""
ADDED_UP: Final = frozenset({"fact", "forgotten", "ended", "failure", "healed", "retry", "purge"})
"""Kinds of lines that the memory is made of."""


def surplus(lines: Sequence[Entry]) -> tuple[Entry, ...]:
    """The lines of one component that can go; none as long as they are few.

    Args:
        lines: all that are kept, oldest first.
    """
    needed = {entry.sequence for entry in _needed(lines)}
    gone = tuple(entry for entry in lines if entry.sequence not in needed)
    return gone if len(gone) > SPARE else ()


def _needed(lines: Sequence[Entry]) -> Iterator[Entry]:
    told = [entry for entry in lines if entry.kind not in ADDED_UP]
    yield from told[max(len(told) - KEEPS, 0) :]
    start = max((place for place, entry in enumerate(lines) if entry.kind == "purge"), default=0)
    counted = [entry for entry in lines[start:] if entry.kind in ADDED_UP]
    yield from _facts(counted).values()
    yield from _last(counted, "purge").values()
    yield from _last(counted, "retry").values()
    yield from _last(counted, "healed").values()
    by_member: dict[str, list[Entry]] = {}
    for entry in counted:
        if entry.kind == "failure":
            by_member.setdefault(entry.member, []).append(entry)
    for failures in by_member.values():
        yield from failures[max(len(failures) - FAILURES, 0) :]


def _facts(lines: Sequence[Entry]) -> Mapping[str, Entry]:
    """The line to which each fact goes back that holds at the end."""
    held: dict[str, Entry] = {}
    for entry in lines:
        if entry.kind == "fact":
            begin = next((each for each in SOLE if entry.subject.startswith(each)), None)
            held = {fact: line for fact, line in held.items() if begin is None or not fact.startswith(begin)}
            held[entry.subject] = entry
        elif entry.kind == "forgotten":
            held.pop(entry.subject, None)
        elif entry.kind == "ended":
            held = {fact: line for fact, line in held.items() if not fact.startswith(f"{entry.subject}:")}
    return held


def _last(lines: Sequence[Entry], kind: str) -> Mapping[str, Entry]:
    """The last line of a kind, for each member."""
    return {entry.member: entry for entry in lines if entry.kind == kind}

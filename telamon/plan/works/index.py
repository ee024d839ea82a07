"""Work on the files of search indexes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from telamon.plan.work import Work


@dataclass(frozen=True)
class CopyIndex(Work):
    """Copy the newest commit of a member's index to another member; what is there already is not moved again.

    Attributes:
        source: member that it comes from; it goes on.
        target: member that it goes to.
        switches: whether it is put in place, which asks that the target is stopped or can live with it; else it is
            only gathered beside the target's own.
    """

    kind: ClassVar[str] = "copy-index"
    source: str
    target: str
    switches: bool


@dataclass(frozen=True)
class ClearIndex(Work):
    """Take the index of a stopped member away, so that it recovers one when it starts.

    Attributes:
        member: whose.
    """

    kind: ClassVar[str] = "clear-index"
    member: str


@dataclass(frozen=True)
class TidyIndex(Work):
    """Let go of what copies have left behind.

    Attributes:
        source: member whose files may still be pinned, or "".
        target: member beside whose index something may still lie.
    """

    kind: ClassVar[str] = "tidy-index"
    source: str
    target: str


WORKS: Final[tuple[type[Work], ...]] = (ClearIndex, CopyIndex, TidyIndex)
"""Every kind of work on an index."""

"""An operation in progress, as the planner sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

UPGRADING: Final = frozenset({"upgrade", "major-upgrade"})
"""Operations that change a release."""

UID_SHOWN: Final = 8
"""Characters of a uid that are kept: of the few operations that were ever called alike, no two begin alike."""


@dataclass(frozen=True)
class Course:
    """What an upgrade leads away from, and where to."""

    from_release: str
    to_release: str


@dataclass(frozen=True)
class Running:
    """The operation that a component is in the middle of. There is at most one.

    Attributes:
        name: e.g. ``restart-wiki-3``.
        verb: what it does.
        member: whom it is about, or "".
        params: particulars of the verb.
        since: instant at which it was accepted, seconds.
        cancelled: whether somebody has asked it to end early.
        uid: what the store tells it from an earlier one of its name by; "" where no name comes back.
    """

    name: str
    verb: str
    member: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    since: float = 0.0
    cancelled: bool = False
    uid: str = ""

    @property
    def key(self) -> str:
        """What no other operation is called, nor ever was: its name, and where names come back, whose it is."""
        return f"{self.name}.{self.uid[:UID_SHOWN]}" if self.uid else self.name

    @property
    def course(self) -> Course | None:
        """Which releases it leads between, whatever the stack file says meanwhile; ``None`` for what is no upgrade."""
        old, new = self.params.get("from"), self.params.get("to")
        return Course(old, new) if self.verb in UPGRADING and old and new else None

    def fact(self, what: str) -> str:
        """The name of a fact of this operation alone; it is forgotten when the operation has ended."""
        return f"{self.key}:{what}"

    def job(self, what: str) -> str:
        """The name of a job of this operation alone."""
        return f"{self.key}/{what}"

"""An operation in progress, as the planner sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    """

    name: str
    verb: str
    member: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    since: float = 0.0
    cancelled: bool = False

    def fact(self, what: str) -> str:
        """The name of a fact of this operation alone; it is forgotten when the operation has ended."""
        return f"{self.name}:{what}"

    def job(self, what: str) -> str:
        """The name of a job of this operation alone."""
        return f"{self.name}/{what}"

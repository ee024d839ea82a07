"""Long work as data: what a platform is asked to do as a job that outlives the controller.

One frozen dataclass a kind, in :mod:`telamon.plan.works`. Its fields are plain data (text, numbers, tuples of them),
because a platform writes them down and hands them to another process; secrets are named, never held.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Work:
    """Base of every kind of work.

    Attributes:
        kind: the name under which a platform finds who does it.
    """

    kind: ClassVar[str]

    def document(self) -> dict[str, Any]:
        """The work as JSON data; :func:`telamon.plan.works.registry.read` makes it a work again."""
        return {"kind": self.kind, **asdict(self)}

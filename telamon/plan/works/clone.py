"""The work by which a copy of another stack begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from telamon.plan.work import Work


@dataclass(frozen=True)
class SeedClone(Work):
    """Put the data of another stack's backup in place of none, changed so that they do not act as the original.

    Attributes:
        name: of the backup.
    """

    kind: ClassVar[str] = "seed-clone"
    name: str


WORKS: tuple[type[Work], ...] = (SeedClone,)

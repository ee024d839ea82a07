"""Work on the network that delivers static files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from telamon.plan.work import Work


@dataclass(frozen=True)
class InvalidateDistribution(Work):
    """Have a distribution forget every file that it keeps, and wait until it has.

    Attributes:
        distribution: its id.
        reference: names this invalidation; asked again under the same name, nothing new is begun.
    """

    kind: ClassVar[str] = "invalidate-distribution"

    distribution: str
    reference: str


WORKS: Final[tuple[type[Work], ...]] = (InvalidateDistribution,)

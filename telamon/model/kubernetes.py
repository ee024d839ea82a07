"""Which minor versions of Kubernetes EKS offers, and until when.

The table is data with a date: it is right for what was announced by :data:`AS_OF`, and says nothing of versions that
were unknown then. Add a line when a version is offered, and change :data:`AS_OF` with it; the default of a stack file
follows by :func:`settled`.

Sources: Amazon EKS User Guide, "Understand the Kubernetes version lifecycle on EKS", release calendar (14 months of
standard support, then 12 of extended support, which costs extra). The line of 1.36 follows from its first day, which is
told by reports of its release; the calendar's own copy with that line was not to be had.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

AS_OF: Final = date(2026, 11, 22)
"""Latest announcement that the table takes into account."""

SETTLES: Final = timedelta(days=180)
"""After so long every add-on of EKS and every scanner knows a version, and its first defects are mended."""


@dataclass(frozen=True)
class Offered:
    """A minor version that EKS offers.

    Attributes:
        minor: of Kubernetes 1.
        since: first day.
        standard: last day of standard support.
        extended: last day of extended support; control planes that are still there are upgraded by AWS.
    """

    minor: int
    since: date
    standard: date
    extended: date

    @property
    def version(self) -> str:
        """As a stack file has it, e.g. ``1.36``."""
        return f"1.{self.minor}"


OFFERED: Final = (
    Offered(29, date(2024, 1, 23), date(2025, 3, 23), date(2026, 3, 23)),
    Offered(30, date(2024, 5, 23), date(2025, 7, 23), date(2026, 7, 23)),
    Offered(31, date(2024, 9, 26), date(2025, 11, 26), date(2026, 11, 26)),
    Offered(32, date(2025, 1, 23), date(2026, 3, 23), date(2027, 3, 23)),
    Offered(33, date(2025, 5, 29), date(2026, 7, 29), date(2027, 7, 29)),
    Offered(34, date(2025, 10, 2), date(2026, 12, 2), date(2027, 12, 2)),
    Offered(35, date(2026, 1, 27), date(2027, 3, 27), date(2028, 3, 27)),
    Offered(36, date(2026, 6, 2), date(2027, 8, 2), date(2028, 8, 2)),
)
"""Oldest first; older ones are over."""


def minor_of(version: object) -> int | None:
    """The minor version of what is written, e.g. 36 of ``1.36``; ``None`` where it is no version.

    Args:
        version: in whatever form somebody gives it.
    """
    _, dot, minor = str(version).partition(".")
    return int(minor) if dot and minor.isdigit() else None


def offered(minor: int | None) -> Offered | None:
    """What is known of a minor version; ``None`` where that is nothing.

    Args:
        minor: of Kubernetes 1.
    """
    return next((known for known in OFFERED if known.minor == minor), None)


def settled(today: date) -> Offered:
    """The newest version that has been offered for long enough: what a new stack starts with.

    Args:
        today: the day on which it starts; not before the table begins.
    """
    return next(known for known in reversed(OFFERED) if today - known.since >= SETTLES)

"""Until when the vendor supports a release series.

The table is data with a date: it has the long-term series that were announced by :data:`AS_OF`, and says nothing about
others. Add a line when a series is announced; change :data:`AS_OF` with it.

Source: endoflife.date, pages "Jira Software", "Confluence" and "Bitbucket" (two years from the first release of a
long-term series); the end of Data Center: Atlassian's announcement of its end of life.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

AS_OF: Final = date(2026, 9, 8)
"""Latest announcement that the table takes into account."""

END_OF_DATA_CENTER: Final = date(2029, 3, 28)
"""Licences of :data:`ENDING` end on this day, and the products become read-only."""

ENDING: Final = frozenset({"jira", "confluence"})
"""Products that end for certain. Of Bitbucket no source says whether it does, so nothing is said of it."""


@dataclass(frozen=True)
class Support:
    """The vendor's support of one long-term series.

    Attributes:
        product: name of the product.
        series: first two numbers of its versions, e.g. ``11.3``.
        ends: last day of support.
    """

    product: str
    series: str
    ends: date


SERIES: Final[tuple[Support, ...]] = (
    Support("jira", "11.3", date(2027, 12, 3)),
    Support("jira", "10.3", date(2026, 12, 5)),
    Support("jira", "9.12", date(2025, 11, 29)),
    Support("confluence", "10.2", date(2027, 12, 2)),
    Support("confluence", "9.2", date(2026, 12, 10)),
    Support("confluence", "8.5", date(2025, 12, 15)),
    Support("bitbucket", "9.4", date(2026, 12, 3)),
    Support("bitbucket", "8.19", date(2026, 3, 12)),
)


def support_of(product: str, version: str) -> Support | None:
    """Look up the series of a version.

    Args:
        product: name of the product.
        version: e.g. ``11.3.1``.

    Returns:
        What is known about its series; ``None`` where the table does not know it.
    """
    series = ".".join(version.split(".")[:2])
    return next((known for known in SERIES if (known.product, known.series) == (product, series)), None)


def lasting_longest(product: str) -> Support | None:
    """The series of a product that is supported longest.

    Args:
        product: name of the product.

    Returns:
        What is known about it; ``None`` where the table does not know the product.
    """
    series = (known for known in SERIES if known.product == product)
    return max(series, key=lambda known: known.ends, default=None)

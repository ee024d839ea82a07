"""Releases of Confluence that are known: the newest of each line that was supported in 2026.

Source: endoflife.date, products/confluence.md, which reads the vendor's list of downloads.
"""

from __future__ import annotations

from typing import Final

NEWEST: Final = (
    "10.2.18",
    "10.1.2",
    "10.0.3",
    "9.5.4",
    "9.4.1",
    "9.3.2",
    "9.2.25",
    "9.1.1",
    "9.0.3",
    "8.9.8",
    "8.8.1",
    "8.7.2",
    "8.6.2",
    "8.5.31",
)

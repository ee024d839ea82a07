"""Releases of Jira that are known: the newest of each line that was supported in 2026.

Source: endoflife.date, products/jira-software.md, which reads the vendor's list of downloads.
"""

from __future__ import annotations

from typing import Final

NEWEST: Final = (
    "11.3.5",
    "11.2.1",
    "11.1.1",
    "11.0.1",
    "10.7.4",
    "10.6.1",
    "10.5.1",
    "10.4.1",
    "10.3.20",
    "10.2.1",
    "10.1.2",
    "10.0.1",
    "9.17.5",
    "9.16.1",
    "9.15.2",
    "9.14.1",
    "9.13.1",
    "9.12.34",
)

"""Releases of Bitbucket that are known: the newest of each line that was supported in 2026.

Source: endoflife.date, products/bitbucket.md, which reads the vendor's list of downloads; and the vendor's Helm
chart 2.0.9, which brings 9.4.16.
"""

from __future__ import annotations

from typing import Final

NEWEST: Final = (
    "9.6.4",
    "9.5.2",
    "9.4.16",
    "9.3.2",
    "9.2.1",
    "9.1.1",
    "9.0.1",
    "8.19.20",
)

"""Time zones by name. Their rules are a table of the installation; no clock is read here."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UNIVERSAL = "UTC"


def zone(name: str) -> tzinfo | None:
    """The rules of a time zone; ``None`` where this installation does not know it."""
    if name == UNIVERSAL:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None

"""The phase a node reports about itself."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """What a node says it is. The names are the products' own, but for UNREACHABLE."""

    UNREACHABLE = "UNREACHABLE"
    """No answer, or one that is not a status."""
    STARTING = "STARTING"
    FIRST_RUN = "FIRST_RUN"
    """Up, and waiting for its set-up pages to be walked."""
    RUNNING = "RUNNING"
    MAINTENANCE = "MAINTENANCE"
    ERROR = "ERROR"
    STOPPING = "STOPPING"

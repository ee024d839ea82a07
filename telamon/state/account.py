"""Users of the machine that programs of ours run as."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """A user of this machine that the database runs as, because PostgreSQL refuses to run as root."""

    name: str
    uid: int
    gid: int

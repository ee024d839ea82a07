"""Gathering what tells later why a member was sick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from telamon.plan.work import Work


@dataclass(frozen=True)
class GatherEvidence(Work):
    """Write dumps, logs and the state of things around a member into one archive, without secrets.

    Attributes:
        member: whom it is about.
    """

    kind: ClassVar[str] = "gather-evidence"

    member: str

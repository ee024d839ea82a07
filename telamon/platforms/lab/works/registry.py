"""Who does which kind of work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from telamon.plan.works.evidence import GatherEvidence
from telamon.platforms.lab.works import backup, clone, evidence, index, rotation
from telamon.platforms.lab.works.context import Context

Doer = Callable[[Context, Any], str]
"""Does a work of one kind, safe to do again after it was cut off anywhere; returns the job's result."""

DOERS: Final[Mapping[str, Doer]] = MappingProxyType(
    {
        **backup.DOERS,
        **clone.DOERS,
        GatherEvidence.kind: evidence.gather,
        **index.DOERS,
        **rotation.DOERS,
    }
)
"""By kind."""

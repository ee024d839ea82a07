"""Every kind of work, and how one is read back from what a platform wrote down."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from telamon.errors import PlatformError
from telamon.plan.work import Work
from telamon.plan.works import backup, cdn, clone, index, rotation
from telamon.plan.works.evidence import GatherEvidence

KINDS: Final[tuple[type[Work], ...]] = (
    *backup.WORKS,
    *cdn.WORKS,
    *clone.WORKS,
    GatherEvidence,
    *index.WORKS,
    *rotation.WORKS,
)
WORKS: Final[Mapping[str, type[Work]]] = MappingProxyType({work.kind: work for work in KINDS})
"""By kind."""


def read(document: Mapping[str, Any]) -> Work:
    """Make a work of its document.

    Raises:
        PlatformError: it is of a kind that this version does not know, or its fields are not those of its kind.
    """
    kind = str(document.get("kind", ""))
    if kind not in WORKS:
        raise PlatformError(
            f"no work is called {kind}", remedy="It was begun by another version: begin it again."
        )
    fields = {name: _plain(value) for name, value in document.items() if name != "kind"}
    try:
        return WORKS[kind](**fields)
    except TypeError as error:
        raise PlatformError(
            f"a work called {kind} has other particulars",
            remedy="It was begun by another version: begin it again.",
        ) from error


def _plain(value: Any) -> Any:
    return tuple(_plain(one) for one in value) if isinstance(value, list) else value

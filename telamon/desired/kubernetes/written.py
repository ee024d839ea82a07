"""A Stack or an Operation on a cluster, as people have written it there."""

from __future__ import annotations

from typing import Any, Final

from telamon.desired.kubernetes.data import Object
from telamon.naming import GROUP, VERSION

DOWNTIME: Final = f"{GROUP}/downtime"
"""Annotation: components, with commas, for which a planned interruption is agreed to."""


def document(item: Object) -> dict[str, Any]:
    """What it says, as a file would, without what the API server has added.

    Args:
        item: the object.
    """
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": item["kind"],
        "metadata": {"name": item["metadata"]["name"]},
        "spec": dict(item["spec"]),
    }


def agreed(item: Object) -> list[str]:
    """Components for which a planned interruption is agreed to.

    Args:
        item: a Stack.
    """
    words = str((item["metadata"].get("annotations") or {}).get(DOWNTIME, ""))
    return sorted({name.strip() for name in words.split(",") if name.strip()})

"""The difference of two documents as a JSON merge patch. Source: RFC 7396."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merge(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What a merge patch has to say, so that one document becomes the other; nothing where they are the same.

    Args:
        before: as it is.
        after: as it is to be; a key with ``None`` counts as one that is not there, as a patch cannot write it.
    """
    changes: dict[str, Any] = {}
    for key in (*after, *(key for key in before if after.get(key) is None)):
        old, new = before.get(key), after.get(key)
        if new is None:
            if key in before:
                changes[key] = None
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            deeper = merge(old, new)
            if deeper:
                changes[key] = deeper
        elif old != new:
            changes[key] = _plain(new)
    return changes


def _plain(value: Any) -> Any:
    """A value without the keys that have none, in it or below."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    return value

"""Objects that are there already under a name that a stack needs, and are not Telamon's: taken over by a word alone.

Server-side apply by force would take them over without anybody having said so. Ours is what carries the labels of its
component, or what our field manager has applied before. Source: Kubernetes, "Server-Side Apply" (conflicts, ``force``,
``managedFields``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from telamon.desired.kubernetes.data import Object
from telamon.errors import PlatformError, RefusedError
from telamon.naming import GROUP, LABEL_COMPONENT, LABEL_STACK, MANAGER

ADOPT: Final = f"{GROUP}/adopt"
"""Annotation of an object that somebody hands over: the name of the stack that may have it."""
NAMED: Final = 5
"""Objects that a refusal names; the rest is counted."""


def is_foreign(live: Object, wanted: Object) -> bool:
    """Whether an object is somebody else's, and nobody has handed it over.

    Args:
        live: as the API server returns it.
        wanted: as it was rendered.
    """
    metadata, own = live["metadata"], wanted["metadata"].get("labels") or {}
    stack = own.get(LABEL_STACK)
    if (metadata.get("annotations") or {}).get(ADOPT) == stack:
        return False
    labels = metadata.get("labels") or {}
    if labels.get(LABEL_STACK) not in {None, stack}:
        return True
    is_labelled = all(labels.get(key) == own.get(key) for key in (LABEL_STACK, LABEL_COMPONENT))
    return not is_labelled and not any(
        entry.get("manager") == MANAGER and entry.get("operation") == "Apply"
        for entry in metadata.get("managedFields") or ()
    )


def refuse_foreign(found: Iterable[tuple[Object | None, Object]]) -> None:
    """Refuse to write over what is somebody else's; all of it is told at once.

    Args:
        found: each object as it lives, where it does, and as it was rendered.

    Raises:
        RefusedError: something is; nothing was touched.
    """
    foreign = [(live, wanted) for live, wanted in found if live is not None and is_foreign(live, wanted)]
    if not foreign:
        return
    names = [_told(live) for live, _ in foreign]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    live, wanted = foreign[0]
    metadata = live["metadata"]
    word = f"{ADOPT}={wanted['metadata']['labels'][LABEL_STACK]}"
    raise RefusedError(
        f"{', '.join(names[:NAMED])}{more} is there already, and is not Telamon's",
        guard="objects-are-telamons",
        remedy="Remove it, or hand it over with all that is in it: `kubectl annotate"
        f" {str(live['kind']).lower()} {metadata['name']} --namespace {metadata.get('namespace', '')} {word}`.",
    )


def refuse_other_pods(live: Object | None, wanted: Object) -> None:
    """Refuse a StatefulSet that chooses its pods by other labels: those of one that is there cannot be changed.

    Args:
        live: as the API server returns it, where it is there.
        wanted: as it was rendered.

    Raises:
        PlatformError: it does.
    """
    if live is None or live["spec"]["selector"] == wanted["spec"]["selector"]:
        return
    metadata = live["metadata"]
    raise PlatformError(
        f"{_told(live)} cannot be taken over: it chooses its pods by other labels, and those cannot be changed",
        remedy=f"`kubectl delete statefulset {metadata['name']} --namespace {metadata['namespace']} --cascade=orphan`"
        " takes it away and lets its pods go on; delete those once nobody needs them.",
    )


def _told(live: Object) -> str:
    metadata = live["metadata"]
    managers = {str(entry.get("manager")) for entry in metadata.get("managedFields") or ()}
    by = f" (written by {', '.join(sorted(managers))})" if managers else ""
    return f"{live['kind']} {metadata.get('namespace', '')}/{metadata['name']}{by}"

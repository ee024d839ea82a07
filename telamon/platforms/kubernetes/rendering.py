"""Pods that run as another Telamon has rendered what is still asked for: they stay, and say so.

A pod carries the revision of the template that it was made of, and a fingerprint of what was asked for then. Where the
second is what is asked for now, only Telamon has changed, and nobody restarts a node of a product for that
(`docs/adr/0057-own-upgrade-restarts-nobody.md`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from telamon.desired.kubernetes.data import Object
from telamon.naming import ANNOTATION_ASKED, ANNOTATION_RELEASE, ANNOTATION_RENDERED, ANNOTATION_REVISION


def is_as_asked(pod: Object, wanted: Mapping[str, Any], *, live: Object | None) -> bool:
    """Whether a pod runs with all that is asked for now, however it was rendered.

    Args:
        pod: as it is.
        wanted: the StatefulSet as this Telamon renders it.
        live: the one that is there; ``None`` where there is none.
    """
    own, told = _annotations(pod), _annotations(wanted["spec"]["template"])
    if own.get(ANNOTATION_REVISION) == told.get(ANNOTATION_REVISION):
        return True
    if own.get(ANNOTATION_RELEASE, told.get(ANNOTATION_RELEASE)) != told.get(ANNOTATION_RELEASE):
        return False
    if own.get(ANNOTATION_ASKED) is not None and own[ANNOTATION_ASKED] == told.get(ANNOTATION_ASKED):
        return True
    if live is None:
        return False
    made = _annotations(live["spec"]["template"])
    if own.get(ANNOTATION_REVISION) != made.get(ANNOTATION_REVISION):
        return False
    # One that does not say what was asked was rendered by a Telamon that wrote nothing down of it.
    return made.get(ANNOTATION_ASKED) in {None, told.get(ANNOTATION_ASKED)}


def is_of_earlier(pod: Object, wanted: Mapping[str, Any], *, live: Object | None) -> bool:
    """Whether a pod is as it is asked for, and was rendered otherwise than this Telamon does.

    Args:
        pod: as it is.
        wanted: the StatefulSet as this Telamon renders it.
        live: the one that is there; ``None`` where there is none.
    """
    return is_as_asked(pod, wanted, live=live) and rendered_as(pod) != _revision(wanted["spec"]["template"])


def rendered_as(pod: Object) -> str:
    """The revision of the template that a pod was really made of."""
    return _annotations(pod).get(ANNOTATION_RENDERED) or _revision(pod)


def taken_over(
    pod: Object, sets: Sequence[Mapping[str, Any]], *, live: Object | None
) -> dict[str, Any] | None:
    """What has to be written on a pod so that it counts as one of what this Telamon renders; ``None`` for nothing.

    It is written before the StatefulSet is, for afterwards nobody knows any more what that was rendered for.

    Args:
        pod: as it is.
        sets: the StatefulSets that this Telamon renders, of the release in force and of one that is asked for.
        live: the one that is there.
    """
    for wanted in sets:
        if not is_as_asked(pod, wanted, live=live):
            continue
        told = _annotations(wanted["spec"]["template"])
        if _revision(pod) == told.get(ANNOTATION_REVISION):
            return None
        made = rendered_as(pod)
        return {
            ANNOTATION_REVISION: told[ANNOTATION_REVISION],
            ANNOTATION_ASKED: told[ANNOTATION_ASKED],
            ANNOTATION_RENDERED: None if made == told[ANNOTATION_REVISION] else made,
        }
    return None


def _revision(item: Mapping[str, Any]) -> str:
    return _annotations(item).get(ANNOTATION_REVISION, "")


def _annotations(item: Mapping[str, Any]) -> Mapping[str, str]:
    return item["metadata"].get("annotations") or {}

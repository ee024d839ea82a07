"""Bringing to a cluster what is installed there once, and taking it away: definitions of resources, the operator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from telamon.desired.kubernetes.data import Object
from telamon.errors import NotReadyError, RefusedError
from telamon.naming import API_VERSION, STACK_KIND
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.covering import covered

Change = Literal["made", "changed", "same"]
DEFINITION: Final = "CustomResourceDefinition"
STACK: Final = Kind(API_VERSION, STACK_KIND)


def bring(api: Api, objects: Sequence[Object]) -> tuple[tuple[Object, Change], ...]:
    """Bring objects to a cluster; what is so already is not written.

    Args:
        api: the API server, as somebody who may write them.
        objects: as :func:`telamon.stackfile.crds.custom_resources` and
            :func:`telamon.desired.kubernetes.installation.installation` make them.

    Returns:
        Each, and what became of it.

    Raises:
        RefusedError: the cluster keeps objects in a version that these definitions do not know; nothing was touched.
    """
    seen = [(item, _find(api, item)) for item in objects]
    for item, live in seen:
        if live is not None and item["kind"] == DEFINITION:
            _refuse_foreign(item, live)
    return tuple(_brought(api, seen))


def take_away(api: Api, objects: Sequence[Object], *, leave: bool) -> tuple[Object, ...]:
    """Take objects off a cluster again, the last first; one that is gone is no error.

    Args:
        api: the API server, as somebody who may delete them.
        objects: as they were brought.
        leave: whether Stacks may be left that nobody keeps then.

    Returns:
        Those that were there.

    Raises:
        RefusedError: there are Stacks; nothing was touched.
    """
    kept = _stacks(api)
    if kept and not leave:
        raise RefusedError(
            f"the cluster has {len(kept)} Stacks, which nobody would keep then: {', '.join(kept[:5])}",
            guard="stacks-are-gone",
            remedy="Delete them first, which keeps their volumes, or say --leave-stacks: their pods go on.",
        )
    found = [live for item in reversed(objects) if (live := _find(api, item)) is not None]
    for live in found:
        api.delete(live)
    return tuple(found)


def _stacks(api: Api) -> list[str]:
    try:
        found = api.list(STACK, namespace="", labels={})
    except NotReadyError:
        # The cluster does not even know the kind.
        return []
    return [f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in found]


def _find(api: Api, item: Object) -> Object | None:
    namespace = str(item["metadata"].get("namespace", ""))
    return api.get(Kind.of(item), _name(item), namespace=namespace)


def _brought(api: Api, seen: Sequence[tuple[Object, Object | None]]) -> Iterator[tuple[Object, Change]]:
    for item, live in seen:
        if live is not None and covered(live, item):
            yield item, "same"
            continue
        api.apply(item, over=live)
        yield item, "made" if live is None else "changed"


def _refuse_foreign(item: Object, live: Object) -> None:
    """Refuse to take a version away in which objects are kept: nobody could read them any more.

    Source: Kubernetes, "Versions in CustomResourceDefinitions", on ``status.storedVersions``.
    """
    known = {version["name"] for version in item["spec"]["versions"]}
    foreign = sorted(set(live.get("status", {}).get("storedVersions") or ()) - known)
    if foreign:
        raise RefusedError(
            f"the cluster keeps {_name(item)} in {', '.join(foreign)}, which this Telamon does not know",
            guard="stored-versions",
            remedy="Use the Telamon that has installed them, or a later one.",
        )


def _name(item: Object) -> str:
    return str(item["metadata"]["name"])

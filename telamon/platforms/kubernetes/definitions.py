"""Bringing the definitions of our custom resources to a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from telamon.desired.kubernetes.data import Object
from telamon.errors import RefusedError
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.covering import covered

Change = Literal["made", "changed", "same"]


def bring(api: Api, definitions: Sequence[Object]) -> tuple[tuple[str, Change], ...]:
    """Bring definitions to a cluster; what is so already is not written.

    Args:
        api: the API server, as somebody who may write definitions.
        definitions: as :func:`telamon.stackfile.crds.custom_resources` makes them.

    Returns:
        The name of each, and what became of it.

    Raises:
        RefusedError: the cluster keeps objects in a version that these definitions do not know; nothing was touched.
    """
    seen = [(item, api.get(Kind.of(item), _name(item))) for item in definitions]
    for item, live in seen:
        if live is not None:
            _refuse_foreign(item, live)
    return tuple(_brought(api, seen))


def _brought(api: Api, seen: Sequence[tuple[Object, Object | None]]) -> Iterator[tuple[str, Change]]:
    for item, live in seen:
        if live is not None and covered(live, item):
            yield _name(item), "same"
            continue
        api.apply(item, over=live)
        yield _name(item), "made" if live is None else "changed"


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

"""Looking which APIs are in use in a cluster that a later version of Kubernetes serves no more. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.removals import REMOVALS, Requested, requested
from telamon.errors import DeniedError, NotReadyError
from telamon.platforms.kubernetes.api import Api, Kind


@dataclass(frozen=True)
class Living:
    """What was seen.

    Attributes:
        objects: of the kinds that lost an API, as their metadata tell of them.
        requested: deprecated APIs that somebody has asked this API server for.
        denied: what could not be looked at, as the API server refused it.
    """

    objects: tuple[Object, ...]
    requested: tuple[Requested, ...]
    denied: tuple[str, ...]


def look(api: Api, *, minor: int) -> Living:
    """Look at every kind that has lost an API, and at what the API server was asked for.

    Args:
        api: the API server.
        minor: of Kubernetes 1, which removals up to are looked for.

    Raises:
        TemporaryError: the API server does not answer.
    """
    denied: list[str] = []
    objects: list[Object] = []
    for kind in _kinds(minor):
        try:
            objects += api.names(kind, namespace="")
        except NotReadyError:
            # A cluster that does not serve the kind at all has no object of it.
            continue
        except DeniedError as error:
            denied.append(error.message)
    asked: tuple[Requested, ...] = ()
    try:
        asked = requested(api.metrics())
    except DeniedError as error:
        denied.append(error.message)
    return Living(tuple(objects), asked, tuple(denied))


def _kinds(minor: int) -> Iterator[Kind]:
    """By the APIs that serve them: who writes in which other one stands in the managed fields."""
    known = {
        (removal.instead, kind) for removal in REMOVALS for kind in removal.kinds if removal.minor <= minor
    }
    for version, kind in sorted(known):
        yield Kind(version, kind)

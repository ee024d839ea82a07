"""Whether what a stack needs, and what the operator may not make, is in force: read, compared, and never written.

Namespaces, roles, policies, quotas and gateways are applied by whoever installs a stack. A spec that was written
without them, or an object that somebody has changed by hand since, is not what the file says, however well pods are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.kubernetes.data import Object
from telamon.errors import DeniedError
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.covering import covers

EXACT: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "NetworkPolicy": ("spec",),
        "ResourceQuota": ("spec",),
        "Role": ("rules",),
        "RoleBinding": ("roleRef", "subjects"),
    }
)
"""Sections in which more than what is rendered is a difference as well: it opens a flow, or gives a right."""
_NEEDED: Final = frozenset({"Accepted", "ResolvedRefs"})
"""Conditions of a listener without which nobody passes. Source: Gateway API 1.6, ``ListenerConditionType``."""


@dataclass(frozen=True)
class Prepared:
    """What was found.

    Attributes:
        lacking: objects that are not there.
        differing: objects that are otherwise than the file says.
        unread: objects that the operator may not look at.
        refused: parts of front doors that no user passes, each with what their controller says of it.
    """

    lacking: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def is_wrong(self) -> bool:
        """Whether somebody has to do something about it; what may not be read can be as it should be."""
        return bool(self.lacking or self.differing or self.refused)


def look(api: Api, objects: Sequence[Object]) -> Prepared:
    """Hold what lives against what is rendered.

    Args:
        api: the API server.
        objects: that somebody else applies.

    Raises:
        TemporaryError: the API server does not answer.
    """
    lacking, differing, unread, refused = [], [], [], []
    for item in objects:
        metadata, name = item["metadata"], _name(item)
        try:
            live = api.get(Kind.of(item), str(metadata["name"]), namespace=str(metadata.get("namespace", "")))
        except DeniedError:
            unread.append(name)
            continue
        if live is None or "deletionTimestamp" in live["metadata"]:
            lacking.append(name)
        elif not covers(live, item) or not all(_exact(live, item)):
            differing.append(name)
        else:
            refused += [f"{name}, listener {words}" for words in _refused(live)]
    return Prepared(tuple(lacking), tuple(differing), tuple(unread), tuple(refused))


def _refused(live: Object) -> Iterator[str]:
    """What a gateway's controller says against its listeners, whose certificate may be no good, e.g.

    Whether it is programmed is another matter: that it is not for a moment each time a proxy starts.
    """
    generation = int(live["metadata"].get("generation", 0))
    for listener in live.get("status", {}).get("listeners") or () if live["kind"] == "Gateway" else ():
        for said in listener.get("conditions") or ():
            is_now = int(said.get("observedGeneration", 0)) >= generation
            if said["type"] in _NEEDED and said["status"] == "False" and is_now:
                yield f"{listener['name']}: {said.get('message') or said['reason']}"


def _exact(live: Object, item: Object) -> Iterator[bool]:
    for section in EXACT.get(str(item["kind"]), ()):
        more, wanted = live.get(section), item.get(section)
        yield covers(_given(wanted), _given(more))


def _given(value: Any) -> Any:
    return {} if value is None else value


def _name(item: Object) -> str:
    metadata = item["metadata"]
    namespace = metadata.get("namespace")
    return f"{item['kind']} {f'{namespace}/' if namespace else ''}{metadata['name']}"

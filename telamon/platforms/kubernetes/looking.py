"""What was seen of a component last, for as long as nothing of it can have changed.

Looking takes about a dozen requests. A component with nothing to do is looked at every half minute, so that a member
which stops answering is noticed; its pods are asked each time, and the API server only where there is a reason: a watch
has told of a change, or breaks; something was done to it; a pod answers otherwise than before; or the last look was
long ago, because nobody watches services and files. So no decision rests on what is known to have changed
(`docs/adr/0042-quiet-looks-are-remembered.md`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Object
from telamon.platforms.kubernetes.objects import Manifests
from telamon.platforms.kubernetes.routing import Routes
from telamon.ports import Clock
from telamon.state.phase import Phase

LASTS: Final = 600.0
"""Seconds for which a look at what nobody watches is good."""


@dataclass(frozen=True)
class Look:
    """What the API server told of a component.

    Attributes:
        pods: all of it.
        objects: what :meth:`telamon.platforms.kubernetes.objects.Manifests.fingerprint` said.
        at: instant before it was asked.
        change: number of the last change that was known then.
        held: whether its users see the maintenance page.
        phases: what its pods said when it was seen; ``None`` before they were asked.
        made_by: the StatefulSet that makes its pods; ``None`` where there is none.
        homes: the claims of members' own volumes.
    """

    pods: tuple[Object, ...]
    objects: str | None
    at: float
    change: int
    held: bool = False
    phases: Mapping[str, Phase] | None = field(default=None)
    made_by: Object | None = None
    homes: tuple[Object, ...] = ()


class Looks:
    """The last look at each component.

    Args:
        manifests: asks the API server.
        routes: asks it for what users see.
        clock: injected time.
    """

    def __init__(self, manifests: Manifests, routes: Routes, clock: Clock) -> None:
        self._manifests = manifests
        self._routes = routes
        self._clock = clock
        self._lock = threading.Lock()
        self._change = 0
        self._changes: dict[str, int] = {}
        self._known: dict[str, Look] = {}
        self._is_whole: Callable[[str], bool] | None = None

    def watched(self, is_whole: Callable[[str], bool]) -> None:
        """Say that somebody calls :meth:`forget` for each change of a pod or a StatefulSet.

        Args:
            is_whole: tells of a namespace whether nothing that happens there is missed.
        """
        self._is_whole = is_whole

    def forget(self, component: str | None = None) -> None:
        """Say that something of a component has changed, or of all; a look that is under way then counts as old."""
        with self._lock:
            self._change += 1
            for name in tuple(self._known) if component is None else (component,):
                self._changes[name] = self._change
                self._known.pop(name, None)

    def look(self, part: KubernetesComponent) -> Look:
        """What is there: as it was seen last, where that still holds.

        Args:
            part: the component.
        """
        with self._lock:
            known, change = self._known.get(part.desired.name), self._change
        if known is not None and self._holds(part, known):
            return known
        at = self._clock.now()
        pods = self._manifests.pods(part)
        held = self._routes.is_held(part)
        made_by = self._manifests.find(part.stateful_set)
        homes = self._manifests.homes(part)
        objects = self._manifests.fingerprint(part, pods, made_by=made_by, homes=homes)
        return Look(pods, objects, at, change, held, made_by=made_by, homes=homes)

    def holds(self, part: KubernetesComponent, found: Look, *, phases: Mapping[str, Phase]) -> bool:
        """Whether a look is fresh, or its pods say the same as then; one that is fresh is remembered.

        Args:
            part: the component.
            found: the look.
            phases: what its pods say now.
        """
        if found.phases is not None:
            return dict(found.phases) == dict(phases)
        with self._lock:
            if self._changes.get(part.desired.name, 0) <= found.change:
                self._known[part.desired.name] = replace(found, phases=dict(phases))
        return True

    def _holds(self, part: KubernetesComponent, known: Look) -> bool:
        is_watched = self._is_whole is not None and self._is_whole(part.part.namespace)
        return is_watched and self._clock.now() - known.at < LASTS

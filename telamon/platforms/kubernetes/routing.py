"""The maintenance page: a component's routes are switched to it and back, and the gateway says when it has taken them.

Source: Gateway API 1.6, ``RouteParentStatus`` (``observedGeneration`` of each condition).
"""

from __future__ import annotations

from typing import Final

from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.holding import HTTP, closed, is_held, standing, told_of
from telamon.errors import PlatformError, TemporaryError
from telamon.platforms.kubernetes.objects import Manifests
from telamon.ports import Clock

TAKEN_WITHIN: Final = 15.0
"""Seconds in which a gateway that is well takes a route; it is a fraction of one."""
FOLLOWED_WITHIN: Final = 1.0
"""Seconds that proxies are given after the gateway has taken a route: it tells nobody when each of them has it."""
LOOKS_AGAIN: Final = 0.05
AGAIN: Final = 1.0


class Routes:
    """The routes of components.

    Args:
        manifests: the objects of components.
        clock: injected time.
    """

    def __init__(self, manifests: Manifests, clock: Clock) -> None:
        self._manifests = manifests
        self._clock = clock

    def switch(self, part: KubernetesComponent, *, held: bool) -> None:
        """Show users the page, or let them in, and return when it is so.

        Args:
            part: the component.
            held: whether they are to see it.

        Raises:
            PlatformError: nothing of this front door can show a page, or the gateway refuses the route.
            TemporaryError: the gateway has not taken the route within a few seconds.
        """
        if part.desired.no_page:
            raise PlatformError(
                f"the maintenance page of {part.desired.name} cannot be shown: {part.desired.no_page}"
            )
        changed = False
        routes = [item for item in standing(part.objects, held=held) if item["kind"] == HTTP]
        for route in routes:
            changed = self._manifests.bring(route) or changed
        for item in closed(part.objects):
            if held:
                self._manifests.take_away(item)
            else:
                self._manifests.bring(item)
        for route in routes:
            self._await(route)
        if changed:
            self._clock.sleep(FOLLOWED_WITHIN)

    def is_held(self, part: KubernetesComponent) -> bool:
        """Whether users see the page, as far as the gateway says; ``False`` until it has taken the route.

        Args:
            part: the component.
        """
        live = [self._manifests.find(item) for item in part.objects if item["kind"] == HTTP]
        return bool(live) and all(each is not None and is_held(each) and told_of(each) == "" for each in live)

    def _await(self, route: Object) -> None:
        name = route["metadata"]["name"]
        ends = self._clock.now() + TAKEN_WITHIN
        while True:
            live = self._manifests.find(route)
            said = None if live is None else told_of(live)
            if said == "":
                return
            if said:
                raise PlatformError(
                    f"the gateway does not take the route {name} ({said})",
                    remedy="Look at it with `kubectl describe httproute`: what it refers to must be there.",
                )
            if self._clock.now() > ends:
                raise TemporaryError(f"the gateway has not taken the route {name} yet", delay=AGAIN)
            self._clock.sleep(LOOKS_AGAIN)

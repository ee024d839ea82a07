"""How busy members are: requests per second that the balancers have sent them of late.

Sources: Envoy documentation, "Administration interface" (``/clusters?format=json``); Envoy API reference,
``admin.v3.HostStatus`` (``stats``), "Cluster manager statistics" (``rq_total``: requests sent to a host).
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Final

from telamon.desired.lab.data import LabComponent
from telamon.errors import TemporaryError
from telamon.platforms.lab import admin
from telamon.ports import Clock

WINDOW: Final = 15.0
"""Seconds that are looked back on."""
SHORTEST: Final = 1.0
"""Seconds before which a difference says nothing."""


class Busyness:
    """Watches components of which a member is about to be chosen; others are not asked about.

    Args:
        clock: injected time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counted: dict[str, deque[tuple[float, Mapping[str, int]]]] = {}

    def look(self, part: LabComponent, *, balancers: Iterable[str]) -> Mapping[str, float]:
        """Requests per second by member, as far as that can be told; nothing before two looks, some time apart.

        Args:
            part: the component.
            balancers: admin sockets.
        """
        name = part.desired.name
        if part.desired.upgrade is None or not part.rotations:
            with self._lock:
                self._counted.pop(name, None)
            return {}
        now, counted = self._clock.now(), _count(part, balancers)
        with self._lock:
            kept = self._counted.setdefault(name, deque())
            if kept and any(counted.get(member, 0) < count for member, count in kept[-1][1].items()):
                # A balancer was started anew and counts from nothing, or a member has left the lists.
                kept.clear()
            kept.append((now, counted))
            while now - kept[0][0] > WINDOW:
                kept.popleft()
            since, before = kept[0]
        if now - since < SHORTEST:
            return {}
        return {
            member: (count - before[member]) / (now - since)
            for member, count in counted.items()
            if member in before
        }


def _count(part: LabComponent, balancers: Iterable[str]) -> Mapping[str, int]:
    """Requests that all balancers together have sent each member; one that does not answer sends none."""
    counts: Counter[str] = Counter()
    for socket in balancers:
        try:
            found = admin.requests(socket)
        except TemporaryError:
            continue
        for rotation in part.rotations:
            sent = found.get(rotation.cluster, {})
            for member, endpoint in rotation.endpoints.items():
                if endpoint in sent:
                    counts[member] += sent[endpoint]
    return counts

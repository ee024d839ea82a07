"""What each pod's product says of itself, asked anew at every look.

One request a pod, side by side, each with a limit of its own; a pod that hangs delays nobody else.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Final

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.site import Part
from telamon.platforms.kubernetes.pods import address, incarnation, started
from telamon.platforms.probing import StatusProbe
from telamon.ports import Clock
from telamon.products.base import Endpoint
from telamon.state.phase import Phase

WITHIN: Final = 0.8
"""Seconds that a look gives all pods of a component; each probe has a shorter limit of its own."""
AT_ONCE: Final = 32


@dataclass(frozen=True)
class Said:
    """What a pod said last.

    Attributes:
        phase: of its product.
        since: instant since which that holds.
    """

    phase: Phase
    since: float


@dataclass
class _Watched:
    component: str
    life: tuple[str, str]
    probe: StatusProbe
    said: Said
    asked: Future[Phase] | None = None


class Eyes:
    """Asks pods how they are.

    Args:
        clock: injected time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="kubernetes-eyes")

    def look(self, part: Part, pods: Sequence[Object]) -> Mapping[str, Said]:
        """Ask every pod of a component that has an address; by member.

        Args:
            part: the component.
            pods: those that run.
        """
        with self._lock:
            watched = {str(pod["metadata"]["name"]): pod for pod in pods if address(pod)}
            asked = {name: self._watch(part, name, pod=pod) for name, pod in watched.items()}
            self._forget(part.name, asked)
            for each in asked.values():
                if each.asked is None or each.asked.done():
                    each.asked = self._pool.submit(each.probe.phase)
        wait([each.asked for each in asked.values() if each.asked is not None], timeout=WITHIN)
        for each in asked.values():
            future = each.asked
            phase = future.result() if future is not None and future.done() else Phase.UNREACHABLE
            if phase is not each.said.phase:
                each.said = replace(each.said, phase=phase, since=self._clock.now())
        return {name: each.said for name, each in asked.items()}

    def close(self) -> None:
        """End looking."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for each in self._watched.values():
            each.probe.close()
        self._watched.clear()

    def _watch(self, part: Part, name: str, *, pod: Object) -> _Watched:
        """The observation of this very life of the member; one of an earlier life is dropped."""
        found = self._watched.get(name)
        if found is not None and found.life == incarnation(pod):
            return found
        if found is not None:
            found.probe.close()
        number = next(port.number for port in part.workload.ports if port.name == "http")
        probe = StatusProbe(
            part.workload,
            endpoint=Endpoint(address(pod), number),
            front=part.front,
            encrypted=bool(part.container.certificate),
        )
        # Silent since it was started is not the same as silent after it had answered.
        since = started(pod) or self._clock.now()
        self._watched[name] = made = _Watched(
            part.name, incarnation(pod), probe, Said(Phase.UNREACHABLE, since)
        )
        return made

    def _forget(self, component: str, kept: Mapping[str, _Watched]) -> None:
        gone = [
            name for name, each in self._watched.items() if each.component == component and name not in kept
        ]
        for name in gone:
            self._watched.pop(name).probe.close()

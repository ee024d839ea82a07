"""Look at members: quickly at every pass, closely now and then, and never waiting for one that hangs.

A quick look is one request for the status; what a close one is, :mod:`telamon.platforms.calls.looks` says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from telamon.desired.calls import WorkloadProbe
from telamon.desired.lab.data import BalancerProbe, DatabaseProbe, LabComponent, Probe, RelayProbe
from telamon.platforms.calls.credentials import Credentials
from telamon.platforms.calls.looks import Asked, CloseLooks, Known
from telamon.platforms.lab import admin, postgres
from telamon.platforms.lab.faults import links
from telamon.platforms.lab.tracked import Process
from telamon.platforms.probing import StatusProbe
from telamon.ports import Clock
from telamon.products.base import Workload
from telamon.state.phase import Phase
from telamon.state.world import Copies, IndexState

QUICK_WITHIN = 0.8
"""Seconds a pass gives all of a component's members to answer; each has a shorter limit of its own."""
QUICK_WORKERS = 32


@dataclass(frozen=True)
class Seen:
    """What is known of a member. The attributes are those of :class:`telamon.state.world.MemberState`."""

    phase: Phase
    phase_since: float
    joined: bool | None = None
    joined_since: float = 0.0
    index: IndexState | None = None
    database_lost_since: float | None = None


@dataclass
class _Watched:
    """One process under observation."""

    component: str
    pid: int
    ticks: int
    ask: Callable[[], Phase]
    close: Callable[[], None]
    seen: Seen
    quick: Future[Phase] | None = None


class Probes:
    """The eyes of a lab.

    Args:
        credentials: as whom nodes are asked closely.
        clock: injected time.
        heard: told the member whenever a process answers for the first time.
    """

    def __init__(self, credentials: Credentials, clock: Clock, *, heard: Callable[[str], None]) -> None:
        self._credentials = credentials
        self._clock = clock
        self._heard = heard
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._quick = ThreadPoolExecutor(QUICK_WORKERS, thread_name_prefix="lab-quick")
        self._close = CloseLooks(clock)

    def look(
        self, part: LabComponent, processes: Mapping[str, Process], *, serving: frozenset[str]
    ) -> Mapping[str, Seen]:
        """Look at every process of a component.

        Args:
            part: the component.
            processes: by member; those that have ended are passed over.
            serving: members in rotation.
        """
        watched = {
            member: found
            for member, process in processes.items()
            if process.pid and (found := self._watch(part, member, process)) is not None
        }
        self._forget(part.desired.name, watched)
        asked = {}
        for member, found in watched.items():
            if found.quick is None or found.quick.done():
                found.quick = asked[member] = self._quick.submit(found.ask)
        wait(asked.values(), timeout=QUICK_WITHIN)
        for member, found in watched.items():
            future = asked.get(member)
            phase = future.result() if future is not None and future.done() else Phase.UNREACHABLE
            self._note_phase(found, processes[member], phase=phase)
        known = self._look_closely(part, watched, serving=serving)
        return {member: _joint(found.seen, known.get(member)) for member, found in watched.items()}

    def registered(self, component: str) -> Mapping[str, bool]:
        """Nodes in a component's registry, as running members listed them last, and whether one counts them alive."""
        return self._close.registered(component)

    def copies(self, part: LabComponent, seen: Mapping[str, Seen]) -> Copies | None:
        """Whether every copy of a component's data is there; see :meth:`CloseLooks.copies`.

        Args:
            part: the component.
            seen: what :meth:`look` has just seen.
        """
        return self._close.copies(part, {member: found.phase for member, found in seen.items()})

    def close(self) -> None:
        """End looking."""
        self._quick.shutdown(wait=True, cancel_futures=True)
        self._close.close()
        with self._lock:
            for found in self._watched.values():
                found.close()
            self._watched.clear()

    # --------------------------------------------------------------------------------------------------------- quickly

    def _watch(self, part: LabComponent, member: str, process: Process) -> _Watched | None:
        """The observation of this very process; an earlier one of the same name is dropped."""
        with self._lock:
            found = self._watched.get(member)
            if found is not None and (found.pid, found.ticks) == (process.pid, process.ticks):
                return found
            wanted = part.process(member)
            if wanted is None:
                return None
            ask, close = _quick(wanted.probe, part.workload)
            since = self._clock.now() if process.answered else process.started
            made = _Watched(
                part.desired.name, process.pid, process.ticks, ask, close, Seen(Phase.UNREACHABLE, since)
            )
            self._watched[member] = made
        if found is not None:
            found.close()
        return made

    def _forget(self, component: str, alive: Mapping[str, _Watched]) -> None:
        """Forget the component's members whose processes are gone."""
        with self._lock:
            gone = [
                member
                for member, found in self._watched.items()
                if found.component == component and member not in alive
            ]
            for member in gone:
                self._watched.pop(member).close()

    def _note_phase(self, found: _Watched, process: Process, *, phase: Phase) -> None:
        if phase is not Phase.UNREACHABLE and not process.answered:
            self._heard(process.identity.member)
        if phase is not found.seen.phase:
            found.seen = replace(found.seen, phase=phase, phase_since=self._clock.now())

    # --------------------------------------------------------------------------------------------------------- closely

    def _look_closely(
        self, part: LabComponent, watched: Mapping[str, _Watched], *, serving: frozenset[str]
    ) -> Mapping[str, Known]:
        if part.workload is None:
            return {}
        asked = {}
        for member, found in watched.items():
            wanted = part.process(member)
            probe = wanted.probe if wanted is not None else None
            asked[member] = Asked(
                (found.pid, found.ticks),
                found.seen.phase,
                member in serving,
                probe if isinstance(probe, WorkloadProbe) else None,
            )
        return self._close.look(part, asked, credentials=self._credentials)


def _joint(seen: Seen, known: Known | None) -> Seen:
    """What a quick look has seen, with what close ones know."""
    if known is None:
        return seen
    return replace(
        seen,
        joined=known.joined,
        joined_since=known.joined_since,
        index=known.index,
        database_lost_since=known.database_lost_since,
    )


def _quick(probe: Probe, workload: Workload | None) -> tuple[Callable[[], Phase], Callable[[], None]]:
    """How to ask for the phase, and how to end asking."""
    match probe:
        case DatabaseProbe(endpoint):
            return (lambda: postgres.phase(endpoint)), _nothing
        case BalancerProbe(socket):
            return (lambda: admin.phase(socket)), _nothing
        case RelayProbe(socket):
            return (lambda: links.phase(socket)), _nothing
        case WorkloadProbe(endpoint, front):
            if workload is None:
                return (lambda: Phase.UNREACHABLE), _nothing
            asking = StatusProbe(workload, endpoint=endpoint, front=front)
            return asking.phase, asking.close


def _nothing() -> None:
    """There is nothing to end."""

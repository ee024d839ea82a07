"""Look at members: quickly at every pass, closely now and then, and never waiting for one that hangs.

A quick look is one request for the status. A close look asks the node for its cluster, its index and its health; it
runs beside the passes, and what it found is used by the next one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from telamon.desired.lab.data import (
    BalancerProbe,
    DatabaseProbe,
    LabComponent,
    Probe,
    RelayProbe,
    WorkloadProbe,
)
from telamon.platforms.lab import admin, closely, postgres
from telamon.platforms.lab.closely import Findings
from telamon.platforms.lab.credentials import Credentials
from telamon.platforms.lab.faults import links
from telamon.platforms.lab.tracked import Process
from telamon.platforms.probing import StatusProbe
from telamon.platforms.rest import Credential, Password
from telamon.ports import Clock
from telamon.products.base import Identity, NodeSeen, Workload
from telamon.state.phase import Phase
from telamon.state.world import IndexState

LOG = logging.getLogger("telamon.lab")

QUICK_WITHIN = 0.8
"""Seconds a pass gives all of a component's members to answer; each has a shorter limit of its own."""
CLOSE_EVERY = 5.0
"""Seconds between two close looks at a member that serves; others are looked at again at once."""
QUICK_WORKERS = 32
CLOSE_WORKERS = 4


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
    closely: Future[Findings] | None = None
    asked_as: Credential | None = None
    next_close: float = 0.0
    nodes: tuple[NodeSeen, ...] | None = field(default=None)
    trouble: str = ""


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
        self._close = ThreadPoolExecutor(CLOSE_WORKERS, thread_name_prefix="lab-close")

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
        self._look_closely(part, watched, serving=serving)
        return {member: found.seen for member, found in watched.items()}

    def registered(self, component: str) -> Mapping[str, bool]:
        """Nodes in a component's registry, as running members listed them last, and whether one counts them alive."""
        with self._lock:
            lists = [
                found.nodes
                for found in self._watched.values()
                if found.component == component and found.nodes is not None
            ]
        known: dict[str, bool] = {}
        for nodes in lists:
            for node in nodes:
                known[node.node_id] = node.alive or known.get(node.node_id, False)
        return known

    def close(self) -> None:
        """End looking."""
        self._quick.shutdown(wait=True, cancel_futures=True)
        self._close.shutdown(wait=True, cancel_futures=True)
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
        if phase is found.seen.phase:
            return
        found.seen = replace(found.seen, phase=phase, phase_since=self._clock.now())
        if phase not in {Phase.RUNNING, Phase.UNREACHABLE}:
            # What was known of its cluster and its index is of another life; a short silence is not.
            found.nodes, found.next_close = None, 0.0
            found.seen = Seen(phase, found.seen.phase_since)

    # --------------------------------------------------------------------------------------------------------- closely

    def _look_closely(
        self, part: LabComponent, watched: Mapping[str, _Watched], *, serving: frozenset[str]
    ) -> None:
        if part.workload is None:
            return
        for found in watched.values():
            self._take_findings(found, part)
        credentials = self._credentials.for_work(part)
        for member, found in watched.items():
            wanted = part.process(member)
            now = self._clock.now()
            if found.seen.phase is Phase.RUNNING:
                self._judge_membership(part.workload, member, watched)
            due = found.closely is None and now >= found.next_close and found.seen.phase is Phase.RUNNING
            if (
                due
                and credentials is not None
                and wanted is not None
                and isinstance(wanted.probe, WorkloadProbe)
                and not _one_by_one(credentials, watched)
            ):
                found.asked_as = credentials.get(Identity.SERVICE_ACCOUNT)
                found.next_close = now + (CLOSE_EVERY if member in serving else 0.0)
                found.closely = self._close.submit(
                    closely.look, part.workload, probe=wanted.probe, credentials=credentials
                )

    def _take_findings(self, found: _Watched, part: LabComponent) -> None:
        if found.closely is None or not found.closely.done():
            return
        findings, found.closely = found.closely.result(), None
        if findings.trouble and findings.trouble != found.trouble:
            LOG.info("a close look went wrong: %s", findings.trouble)
        found.trouble = findings.trouble
        if findings.refused and found.asked_as is not None:
            self._credentials.refused(part, found.asked_as, at=self._clock.now())
        if findings.nodes is not None:
            found.nodes = findings.nodes
        if findings.index is not None:
            found.seen = replace(found.seen, index=IndexState(findings.index.readable, findings.index.behind))
        if findings.database is not None:
            lost = found.seen.database_lost_since or self._clock.now()
            found.seen = replace(found.seen, database_lost_since=None if findings.database else lost)

    def _judge_membership(self, workload: Workload, member: str, watched: Mapping[str, _Watched]) -> None:
        """A node is a member when it says so itself and not every other running node denies it."""
        found = watched[member]
        if not workload.clustered or found.nodes is None:
            return
        others = [
            other.nodes
            for name, other in watched.items()
            if name != member and other.nodes is not None and other.seen.phase is Phase.RUNNING
        ]
        agreed = not others or any(_lists(nodes, member) for nodes in others)
        joined = _lists(found.nodes, member) and agreed
        if joined is not found.seen.joined:
            found.seen = replace(found.seen, joined=joined, joined_since=self._clock.now())


def _one_by_one(credentials: Mapping[Identity, Credential], watched: Mapping[str, _Watched]) -> bool:
    """Whether a look must wait for another: several refused passwords at once would raise a CAPTCHA at once."""
    by_password = isinstance(credentials.get(Identity.SERVICE_ACCOUNT), Password)
    return by_password and any(found.closely is not None for found in watched.values())


def _lists(nodes: tuple[NodeSeen, ...], member: str) -> bool:
    return any(node.node_id == member and node.alive and node.active for node in nodes)


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

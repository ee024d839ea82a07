"""Close looks at members: now and then, beside the passes; what one found is used by the next pass.

A close look asks a node for its cluster, its index and its health, in the name of the service account.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

from telamon.desired.calls import Secured, WorkloadProbe
from telamon.errors import TelamonError
from telamon.platforms.calls import closely
from telamon.platforms.calls.closely import Findings
from telamon.platforms.calls.credentials import Credentials
from telamon.platforms.calls.parts import Spoken
from telamon.platforms.rest import Credential, Password
from telamon.ports import Clock
from telamon.products.base import CopiesReport, Identity, NodeSeen
from telamon.state.phase import Phase
from telamon.state.world import Copies, IndexState

LOG = logging.getLogger("telamon.calls")

CLOSE_EVERY: Final = 5.0
"""Seconds between two close looks at a member that serves; others are looked at again at once."""
CLOSE_WORKERS: Final = 4


@dataclass(frozen=True)
class Asked:
    """A member that lives, as a quick look has just seen it.

    Attributes:
        life: what tells this life of it from the next one.
        phase: what it says of itself.
        serves: whether users reach it.
        probe: where it listens; ``None`` for what is no product's node.
    """

    life: Hashable
    phase: Phase
    serves: bool
    probe: WorkloadProbe | None


@dataclass(frozen=True)
class Known:
    """What close looks have found out of a member; see :class:`telamon.state.world.MemberState`."""

    joined: bool | None = None
    joined_since: float = 0.0
    index: IndexState | None = None
    database_lost_since: float | None = None
    copies: CopiesReport | None = None


@dataclass
class _Watched:
    component: str
    life: Hashable
    known: Known = field(default_factory=Known)
    looking: Future[Findings] | None = None
    asked_as: Credential | None = None
    next_look: float = 0.0
    nodes: tuple[NodeSeen, ...] | None = None
    trouble: str = ""


@dataclass(frozen=True)
class _Manner:
    """As whom nodes are asked, and how they are known."""

    as_whom: Mapping[Identity, Credential]
    secured: Secured | None


class CloseLooks:
    """Looks closely at members.

    Args:
        clock: injected time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._unasked: dict[str, str] = {}
        self._workers = ThreadPoolExecutor(CLOSE_WORKERS, thread_name_prefix="close-looks")

    def look(
        self, part: Spoken, members: Mapping[str, Asked], *, credentials: Credentials
    ) -> Mapping[str, Known]:
        """Take what looks have found by now, and begin those that are due; it never waits.

        Args:
            part: the component.
            members: every member of it that lives, by name.
            credentials: as whom nodes are asked.
        """
        watched = {name: self._watch(part, name, asked=asked) for name, asked in members.items()}
        self._forget(part.desired.name, watched)
        for found in watched.values():
            self._take(found, part, credentials)
        for name, asked in members.items():
            if asked.phase not in {Phase.RUNNING, Phase.UNREACHABLE}:
                # What was known of its cluster and its index is of another life; a short silence is not.
                watched[name].nodes, watched[name].next_look, watched[name].known = None, 0.0, Known()
        manner = self._manner(part, credentials)
        for name, asked in members.items():
            if asked.phase is Phase.RUNNING:
                self._judge(part, name, watched=watched, members=members)
                if manner is not None and not _one_by_one(manner.as_whom, watched):
                    self._begin(part, watched[name], asked, manner=manner)
        return {name: found.known for name, found in watched.items()}

    def copies(self, part: Spoken, phases: Mapping[str, Phase]) -> Copies | None:
        """Whether every copy of a component's data is there, as its members told last; ``None`` where it keeps none.

        What a member told before another one left or came counts another number of nodes than run now.

        Args:
            part: the component.
            phases: of its members that live, by name.
        """
        if not part.desired.keeps_copies:
            return None
        unasked = self._unasked.get(part.desired.name)
        if unasked is not None:
            return Copies(whole=False, detail=unasked)
        running = sorted(name for name, phase in phases.items() if phase is Phase.RUNNING)
        with self._lock:
            told = {name: found for name in running if (found := self._watched.get(name))}
        for name in running:
            found = told.get(name)
            report = found.known.copies if found else None
            if found is None or report is None:
                trouble = found.trouble if found else ""
                detail = f"{name}: {trouble}" if trouble else f"{name} has not told of them yet"
                return Copies(whole=False, detail=detail)
            if not report.whole:
                return Copies(whole=False, detail=f"{name}: {report.detail}")
            if report.nodes != len(running):
                seen = f"{name} counts {report.nodes} nodes, and {len(running)} run"
                return Copies(whole=False, detail=seen)
        return Copies(whole=bool(running), detail="" if running else "no node runs")

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
        self._workers.shutdown(wait=True, cancel_futures=True)

    def _watch(self, part: Spoken, name: str, *, asked: Asked) -> _Watched:
        """What is known of this very life of a member; an earlier life is forgotten."""
        with self._lock:
            found = self._watched.get(name)
            if found is None or found.life != asked.life:
                found = self._watched[name] = _Watched(part.desired.name, asked.life)
            return found

    def _forget(self, component: str, alive: Mapping[str, _Watched]) -> None:
        with self._lock:
            for name in [name for name, found in self._watched.items() if found.component == component]:
                if name not in alive:
                    del self._watched[name]

    def _manner(self, part: Spoken, credentials: Credentials) -> _Manner | None:
        """How a component's nodes are asked; ``None`` where they cannot be.

        Of one whose nodes know their user from their environment it is remembered why: all else about it goes on.
        """
        try:
            as_whom = credentials.for_work(part)
            secured = credentials.secured(part)
        except TelamonError as error:
            if part.user is None:
                raise
            self._unasked[part.desired.name] = f"its nodes cannot be asked: {error}"
            return None
        self._unasked.pop(part.desired.name, None)
        return None if as_whom is None else _Manner(as_whom, secured)

    def _begin(self, part: Spoken, found: _Watched, asked: Asked, *, manner: _Manner) -> None:
        now = self._clock.now()
        workload = part.workload
        if found.looking is not None or now < found.next_look or workload is None or asked.probe is None:
            return
        found.asked_as = manner.as_whom.get(Identity.SERVICE_ACCOUNT)
        told = found.known.copies
        rests = asked.serves or (told is not None and told.whole)
        found.next_look = now + (CLOSE_EVERY if rests else 0.0)
        probe = replace(asked.probe, secured=manner.secured)
        found.looking = self._workers.submit(closely.look, workload, probe=probe, credentials=manner.as_whom)

    def _take(self, found: _Watched, part: Spoken, credentials: Credentials) -> None:
        if found.looking is None or not found.looking.done():
            return
        findings, found.looking = found.looking.result(), None
        if findings.trouble and findings.trouble != found.trouble:
            LOG.info("a close look went wrong: %s", findings.trouble)
        found.trouble = findings.trouble
        if findings.refused and found.asked_as is not None:
            credentials.refused(part, found.asked_as, at=self._clock.now())
        if findings.nodes is not None:
            found.nodes = findings.nodes
        if findings.index is not None:
            index = IndexState(findings.index.readable, findings.index.behind)
            found.known = replace(found.known, index=index)
        # What could not be found out this time is not known: a copy may have been lost since.
        found.known = replace(found.known, copies=findings.copies)
        if findings.database is not None:
            lost = found.known.database_lost_since or self._clock.now()
            found.known = replace(found.known, database_lost_since=None if findings.database else lost)

    def _judge(
        self, part: Spoken, member: str, *, watched: Mapping[str, _Watched], members: Mapping[str, Asked]
    ) -> None:
        """A node is a member when it says so itself and not every other running node denies it."""
        found = watched[member]
        if part.workload is None or not part.workload.clustered or found.nodes is None:
            return
        others = [
            other.nodes
            for name, other in watched.items()
            if name != member and other.nodes is not None and members[name].phase is Phase.RUNNING
        ]
        agreed = not others or any(_lists(nodes, member) for nodes in others)
        joined = _lists(found.nodes, member) and agreed
        if joined is not found.known.joined:
            found.known = replace(found.known, joined=joined, joined_since=self._clock.now())


def _one_by_one(credentials: Mapping[Identity, Credential], watched: Mapping[str, _Watched]) -> bool:
    """Whether a look must wait for another: several refused passwords at once would raise a CAPTCHA at once."""
    by_password = isinstance(credentials.get(Identity.SERVICE_ACCOUNT), Password)
    return by_password and any(found.looking is not None for found in watched.values())


def _lists(nodes: tuple[NodeSeen, ...], member: str) -> bool:
    return any(node.node_id == member and node.alive and node.active for node in nodes)

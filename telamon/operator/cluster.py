"""The operator of a cluster: a host for each Stack, woken by what happens on the cluster.

What it does with one Stack is what a controller of the lab does with its own: the same host, lanes and planners. Here
is only who is looked at when.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from operator import is_
from typing import Any, Final, Literal

from pydantic import ValidationError

from telamon.errors import RefusedError, TelamonError, brief
from telamon.model.status import MemberStatus, StackStatus, StatusCondition
from telamon.operator.ending import ENDING, awaited, take_down
from telamon.operator.following import FollowingHost
from telamon.operator.logs import Looks
from telamon.operator.preparing import LASTS, PREPARED, prepared
from telamon.operator.queue import WorkQueue
from telamon.operator.report import DRIFTED, Lane, Transitions, stack_status
from telamon.operator.schedule import Schedule
from telamon.platforms.kubernetes.prepared import Prepared
from telamon.ports import Stored
from telamon.wiring.cluster import REFUSED, ClusterParts, StackParts

LOG = logging.getLogger("telamon.operator")

WORKERS: Final = 2
"""Threads that look at Stacks; each component has a thread of its own besides."""
RESYNC: Final = 30.0
"""Seconds after which every Stack and component is looked at though nothing was seen to change."""
REREAD: Final = 20
"""Of so many looks at a Stack one reads its operations again, though nothing was told of them."""
REPORTS_EVERY: Final = 1.0
"""Seconds between two looks whether there is anything new to report."""
ACCEPTED: Final = "Accepted"
TOLD: Final = frozenset({ACCEPTED, PREPARED, "Ready", "Degraded", DRIFTED, "UpgradeFailed"})
"""Conditions of which a change is worth an event."""
QUARANTINED: Final = "Quarantined"
MEMBERS_TOLD: Final = frozenset({"Serving", QUARANTINED})
"""States of a member, coming to which is worth an event."""
OPERATIONS: Final = "/operations"


@dataclass
class _Kept:
    """One Stack that is kept."""

    parts: StackParts
    host: FollowingHost
    transitions: Transitions
    schedule: Schedule
    refusals: Transitions = field(default_factory=Transitions)
    followed: Stored | None = None
    trouble: TelamonError | None = None
    prepared: Prepared | None = None
    looked: float = 0.0
    told: Mapping[str, Any] = field(default_factory=dict)
    seen: Stored | None = None
    passes: tuple[object, ...] = ()
    reported: tuple[object, ...] = ()
    """What the last report rests on; while it is the same, there is nothing new to report."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rests_on(self, lanes: Mapping[str, Lane]) -> tuple[object, ...]:
        """What a report of now rests on."""
        return (self.followed, self.trouble, self.prepared, self.seen, *map(_rests_on, lanes.values()))


class ClusterOperator:
    """Keeps every Stack of a namespace.

    Args:
        parts: what it is made of.
        looks: mark which look a line of the log belongs to.
    """

    def __init__(self, parts: ClusterParts, looks: Looks) -> None:
        self._parts = parts
        self._metrics = parts.metrics
        self._looks = looks
        self._queue = WorkQueue(parts.clock)
        self._kept: dict[str, _Kept] = {}
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._watch = parts.watch_stacks(self._queue.add)
        parts.metrics.watch(self._statuses, depth=self._queue.depth)

    def start(self) -> None:
        """Begin to keep what is there."""
        work = [(self._work, f"worker-{number}") for number in range(WORKERS)]
        for target, name in (*work, (self._report, "reporter"), (self._resync, "resync")):
            thread = threading.Thread(target=target, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def end(self) -> None:
        """Stop keeping; every pod goes on."""
        self._ended.set()
        self._watch.end()
        self._queue.end()
        for thread in self._threads:
            thread.join(timeout=10.0)
        for kept in list(self._kept.values()):
            kept.host.end()
            kept.parts.close()

    @contextmanager
    def _around(self, stack: str, component: str) -> Iterator[None]:
        """Around each pass over a component."""
        with self._looks.at(f"{stack}/{component}"):
            yield
        self._metrics.passed()

    # ------------------------------------------------------------------------------------------------ the work queue

    def _work(self) -> None:
        while not self._ended.is_set():
            key = self._queue.take(within=1.0)
            if key is None:
                continue
            failed = True
            try:
                with self._looks.at(key), self._metrics.look():
                    failed = not self._looked(key)
            finally:
                self._queue.done(key, failed=failed)
                self._metrics.looked(failed=failed)

    def _looked(self, key: str) -> bool:
        """Look at what a key stands for; whether that could be done."""
        try:
            return self._look(key)
        except TelamonError as error:
            LOG.warning("%s: %s", key, error)
        except Exception:
            LOG.exception("%s: a defect", key)
        return False

    def _statuses(self) -> dict[str, Mapping[str, Any]]:
        """The status of each Stack that is kept, as it was reported last."""
        return {name: kept.told for name, kept in list(self._kept.items())}

    def _look(self, key: str) -> bool:
        """Look at what a key stands for; whether that could be done."""
        name = key.removesuffix(OPERATIONS)
        if key.endswith(OPERATIONS):
            kept = self._kept.get(name)
            if kept is None:
                return True
            with kept.lock:
                kept.parts.store.turn_away(_instant(self._parts.clock.now()))
                self._end_leaving(kept)
                return kept.host.take_in(REFUSED)
        kept = self._kept.get(name) or self._take_on(name)
        if kept is not None:
            with kept.lock:
                self._follow(name, kept)
        return True

    def _take_on(self, name: str) -> _Kept | None:
        """Begin to keep a Stack; ``None`` where it is gone."""
        parts = self._parts.stack(name)
        stored = parts.store.get("Stack", name)
        if stored is None or not parts.store.hold():
            parts.close()
            return None
        host = FollowingHost(
            parts.store,
            parts.journal,
            parts.platform,
            self._parts.clock,
            parts.compiler,
            rest=RESYNC,
            around=partial(self._around, name),
        )
        kept = self._kept[name] = _Kept(parts, host, Transitions.after(_conditions(stored)), Schedule(host))
        LOG.info("%s is kept", name)
        return kept

    def _follow(self, name: str, kept: _Kept) -> None:
        stored = kept.seen = kept.host.stored()
        if stored is None:
            LOG.warning("%s is gone without having been ended: its pods go on, and nobody keeps them", name)
            kept.host.end()
            kept.parts.store.break_off(_instant(self._parts.clock.now()), "its stack is gone")
            self._let_go(name, kept)
            return
        if not stored.spec["running"]:
            self._take_down(name, kept)
            return
        if kept.followed is not None and _same(kept.followed, stored) and kept.trouble is None:
            self._look_for_prepared(kept)
            return
        try:
            kept.host.follow()
            kept.prepared = None
            self._look_for_prepared(kept)
        except TelamonError as error:
            kept.trouble = error
            self._end_leaving(kept)
            if isinstance(error, RefusedError):
                LOG.info("%s is refused: %s", name, error)
                return
            raise
        kept.trouble, kept.followed = None, stored
        kept.parts.look_out(kept.host.wake, lambda: self._queue.add(f"{name}{OPERATIONS}"))

    def _look_for_prepared(self, kept: _Kept) -> None:
        """Look whether what others apply is in force: again after a while, and at each look while it is not."""
        now, known = self._parts.clock.now(), kept.prepared
        if known is None or known.is_wrong or now - kept.looked >= LASTS:
            kept.prepared, kept.looked = kept.parts.prepared(), now

    def _end_leaving(self, kept: _Kept) -> None:
        """End the operations of namespaces that are being deleted: they are what these wait for."""
        for operation, namespace in tuple(kept.parts.store.leaving()):
            if kept.parts.platform.spaces.is_going(namespace):
                why = f"the namespace {namespace} is being deleted"
                kept.parts.store.break_off(_instant(self._parts.clock.now()), why, within=namespace)
                kept.host.break_off(operation, why)

    def _take_down(self, name: str, kept: _Kept) -> None:
        """End what a deleted Stack asked for; the reporter asks again until it has ended."""
        kept.trouble = None
        try:
            if not take_down(kept.parts, kept.host, instant=_instant(self._parts.clock.now())):
                return
        except TelamonError as error:
            kept.trouble = error
            raise
        LOG.info("%s is gone; its volumes stay", name)
        self._let_go(name, kept)

    def _let_go(self, name: str, kept: _Kept) -> None:
        kept.host.end()
        kept.parts.close()
        self._kept.pop(name, None)

    # ---------------------------------------------------------------------------------------------------- the timers

    def _resync(self) -> None:
        turn = 0
        self._end_orphans()
        while not self._ended.wait(RESYNC):
            turn += 1
            if turn % REREAD == 0:
                self._end_orphans()
            for name, kept in list(self._kept.items()):
                self._keep_schedule(name, kept)
                self._queue.add(name)
                if turn % REREAD == 0:
                    self._queue.add(f"{name}{OPERATIONS}")

    def _end_orphans(self) -> None:
        """End operations whose Stack is gone: nobody keeps it, so nobody else would let go of them."""
        try:
            for stack in self._parts.end_orphans(_instant(self._parts.clock.now())):
                LOG.warning("operations on %s were ended, because there is no such Stack any more", stack)
        except TelamonError as error:
            LOG.warning("operations without a Stack could not be looked for: %s", error)

    def _keep_schedule(self, name: str, kept: _Kept) -> None:
        """Ask for what comes round; what cannot be read now is read again later."""
        try:
            for component in kept.schedule.keep():
                LOG.info("a backup of %s of %s is due", component, name)
        except TelamonError as error:
            LOG.warning("the schedule of %s could not be kept: %s", name, error)
        except Exception:
            LOG.exception("the schedule of %s: a defect", name)

    def _report(self) -> None:
        while not self._ended.wait(REPORTS_EVERY):
            for name, kept in list(self._kept.items()):
                try:
                    if kept.lock.acquire(timeout=REPORTS_EVERY):
                        try:
                            self._tell(name, kept)
                        finally:
                            kept.lock.release()
                except TelamonError as error:
                    LOG.warning("the status of %s could not be written: %s", name, error)
                except Exception:
                    LOG.exception("the status of %s: a defect", name)

    def _tell(self, name: str, kept: _Kept) -> None:
        """Write the status, where it has changed, and tell of what is new in it."""
        if kept.seen is None or not kept.seen.spec["running"]:
            self._queue.add(name)
            if kept.seen is not None and self._kept.get(name) is kept:
                self._write(kept, kept.seen)
            return
        lanes = kept.host.lanes()
        last = [each for lane in lanes.values() for each in (lane.outcome, lane.trouble, lane.current)]
        passes = (kept.followed, kept.trouble, kept.prepared, kept.seen, *last)
        if len(passes) == len(kept.passes) and all(map(is_, passes, kept.passes)):
            # Nobody has looked since: nothing can be otherwise.
            return
        rests_on = kept.rests_on(lanes)
        if rests_on == kept.reported:
            kept.passes = passes
            return
        if kept.trouble is None and any(
            lane.outcome is None and lane.trouble is None for lane in lanes.values()
        ):
            # What a successor has not looked at yet is no news.
            return
        kept.told = _document(self._status(kept, kept.seen))
        if kept.told == dict(kept.seen.status):
            kept.reported = rests_on
            return
        stored = kept.seen = kept.host.stored()
        if stored is not None and stored.spec["running"]:
            self._write(kept, stored)

    def _write(self, kept: _Kept, stored: Stored) -> None:
        status = self._status(kept, stored)
        kept.told = _document(status)
        if kept.told == dict(stored.status):
            return
        before = {each.type: each for each in _conditions(stored)}
        kept.seen = kept.parts.store.put(replace(stored, status=kept.told))
        for member, was in _changed(status, stored):
            kept.parts.announcer.tell(
                "Warning" if member.state == QUARANTINED else "Normal",
                member.state,
                action="Member",
                note=f"{member.name} was {was} and is {member.state}{member.message and f': {member.message}'}",
            )
        for condition in status.conditions:
            known = before.get(condition.type)
            is_new = known is None or (known.status, known.reason) != (condition.status, condition.reason)
            if condition.type in TOLD and is_new:
                kept.parts.announcer.tell(
                    _kind(condition), condition.reason, action=condition.type, note=condition.message
                )

    def _status(self, kept: _Kept, stored: Stored) -> StackStatus:
        now = datetime.fromtimestamp(self._parts.clock.now(), UTC)
        followed = kept.followed.generation if kept.followed is not None else stored.generation
        status = stack_status(
            kept.host.lanes(),
            generation=followed,
            now=now,
            transitions=kept.transitions,
            urls=kept.parts.compiler.urls,
        )
        if not stored.spec["running"]:
            return self._ending(kept, stored, status=status, now=now)
        accepted = _accepted(kept, stored, now=now)
        applied = prepared(kept.prepared, generation=followed, now=now, transitions=kept.transitions)
        # What the operator may not read may be as it should be.
        is_so = applied.status == "True" or applied.reason == "NotAllowed"
        against = accepted if accepted.status != "True" else None if is_so else applied
        others: Sequence[StatusCondition] = status.conditions
        if against is None:
            kept.refusals = Transitions()
        else:
            # What is asked for is not so, however well what was kept before is.
            ready = against.model_copy(
                update={
                    "type": "Ready",
                    "last_transition_time": kept.refusals.since("Ready", against.status, now=now),
                }
            )
            others = [ready, *(each for each in status.conditions if each.type != "Ready")]
        return status.model_copy(
            update={"conditions": (accepted, applied, *others), "members": tuple(_since(status, stored))}
        )

    def _ending(self, kept: _Kept, stored: Stored, *, status: StackStatus, now: datetime) -> StackStatus:
        """The status of a Stack that was deleted: what it waits for before it is gone."""
        words = awaited(kept.host.lanes()) if kept.trouble is None else _words(kept.trouble)
        ready = StatusCondition(
            type="Ready",
            status="False",
            reason=ENDING,
            message=f"it is taken down, and waits for {words}",
            last_transition_time=kept.refusals.since("Ready", "False", now=now),
            observed_generation=stored.generation,
        )
        others = [each for each in status.conditions if each.type != "Ready"]
        return status.model_copy(
            update={"conditions": (ready, *others), "members": tuple(_since(status, stored))}
        )


def _changed(status: StackStatus, stored: Stored) -> Iterator[tuple[MemberStatus, str]]:
    """Members that have come to serve or to stand aside since the last report, and what they were then."""
    known = {str(each.get("name")): str(each.get("state")) for each in stored.status.get("members") or ()}
    for member in status.members:
        was = known.get(member.name, "not there")
        if member.state in MEMBERS_TOLD and was != member.state:
            yield member, was


def _since(status: StackStatus, stored: Stored) -> Iterator[MemberStatus]:
    """The members; one that stands as it was reported last has stood so since then, whoever looked."""
    known = {str(each.get("name")): each for each in stored.status.get("members") or ()}
    for member in status.members:
        before = known.get(member.name, {})
        found = MemberStatus.model_validate(before, strict=False) if before else None
        is_same = found is not None and (found.state, found.version) == (member.state, member.version)
        yield member.model_copy(update={"since": found.since}) if found is not None and is_same else member


def _document(status: StackStatus) -> dict[str, Any]:
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def _rests_on(lane: Lane) -> tuple[object, ...]:
    """What the report of a component rests on: all but when it was seen."""
    outcome = lane.outcome
    if outcome is None:
        return (lane.trouble, lane.generation, lane.current)
    view = outcome.view
    conditions = [view.condition(member) for member in view.seen.members]
    seen = (replace(view.seen, at=0.0), conditions, view.desired, view.memory, view.operation)
    counted = (lane.trouble, lane.generation, lane.current, lane.restarts)
    return (*counted, outcome.decision, outcome.error, outcome.remedy, *seen)


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _same(one: Stored, other: Stored) -> bool:
    return one.generation == other.generation and dict(one.spec) == dict(other.spec)


def _accepted(kept: _Kept, stored: Stored, *, now: datetime) -> StatusCondition:
    """Whether the spec is one that can be kept."""
    trouble = kept.trouble
    waits = trouble is None and (kept.followed is None or not _same(kept.followed, stored))
    status: Literal["True", "False", "Unknown"] = "Unknown" if waits else "False" if trouble else "True"
    reason = "AsDesired"
    if waits:
        reason = "NotLookedAt"
    elif trouble is not None:
        reason = _word(trouble.guard) if isinstance(trouble, RefusedError) else type(trouble).__name__
    words = "" if trouble is None else _words(trouble)
    return StatusCondition(
        type=ACCEPTED,
        status=status,
        reason=reason,
        message=words,
        last_transition_time=kept.transitions.since(ACCEPTED, status, now=now),
        observed_generation=stored.generation,
    )


def _words(trouble: TelamonError) -> str:
    return " ".join(part for part in (str(trouble), trouble.remedy) if part)


def _word(guard: str) -> str:
    """The name of a guard as conditions write reasons, e.g. ``JumpIsAllowed``."""
    return "".join(part.capitalize() for part in guard.split("-"))


def _kind(condition: StatusCondition) -> Literal["Normal", "Warning"]:
    good = "False" if condition.type in {"Degraded", DRIFTED, "UpgradeFailed"} else "True"
    return "Normal" if condition.status == good else "Warning"


def _conditions(stored: Stored) -> list[StatusCondition]:
    """The conditions that an earlier operator has reported."""
    found: Sequence[Any] = stored.status.get("conditions") or ()
    try:
        return [StatusCondition.model_validate(condition, strict=False) for condition in found]
    except (TypeError, ValidationError) as error:
        LOG.warning("since when the conditions hold is not known any more: %s", brief(error))
        return []

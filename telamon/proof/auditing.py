"""The reading at the end of a run: everything that was written is read by several sessions, when nothing changes.

Every thing is read by the sessions in turn, and once more by the first: where one session is shown less than another,
the third reading tells a member that lags from a write that is lost. What may lag is read last, again and again until
it shows everything that was acknowledged, and only its last answer counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from telamon.errors import ProductError
from telamon.products.traffic import Act, Kind, Promise
from telamon.proof.browser import Browser, Run
from telamon.proof.schedule import Planned
from telamon.proof.wording import Kept
from telamon.proof.workload import Audit, LoadPlan

PREFIX: Final = "audit-"
AT_A_TIME: Final = 4
"""Things that are read at the same time: the products have served their users, and are not to be measured here."""
AGAIN: Final = 0.5
"""Seconds between a reading that failed and the next attempt."""
LAST_CALL: Final = 5.0
"""Seconds before the end of the audit's patience in which what lags is read for good."""


def audited(plan: LoadPlan) -> Sequence[Kind]:
    """The kinds of request that the audit of a plan makes: its readings, held to the strictest promise.

    Args:
        plan: of the run; one without an audit makes none.
    """
    if plan.audit is None:
        return ()
    return tuple(_as_audit(kind) for kind in plan.kinds if _is_reading(kind))


async def audit(plan: LoadPlan, run: Run, *, readers: Sequence[Browser]) -> None:
    """Read everything that a run has written.

    Args:
        plan: of the run, with an audit.
        run: that has ended.
        readers: sessions of the audit; those that cannot log in are left out.
    """
    if plan.audit is None:
        return
    await asyncio.sleep(plan.audit.settle)
    sessions = [reader for reader in readers if await _enters(reader)]
    ends = asyncio.get_running_loop().time() + plan.audit.patience
    turns = asyncio.Semaphore(AT_A_TIME)

    async def read(task: _Task) -> None:
        async with turns:
            for number in (*range(len(sessions)), 0):
                await _read_once(task, sessions[number], run, number=plan.sessions + number, ends=ends)

    if sessions:
        async with asyncio.TaskGroup() as group:
            for task in sorted(_tasks(plan, run), key=lambda task: task.lags):
                group.create_task(read(task))


def sessions_of(audit_of: Audit | None) -> int:
    """How many sessions an audit needs besides those of the load."""
    return 0 if audit_of is None else audit_of.sessions


@dataclass(frozen=True)
class _Task:
    """One thing to read; ``lags`` where it may take a while to show ``wanted``."""

    kind: Kind
    picks: Mapping[str, str]
    about: Kept | None = None
    lags: bool = False
    wanted: frozenset[str] = frozenset()


def _tasks(plan: LoadPlan, run: Run) -> Iterator[_Task]:
    kinds = {kind.name: kind for kind in plan.kinds}
    done: set[tuple[str, str]] = set()
    for (name, thing), picks in run.written.items():
        for reader in _readers(plan, kinds[name]):
            if (reader.name, thing) not in done:
                done.add((reader.name, thing))
                lags = reader.meaning is not None and reader.meaning.promise is Promise.EVENTUAL
                wanted = frozenset(run.acknowledged.get(thing, ()))
                yield _Task(_as_audit(reader), picks, lags=lags, wanted=wanted)
    for kind in plan.kinds:
        if _is_reading(kind) and kind.follows:
            yield from (_Task(_as_audit(kind), kept.picks, kept) for kept in run.kept.get(kind.follows, ()))


def _readers(plan: LoadPlan, writer: Kind) -> Iterable[Kind]:
    """The kinds that read what another one writes, without following a single write."""
    for kind in plan.kinds:
        same = kind.meaning and writer.meaning and kind.meaning.thing == writer.meaning.thing
        if same and _is_reading(kind) and not kind.follows:
            yield kind


def _is_reading(kind: Kind) -> bool:
    meaning = kind.meaning
    return meaning is not None and meaning.act in {Act.READ, Act.OPEN} and not kind.fresh


def _as_audit(kind: Kind) -> Kind:
    if kind.meaning is None:
        return kind
    strict = kind.meaning.model_copy(update={"promise": Promise.STRICT})
    # What is missing is for the checker to judge, and must not look like a request that failed.
    return kind.model_copy(update={"name": PREFIX + kind.name, "meaning": strict, "contains": ""})


async def _enters(reader: Browser) -> bool:
    try:
        await reader.log_in()
    except (OSError, ProductError):
        return False
    return True


async def _read_once(task: _Task, reader: Browser, run: Run, *, number: int, ends: float) -> None:
    """Read a thing until it is answered, or the audit's patience is over."""
    loop = asyncio.get_running_loop()
    unrecorded = replace(run, record=lambda _: None)
    while loop.time() < ends:
        planned = Planned(-1, loop.time() - run.epoch, number, task.kind, task.picks)
        waiting = task.lags and loop.time() < ends - LAST_CALL
        sample = await reader.request(planned, unrecorded if waiting else run, about=task.about)
        if sample.seen is not None:
            if not waiting:
                return
            if task.wanted <= set(sample.seen.tokens):
                run.record(sample)
                return
        await asyncio.sleep(AGAIN)

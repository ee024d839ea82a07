"""From records to figures, and from figures to a verdict. Pure functions.

==============  =====================================================================================================
lost            acknowledged writes that later strict reads do not show (the history checker's ``lost``)
anomalies       everything else that the checker finds
failed_reads    GETs and HEADs that failed, as :mod:`telamon.proof.measure` defines failing
failed_writes   other requests that failed
refused         connections that were refused
stall           over the sessions on the members that were hurt (over all, where no member was): the longest
routed_around   from the first fault until nothing was disturbed for those sessions any more
writes_back     from the first fault to the first write acknowledged of those due after the last that failed
logins          sessions that had to log in again although they had asked to be remembered
forgotten       the same, of those that had not asked
detected        from the first fault to the first step that the engine took for it
endings         operations that were asked for and ended otherwise than they must
reached         nodes of a product that ran the release which was asked for
healed          from the end of the last fault until everything was ready, and stayed so
==============  =====================================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from telamon.proof import measure
from telamon.proof.auditing import PREFIX
from telamon.proof.drill.drills import Drill
from telamon.proof.drill.outcome import Finding, Seen, Verdict
from telamon.proof.history.checker import check
from telamon.proof.history.reading import history_of
from telamon.proof.history.verdict import Fault
from telamon.proof.record import Cause, Record, Sample
from telamon.proof.summary import failed, summarise

TITLES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "lost": ("acknowledged writes lost", ""),
        "anomalies": ("other anomalies", ""),
        "failed_reads": ("failed reads", ""),
        "failed_writes": ("failed writes", ""),
        "refused": ("refused connections", ""),
        "stall": ("longest stall", "s"),
        "routed_around": ("routed around", "s"),
        "writes_back": ("writes back", "s"),
        "logins": ("new logins", ""),
        "forgotten": ("new logins of sessions that did not ask to be remembered", ""),
        "detected": ("detected", "s"),
        "endings": ("operations that ended otherwise than they must", ""),
        "reached": ("nodes that the new release reached", ""),
        "healed": ("healed after the fault", "s"),
    }
)
PERCENTILES: Final = (50.0, 90.0, 99.0, 99.9)
MOST_WITNESSES: Final = 12


@dataclass(frozen=True)
class Timeline:
    """When things happened, on the clock of the records' epochs.

    Attributes:
        struck: instant of the first fault.
        ended: instant at which the last fault was over.
        healed: instant from which everything was ready and stayed so; infinity where that did not come in time.
        detected: instant of the engine's first step; infinity where it took none.
    """

    struck: float
    ended: float
    healed: float
    detected: float = math.inf


def seen_by(product: str, record: Record, *, timeline: Timeline, goes_back: bool = False) -> Seen:
    """What the users of a product saw.

    Args:
        product: whose users.
        record: of their requests, the reading at the end included.
        timeline: when things happened.
        goes_back: whether data went back to what they were at the first blow.
    """
    verdict = check(history_of(undone(record, timeline) if goes_back else record))
    users = of_users(record)
    fault, healed = timeline.struck - record.epoch, timeline.healed - record.epoch
    words = [f"{anomaly.fault.value}: {anomaly.words}" for anomaly in verdict.anomalies]
    return Seen(
        product=product,
        load=summarise(users, fault=fault, healed=healed),
        sessions=record.sessions,
        acknowledged=verdict.acknowledged,
        unknown=verdict.unknown,
        read_back=verdict.read_back,
        anomalies=verdict.counts(),
        witnesses=words[:MOST_WITNESSES],
        percentiles=_percentiles(users.samples, fault=fault, healed=healed),
    )


def undone(record: Record, timeline: Timeline) -> Record:
    """The record as it can be judged where data went back to what they were at the first blow.

    What was written from then until the last blow was over may be there or not, as if nobody had answered; what was
    read meanwhile says nothing of what is there now. A product that has gone back gives the key of what was made
    meanwhile to something else: what is opened or removed by such a key says nothing either.

    Args:
        record: of the users' requests.
        timeline: when things happened.
    """
    since, until = timeline.struck - record.epoch, timeline.ended - record.epoch
    meanwhile = {sample for sample in record.samples if sample.answered >= since and sample.sent <= until}
    keys = {sample.token for sample in meanwhile if sample.token}
    # A thing that a write has made, a page for instance, is named after that write.
    things = {
        sample.thing for sample in meanwhile if sample.token and sample.thing.endswith(f"/{sample.token}")
    }

    def says_something(sample: Sample) -> bool:
        return sample.element not in keys and sample.thing not in things

    samples = tuple(
        _unanswered(sample, write=record.kinds[sample.kind].write) if sample in meanwhile else sample
        for sample in record.samples
        if says_something(sample)
    )
    return replace(record, samples=samples, audits=tuple(filter(says_something, record.audits)))


def _unanswered(sample: Sample, *, write: bool) -> Sample:
    if not write:
        return replace(sample, seen=None)
    return replace(sample, cause=Cause.TIMEOUT) if sample.cause is Cause.OK else sample


def findings(
    drill: Drill,
    records: Mapping[str, Record],
    *,
    timeline: Timeline,
    seen: Sequence[Seen],
    hurt: Collection[str],
    done: Mapping[str, float] | None = None,
) -> tuple[Finding, ...]:
    """Every figure of a drill, held against what it demands.

    Args:
        drill: what was tried.
        records: by product.
        timeline: when things happened.
        seen: what the users saw.
        hurt: addresses of the members that were hurt.
        done: what came of that which was asked for meanwhile: ``endings`` and ``reached``; nothing where nothing was.
    """
    judged = {name for name in (fault.value for fault in Fault) if name != Fault.LOST.value}
    judged -= {fault.value for fault in drill.tolerates}
    values: dict[str, float] = {
        "lost": float(sum(one.anomalies.get(Fault.LOST.value, 0) for one in seen)),
        "anomalies": float(
            sum(count for one in seen for name, count in one.anomalies.items() if name in judged)
        ),
        "detected": timeline.detected - timeline.struck,
        "healed": max(timeline.healed - timeline.ended, 0.0),
        **(done or {}),
    }
    users = [of_users(record) for record in records.values()]
    for key, value in (pair for record in users for pair in _figures(record, timeline, hurt=hurt)):
        adds_up = TITLES[key][1] == ""
        values[key] = values.get(key, 0.0) + value if adds_up else max(values.get(key, 0.0), value)
    demanded = {limit.key: limit.most for limit in drill.limits}
    demanded |= {"lost": 0, "anomalies": 0, "endings": 0, "healed": drill.heals_within}
    return tuple(
        Finding(key, title, unit, values.get(key, math.nan), demanded.get(key))
        for key, (title, unit) in TITLES.items()
        if key in values
    )


def verdict(found: Sequence[Finding], records: Sequence[Record]) -> tuple[Verdict, str]:
    """How a drill ended, and why.

    What was lost is lost, whether or not the generator was late; nothing else counts of a run that proves nothing.

    Args:
        found: every figure.
        records: of all users.
    """
    missed = [finding for finding in found if not finding.met]
    void = next((why for record in records if (why := measure.void(record))), "")
    if void and not any(finding.key in {"lost", "anomalies"} for finding in missed):
        return Verdict.VOID, void
    if missed:
        return Verdict.FAILED, "; ".join(told(finding) for finding in missed)
    return Verdict.PASSED, ""


def told(finding: Finding) -> str:
    """A figure in words, with what was demanded."""
    demanded = "" if finding.most is None else f", at most {number(finding.most, finding.unit)} was expected"
    return f"{finding.title}: {number(finding.value, finding.unit)}{demanded}"


def number(value: float, unit: str) -> str:
    """A figure as people read it."""
    if math.isinf(value):
        return "never"
    if math.isnan(value):
        return "not measured"
    return f"{value:,.2f} s" if unit == "s" else f"{value:,.0f}"


def of_users(record: Record) -> Record:
    """The record without the reading at the end, which is no user's."""
    return replace(
        record, samples=tuple(sample for sample in record.samples if not sample.kind.startswith(PREFIX))
    )


def _figures(record: Record, timeline: Timeline, *, hurt: Collection[str]) -> Iterator[tuple[str, float]]:
    fault, samples = timeline.struck - record.epoch, record.samples
    pinned = {session for session, member in measure.pins(samples, fault).items() if member in hurt}
    sessions = pinned or set(range(record.sessions))
    until = max((sample.answered for sample in samples), default=fault)
    stall = measure.stall(samples, sessions, since=fault, until=until)
    yield "failed_reads", float(failed(record, safe=True))
    yield "failed_writes", float(failed(record, safe=False))
    yield "refused", float(measure.failures(samples).get("refused", 0))
    yield "logins", float(measure.logins(record))
    yield "forgotten", float(measure.logins(record, forgetful=True))
    yield "stall", math.inf if stall is None else stall.seconds
    yield "routed_around", measure.routed_around(samples, sessions, fault=fault)
    yield "writes_back", measure.writes_back(record, fault=fault)


def _percentiles(
    samples: Sequence[Sample], *, fault: float, healed: float
) -> Mapping[str, Mapping[str, float]]:
    parts = {
        "before": [sample for sample in samples if sample.due < fault],
        "during": [sample for sample in samples if fault <= sample.due < healed],
        "after": [sample for sample in samples if sample.due >= healed],
    }
    return {
        phase: {
            f"p{q:g}": measure.percentile([sample.latency for sample in part if sample.ok], q)
            for q in PERCENTILES
        }
        for phase, part in parts.items()
    }

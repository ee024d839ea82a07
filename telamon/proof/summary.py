"""What is kept of a load run once its record was read: small enough for a report, enough for its figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from telamon.proof import measure
from telamon.proof.record import Record, Sample

BIN = 0.25
"""Seconds of one point of a plot."""
SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Load:
    """What one generator saw in one run, small enough to keep.

    Attributes:
        name: of its plan.
        seed: of its schedule.
        rate: requests per second.
        sent: requests.
        failed: by cause.
        lag: p99 of the scheduling delay, seconds.
        cores: processor time the generator used, per second.
        phases: before, during and after the fault: requests, failed, p50, p99 and longest in seconds.
        series: per quarter of a second: instant after the fault, requests, failed, median and longest in milliseconds.
    """

    name: str
    seed: int
    rate: float
    sent: int
    failed: Mapping[str, int]
    lag: float
    cores: float
    phases: Mapping[str, Mapping[str, Any]]
    series: Sequence[Sequence[float | None]] = ()


def summarise(record: Record, *, fault: float, healed: float) -> Load:
    """Make of a record what is kept of it.

    Args:
        record: of a generator.
        fault: instant of the fault, in seconds of the run.
        healed: instant from which everything was as before; infinity where that never came.
    """
    phases = measure.phases(record.samples, fault=fault, healed=healed)
    return Load(
        name=record.name,
        seed=record.seed,
        rate=record.rate,
        sent=len(record.samples),
        failed=measure.failures(record.samples),
        lag=measure.lag(record.samples),
        cores=record.cpu / record.seconds if record.seconds else 0.0,
        phases={
            "before": _figures(phases.before),
            "during": _figures(phases.during),
            "after": _figures(phases.after),
        },
        series=series(record.samples, zero=fault),
    )


def series(samples: Sequence[Sample], *, zero: float) -> Sequence[Sequence[float | None]]:
    """Points of a plot: per quarter of a second what was due then.

    Args:
        samples: of a run.
        zero: instant from which the plot counts.
    """
    bins: dict[int, list[Sample]] = {}
    for sample in samples:
        bins.setdefault(math.floor((sample.due - zero) / BIN), []).append(sample)
    return tuple(_point(number * BIN, found) for number, found in sorted(bins.items()))


def failed(record: Record, *, safe: bool) -> int:
    """Count requests that failed.

    Args:
        record: of a run.
        safe: whether to count those that only read, or the others.
    """
    return sum(
        1 for sample in record.samples if not sample.ok and (record.kinds[sample.kind].method in SAFE) == safe
    )


def plain(value: Any) -> Any:
    """What JSON can say of data: numbers are cut to what was measured, and infinity becomes null."""
    match value:
        case float():
            return round(value, 4) if math.isfinite(value) else None
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case _:
            return value


def _point(instant: float, found: Sequence[Sample]) -> Sequence[float | None]:
    good = [sample.latency * 1000 for sample in found if sample.ok]
    middle = round(measure.percentile(good, 50), 1) if good else None
    longest = round(max(good), 1) if good else None
    return (instant, len(found), sum(1 for sample in found if not sample.ok), middle, longest)


def _figures(found: measure.Latencies) -> Mapping[str, Any]:
    return {
        "sent": found.count,
        "failed": dict(found.failed),
        "p50": found.p50,
        "p99": found.p99,
        "longest": found.longest,
    }

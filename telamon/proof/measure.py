"""What a record says of a fault. Pure functions over samples; every figure is defined here and nowhere else.

All instants are seconds after the beginning of the run, as in the record.

===============  ====================================================================================================
failed           5xx, reset, refused, a time-out (10 s by default), an answer that contradicts an acknowledged write,
                 or any other status than the plan expects; each counted by its cause
stall            over some sessions, the longest time from the instant at which a request was due to the next success
                 of the same session, counting that request and those due after it
routed around    from a fault to the first instant from which, for a second, nothing that was due in these sessions was
                 disturbed (failed, or took over 250 ms)
writes back      from a fault to the first acknowledged write that was due after the last one that failed
void             the generator lagged: the 99th percentile of its scheduling delay is over 20 ms; or it did not end in
                 order, or lacked means of its own
bound            where none of n requests failed, their rate of failure is below 3/n with 95 % confidence (the "rule of
                 three"; Source: Hanley and Lippman-Hand, JAMA 249(13), 1983)
percentile       nearest rank: the smallest value that is not below q per cent of all
===============  ====================================================================================================
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from telamon.proof.record import Cause, Record, Sample
from telamon.proof.workload import is_forgetful

LARGEST_LAG: Final = 0.020
"""Seconds; p99 of the generator's scheduling delay above which a run is void."""
DISTURBED: Final = 0.25
"""Seconds after which an answer counts as disturbed."""
QUIET: Final = 1.0
"""Seconds without a disturbed request that make a fault routed around."""


@dataclass(frozen=True)
class Stall:
    """The longest that a session had to wait.

    Attributes:
        seconds: how long.
        session: whose.
        due: instant of the request from which it counts.
        open: whether no success followed until the end of the run, so that it was at least this long.
    """

    seconds: float
    session: int
    due: float
    open: bool


@dataclass(frozen=True)
class Latencies:
    """How long answers took, in seconds from the instants at which they were due.

    Attributes:
        count: requests.
        failed: by cause; causes that did not happen are left out.
        p50: median of the answers that were right; ``nan`` where there were none.
        p99: 99th percentile.
        longest: the longest.
    """

    count: int
    failed: Mapping[str, int]
    p50: float
    p99: float
    longest: float


@dataclass(frozen=True)
class Phases:
    """The three parts of a run: requests due before the fault, until it was healed, and afterwards."""

    before: Latencies
    during: Latencies
    after: Latencies


def failures(samples: Iterable[Sample]) -> Mapping[str, int]:
    """Count failed requests by cause, the most frequent first."""
    found = Counter(
        sample.cause.value for sample in samples if not sample.ok and sample.cause is not Cause.LOCAL
    )
    return dict(found.most_common())


def logins(record: Record, *, forgetful: bool = False) -> int:
    """Count how often a session had to log in again.

    Args:
        record: of the run.
        forgetful: whether those are counted that did not ask to be remembered, or the others. The former are known to
            one node alone, and log in again when it is gone.
    """
    return sum(
        sample.logins
        for sample in record.samples
        if is_forgetful(sample.session, record.forgetful) is forgetful
    )


def percentile(values: Collection[float], q: float) -> float:
    """A percentile by nearest rank.

    Args:
        values: in any order.
        q: from 0 (exclusive) to 100.

    Returns:
        One of the values; ``nan`` where there are none.
    """
    if not values:
        return math.nan
    return sorted(values)[max(math.ceil(q / 100 * len(values)), 1) - 1]


def latencies(samples: Collection[Sample]) -> Latencies:
    """Summarise how long answers took and what failed."""
    times = [sample.latency for sample in samples if sample.ok]
    return Latencies(
        count=len(samples),
        failed=failures(samples),
        p50=percentile(times, 50),
        p99=percentile(times, 99),
        longest=max(times, default=math.nan),
    )


def phases(samples: Collection[Sample], *, fault: float, healed: float) -> Phases:
    """Summarise a run before, during and after a fault.

    Args:
        samples: of the run.
        fault: instant of the fault.
        healed: instant from which everything was as before.
    """
    return Phases(
        before=latencies([sample for sample in samples if sample.due < fault]),
        during=latencies([sample for sample in samples if fault <= sample.due < healed]),
        after=latencies([sample for sample in samples if sample.due >= healed]),
    )


def pins(samples: Iterable[Sample], at: float) -> Mapping[int, str]:
    """Say on which member each session was at an instant, by the last answer before it.

    Args:
        samples: in the order in which they ended.
        at: the instant.

    Returns:
        Session to member; sessions of which nothing is known are left out.
    """
    found: dict[int, str] = {}
    for sample in samples:
        if sample.session >= 0 and sample.member and sample.answered <= at:
            found[sample.session] = sample.member
    return found


def moved(samples: Sequence[Sample], *, since: float, until: float) -> frozenset[int]:
    """Say which sessions are on another member at the end of a span than at its beginning."""
    before, after = pins(samples, since), pins(samples, until)
    return frozenset(session for session, member in before.items() if after.get(session, member) != member)


def stall(
    samples: Iterable[Sample], sessions: Collection[int], *, since: float, until: float
) -> Stall | None:
    """Find the longest stall of some sessions.

    Args:
        samples: of the run.
        sessions: those to look at.
        since: only requests count that were due then or later, or were still unanswered then.
        until: instant at which the record ends.

    Returns:
        The longest, or ``None`` where nothing was due.
    """
    by_session: dict[int, list[Sample]] = {session: [] for session in sessions}
    for sample in samples:
        if sample.session in by_session and sample.answered >= since:
            by_session[sample.session].append(sample)
    found = (_longest(own, until) for own in by_session.values())
    return max((one for one in found if one is not None), key=lambda one: one.seconds, default=None)


def _longest(samples: list[Sample], until: float) -> Stall | None:
    """The longest stall of one session: from the last due to the first, so that the next success is at hand."""
    longest: Stall | None = None
    success = math.inf
    # Of requests that were due at the same instant, a success comes first: it ends the stall of all of them.
    for sample in sorted(samples, key=lambda sample: (-sample.due, not sample.ok, sample.answered)):
        if sample.ok:
            success = min(success, sample.answered)
        still_open = success == math.inf
        seconds = (max(until, sample.answered) if still_open else success) - sample.due
        if longest is None or seconds > longest.seconds:
            longest = Stall(seconds, sample.session, sample.due, still_open)
    return longest


def routed_around(samples: Iterable[Sample], sessions: Collection[int], *, fault: float) -> float:
    """Say when a fault was routed around.

    Args:
        samples: of the run.
        sessions: those that were on the member that was hurt.
        fault: instant of the fault.

    Returns:
        Seconds after the fault; 0 where nothing was disturbed in the first second.
    """
    disturbed = sorted(
        sample.due
        for sample in samples
        if sample.session in sessions
        and sample.due >= fault
        and (not sample.ok or sample.latency > DISTURBED)
    )
    if not disturbed or disturbed[0] - fault > QUIET:
        return 0.0
    for due, following in pairwise(disturbed):
        if following - due > QUIET:
            return due - fault
    return disturbed[-1] - fault


def writes_back(record: Record, *, fault: float) -> float:
    """Say when writes were acknowledged again after a fault.

    Args:
        record: of the run.
        fault: instant of the fault.

    Returns:
        Seconds after the fault at which the first write was acknowledged of those due after the last one that failed;
        ``inf`` where there was none.
    """
    writes = [
        sample for sample in record.samples if record.kinds[sample.kind].write and sample.answered >= fault
    ]
    last = max((sample.due for sample in writes if not sample.ok), default=fault)
    good = (sample.answered for sample in writes if sample.ok and sample.due >= last)
    return min(good, default=math.inf) - fault


def acknowledged(record: Record) -> frozenset[str]:
    """The tokens of all acknowledged writes; one that was refused in order is none."""
    return frozenset(
        sample.token
        for sample in record.samples
        if sample.token and sample.ok and sample.status not in record.kinds[sample.kind].refuses
    )


def first_answer_of(samples: Iterable[Sample], member: str, *, since: float) -> float:
    """Say when a member answered for the first time to a request that was sent after an instant.

    Args:
        samples: of the run.
        member: as ``address:port``.
        since: the instant; a member that was killed then answers again once it has been started and admitted.

    Returns:
        Instant of the answer; ``inf`` where there was none.
    """
    found = (
        sample.answered for sample in samples if sample.ok and sample.member == member and sample.sent > since
    )
    return min(found, default=math.inf)


def lag(samples: Collection[Sample]) -> float:
    """The 99th percentile of the generator's scheduling delay, in seconds."""
    return percentile([sample.lag for sample in samples], 99)


def void(record: Record) -> str:
    """Say why a run proves nothing; "" where it does."""
    if not record.samples:
        return "nothing was sent"
    if not record.complete:
        return "the generator did not end in order"
    if any(sample.cause is Cause.LOCAL for sample in record.samples):
        return "the generator lacked ports, memory or open files"
    late = lag(record.samples)
    if late > LARGEST_LAG:
        return f"the generator lagged: p99 of its scheduling delay is {late * 1000:.0f} ms"
    return ""


def bound(failed: int, count: int) -> float | None:
    """The rate of failure that ``count`` requests without a failure leave possible; ``None`` where one failed."""
    return 3 / count if count and not failed else None

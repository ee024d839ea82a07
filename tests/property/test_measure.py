"""Every figure against a definition that is written out and slow."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telamon.proof import measure
from telamon.proof.record import Cause, KindFacts, Record, Sample

END = 40.0
INSTANTS = st.integers(0, 400).map(lambda tenth: tenth / 10)
MEMBERS = st.sampled_from(["", "127.0.0.1:1", "127.0.0.2:1"])


@st.composite
def samples(draw: st.DrawFn) -> list[Sample]:
    found = []
    for number in range(draw(st.integers(0, 25))):
        due = draw(INSTANTS) * 0.75
        begun = due + draw(st.sampled_from([0.0, 0.001, 0.05]))
        answered = begun + draw(st.sampled_from([0.01, 0.2, 0.3, 1.5, 10.0]))
        cause = draw(st.sampled_from([Cause.OK, Cause.OK, Cause.RESET, Cause.SERVER_ERROR, Cause.TIMEOUT]))
        write = draw(st.booleans())
        found.append(
            Sample(
                draw(st.integers(-1, 3)),
                "write" if write else "read",
                due,
                begun,
                begun,
                answered,
                200,
                cause,
                draw(MEMBERS),
                f"t{number}" if write else "",
                draw(st.sampled_from([0, 0, 0, 1])),
            )
        )
    return sorted(found, key=lambda sample: sample.answered)


def record(found: list[Sample]) -> Record:
    kinds = {"read": KindFacts("GET", write=False), "write": KindFacts("POST", write=True)}
    return Record("r", 0.0, 0.0, 0, 1.0, 4, kinds, tuple(found), complete=True, cpu=0.1, seconds=END)


def brute_stall(found: list[Sample], sessions: set[int], since: float) -> float | None:
    worst = None
    for asked in found:
        if asked.session not in sessions or asked.answered < since:
            continue
        ends = [
            other.answered
            for other in found
            if other.session == asked.session
            and other.ok
            and other.due >= asked.due
            and other.answered >= since
        ]
        later = [
            other.answered for other in found if other.session == asked.session and other.due >= asked.due
        ]
        waited = (min(ends) if ends else max(END, asked.answered)) - asked.due
        assert later
        worst = waited if worst is None else max(worst, waited)
    return worst


@given(samples(), st.sets(st.integers(0, 3)), INSTANTS)
def test_stall(found: list[Sample], sessions: set[int], since: float) -> None:
    stall = measure.stall(found, sessions, since=since, until=END)
    expected = brute_stall(found, sessions, since)
    assert (None if stall is None else stall.seconds) == expected
    if stall is not None:
        assert stall.session in sessions
        assert stall.open == (
            not any(
                other.ok
                and other.session == stall.session
                and other.due >= stall.due
                and other.answered >= since
                for other in found
            )
        )


@given(samples())
def test_failures_and_latencies_count_every_request_once(found: list[Sample]) -> None:
    counted = measure.latencies(found)
    assert counted.count == len(found)
    assert sum(counted.failed.values()) == len([sample for sample in found if sample.cause != ""])
    right = [sample.answered - sample.due for sample in found if sample.cause == ""]
    if right:
        assert counted.longest == max(right)
        assert counted.p50 <= counted.p99 <= counted.longest
    else:
        assert math.isnan(counted.longest)


@given(st.lists(st.integers(0, 50), min_size=1), st.floats(0.5, 100))
def test_percentile_is_the_smallest_value_that_is_high_enough(values: list[int], q: float) -> None:
    found = measure.percentile(values, q)

    def share(value: float) -> float:
        return 100 * sum(one <= value for one in values) / len(values)

    assert found in values
    assert share(found) >= q - 1e-9
    assert all(share(value) < q + 1e-9 for value in values if value < found)


def test_percentile_of_nothing() -> None:
    assert math.isnan(measure.percentile([], 50))


@given(samples(), INSTANTS, INSTANTS)
def test_phases_hold_every_request_once(found: list[Sample], one: float, other: float) -> None:
    phases = measure.phases(found, fault=min(one, other), healed=max(one, other))
    assert phases.before.count + phases.during.count + phases.after.count == len(found)


@given(samples(), INSTANTS, INSTANTS)
def test_moved(found: list[Sample], one: float, other: float) -> None:
    since, until = min(one, other), max(one, other)

    def last(session: int, at: float) -> str:
        seen = [s.member for s in found if s.session == session and s.member and s.answered <= at]
        return seen[-1] if seen else ""

    expected = {s for s in range(4) if last(s, since) and last(s, since) != last(s, until)}
    assert measure.moved(found, since=since, until=until) == expected


@given(samples(), INSTANTS)
def test_routed_around(found: list[Sample], fault: float) -> None:
    sessions = {0, 1}
    bad = [
        s.due
        for s in found
        if s.session in sessions and s.due >= fault and (s.cause != "" or s.answered - s.due > 0.25)
    ]

    def calm(start: float, *, also_at_start: bool) -> bool:
        return not any(start < due <= start + 1.0 or (also_at_start and due == start) for due in bad)

    candidates = [due - fault for due in sorted(bad) if calm(due, also_at_start=False)]
    expected = 0.0 if calm(fault, also_at_start=True) else candidates[0]
    assert measure.routed_around(found, sessions, fault=fault) == expected


@given(samples(), INSTANTS)
def test_writes_back(found: list[Sample], fault: float) -> None:
    writes = [s for s in found if s.kind == "write" and s.answered >= fault]
    expected = math.inf
    for good in writes:
        after_every_failure = all(good.due >= other.due for other in writes if other.cause != "")
        if (
            good.cause == ""
            and after_every_failure
            and good.due >= (fault if not any(s.cause for s in writes) else 0)
        ):
            expected = min(expected, good.answered - fault)
    assert measure.writes_back(record(found), fault=fault) == expected


@given(samples())
def test_tokens(found: list[Sample]) -> None:
    whole = record(found)
    sent = {s.token for s in found if s.kind == "write"}
    assert measure.acknowledged(whole) <= sent


@given(samples(), MEMBERS, INSTANTS)
def test_first_answer(found: list[Sample], member: str, since: float) -> None:
    matching = [s.answered for s in found if s.cause == "" and s.member == member and s.sent > since]
    expected = min(matching) if matching else math.inf
    assert measure.first_answer_of(found, member, since=since) == expected


def test_a_run_is_void_for_each_of_its_reasons() -> None:
    sample = Sample(0, "read", 1.0, 1.001, 1.001, 1.01, 200, Cause.OK)
    good = record([sample])
    late = replace(sample, begun=1.03)
    assert measure.void(good) == ""
    assert "lagged" in measure.void(record([late]))
    assert "lagged" not in measure.void(record([late] + [sample] * 200))
    assert "in order" in measure.void(replace(good, complete=False))
    assert "lacked" in measure.void(record([replace(sample, cause=Cause.LOCAL)]))
    assert "nothing" in measure.void(record([]))


@pytest.mark.parametrize(("failed", "count", "bound"), [(0, 3000, 0.001), (1, 3000, None), (0, 0, None)])
def test_bound(failed: int, count: int, bound: float | None) -> None:
    assert measure.bound(failed, count) == bound

"""Green counts from the first look of an unbroken stretch; what nobody looked at does not count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from telamon.model.status import GreenStatus, StackStatus, StatusCondition
from telamon.operator.soaking import GAP, KEPT_EVERY, Soaking, gone_on, is_green

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def told(**conditions: str) -> StackStatus:
    wanted = {"Ready": "True", "Degraded": "False", "UpgradeFailed": "False"} | conditions
    return StackStatus(
        conditions=tuple(
            StatusCondition.model_validate(
                {"type": type_, "status": held, "reason": "Any", "lastTransitionTime": START}
            )
            for type_, held in wanted.items()
        )
    )


GREEN, DARK = told(), told(Ready="False")


def test_only_what_is_ready_whole_and_not_held_is_green() -> None:
    assert is_green(GREEN)
    for others in ({"Ready": "False"}, {"Degraded": "True"}, {"UpgradeFailed": "True"}, {"Ready": "Unknown"}):
        assert not is_green(told(**others))
    assert not is_green(StackStatus())


def test_a_break_begins_anew() -> None:
    soaking = Soaking()
    looks = ((0, GREEN), (60, GREEN), (90, DARK), (120, GREEN))
    found = [soaking.look(status, generation=1, now=START + timedelta(seconds=at)) for at, status in looks]
    assert found[1] == GreenStatus(generation=1, since=START, seen=START + timedelta(seconds=60))
    assert found[2] is None
    assert found[3] is not None
    assert found[3].since == START + timedelta(seconds=120)


def test_another_spec_begins_anew() -> None:
    before = GreenStatus(generation=1, since=START, seen=START)
    assert gone_on(before, generation=2, now=START + timedelta(seconds=1)).since > START


def test_a_successor_goes_on_where_it_was_away_for_a_moment_and_not_for_long() -> None:
    kept = GreenStatus(generation=1, since=START - timedelta(hours=1), seen=START)
    assert gone_on(kept, generation=1, now=START + GAP).since == kept.since
    assert gone_on(kept, generation=1, now=START + GAP + timedelta(seconds=1)).since > kept.since
    assert gone_on(kept, generation=1, now=START - 2 * GAP).since == START - 2 * GAP


def test_it_is_written_down_now_and_then_and_not_at_every_look() -> None:
    kept = GreenStatus(generation=1, since=START, seen=START)
    assert gone_on(kept, generation=1, now=START + KEPT_EVERY - timedelta(seconds=1)) is kept
    assert gone_on(kept, generation=1, now=START + KEPT_EVERY).seen == START + KEPT_EVERY


@given(st.lists(st.tuples(st.floats(-600, 600), st.booleans(), st.integers(1, 2)), max_size=40))
def test_no_stretch_is_longer_than_its_looks_were_green_of_one_spec_and_close_together(
    looks: list[tuple[float, bool, int]],
) -> None:
    soaking, now = Soaking(), START
    stretch: list[datetime] = []
    generation_before, last = 0, START
    for seconds, green, generation in looks:
        now += timedelta(seconds=seconds)
        unbroken = bool(stretch) and generation == generation_before and abs(now - last) <= GAP + KEPT_EVERY
        stretch = ([*stretch, now] if unbroken else [now]) if green else []
        found = soaking.look(GREEN if green else DARK, generation=generation, now=now)
        generation_before, last = generation, now
        assert (found is not None) is green
        if found is not None:
            assert min(stretch) <= found.since <= max(stretch)
            assert found.seen - found.since <= max(stretch) - min(stretch)

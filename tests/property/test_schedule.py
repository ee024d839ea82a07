"""Backups come round: never twice at a time, never later than promised, and not all the time where they fail."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from telamon.plan.schedule import TRIES_A_PERIOD, Attempt, is_due

EVERY = 800.0


def ended(at: float, *, succeeded: bool = True) -> Attempt:
    """An attempt that has ended."""
    return Attempt(at, succeeded)


def test_first_comes_after_one_period() -> None:
    assert not is_due([], first=0.0, every=EVERY, now=EVERY - 1)
    assert is_due([], first=0.0, every=EVERY, now=EVERY)


def test_one_that_was_asked_for_by_hand_counts() -> None:
    assert not is_due([ended(700.0)], first=0.0, every=EVERY, now=1400.0)
    assert is_due([ended(700.0)], first=0.0, every=EVERY, now=1500.0)


def test_one_that_failed_is_tried_again_before_the_next_period_and_not_at_once() -> None:
    attempts = [ended(0.0), ended(EVERY, succeeded=False)]
    assert not is_due(attempts, first=0.0, every=EVERY, now=EVERY + 1)
    assert is_due(attempts, first=0.0, every=EVERY, now=EVERY + EVERY / TRIES_A_PERIOD)


@given(st.lists(st.tuples(st.floats(0, 10_000), st.booleans())), st.floats(0, 20_000))
def test_never_while_one_goes_on_and_never_sooner_than_a_period_after_a_good_one(
    past: list[tuple[float, bool]], now: float
) -> None:
    attempts = [ended(at, succeeded=good) for at, good in sorted(past)]
    assert not is_due([*attempts, Attempt(None, succeeded=False)], first=0.0, every=EVERY, now=now)
    if is_due(attempts, first=0.0, every=EVERY, now=now):
        assert all(now - at >= EVERY for at, good in past if good)


@given(st.floats(0, 10_000))
def test_always_by_a_period_and_an_eighth_after_the_last_good_one(last: float) -> None:
    assert is_due([ended(last)], first=0.0, every=EVERY, now=last + EVERY * (1 + 1 / TRIES_A_PERIOD))

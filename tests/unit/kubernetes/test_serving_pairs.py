"""Certificates for admission turn without a moment in which nobody is trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from telamon.platforms.kubernetes.serving_pairs import LASTS, TURNS_BEFORE, Pair, Pairs, turned

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_the_first_is_made_where_there_is_none() -> None:
    held = turned(Pairs(), listed=b"", now=NOW)
    assert held.serving is not None
    assert held.trusted == held.serving.certificate
    assert turned(held, listed=held.trusted, now=NOW) == held


def test_the_next_is_listed_before_anybody_answers_with_it() -> None:
    first = turned(Pairs(), listed=b"", now=NOW)
    due = NOW + LASTS - TURNS_BEFORE
    early = due - timedelta(minutes=1)
    assert turned(first, listed=first.trusted, now=early) == first
    both = turned(first, listed=first.trusted, now=due)
    assert both.serving == first.serving
    assert both.coming is not None
    # Nobody answers with the next one until the API server has been told of it.
    assert turned(both, listed=first.trusted, now=due) == both
    after = turned(both, listed=both.trusted, now=due)
    assert after.serving == both.coming
    assert after.coming is None
    assert first.serving is not None
    assert first.serving.certificate in after.trusted
    assert turned(after, listed=after.trusted, now=due) == after


def test_one_that_has_ended_while_nobody_looked_is_made_anew() -> None:
    first = turned(Pairs(), listed=b"", now=NOW)
    late = turned(first, listed=first.trusted, now=NOW + LASTS)
    assert late.serving is not None
    assert late.serving != first.serving
    # So is one that does not hold yet, because a clock was wrong when it was made.
    early = turned(first, listed=first.trusted, now=NOW - timedelta(days=2))
    assert early.serving is not None
    assert early.serving != first.serving


def test_what_was_damaged_is_none() -> None:
    one, other = Pair.made(NOW), Pair.made(NOW)
    assert Pair.read(one.certificate, one.key) == one
    assert Pair.read(one.certificate, other.key) is None
    assert Pair.read(b"", b"") is None
    assert Pair.read(one.certificate, b"key") is None
    assert "PRIVATE" not in repr(one)

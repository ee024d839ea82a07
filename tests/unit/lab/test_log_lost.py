"""What was kept of the database's writing stays within reach after log was lost, until a new copy replaces it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telamon.errors import UsageError
from telamon.platforms.lab.backup.recovery import covering
from telamon.platforms.lab.backup.timeline import Copy, Timeline

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEGMENT = "000000010000000000000007"


@pytest.fixture
def timeline(tmp_path: Path) -> Timeline:
    """One that holds a copy of noon, and log."""
    made = Timeline(tmp_path / "timeline", None)
    made.prepare()
    copied(made, NOON)
    (made.log / SEGMENT).write_bytes(b"log")
    return made


def copied(timeline: Timeline, at: datetime) -> None:
    """Have a whole copy."""
    copy = Copy(at.strftime("%Y%m%dT%H%M%S.%fZ"), at.isoformat(), SEGMENT)
    archive = timeline.archive(copy)
    archive.parent.mkdir()
    archive.write_bytes(b"data")
    (archive.parent / "copy.json").write_text(json.dumps(asdict(copy)), encoding="utf-8")


def reaches(timeline: Timeline, at: datetime) -> bool:
    """Whether data and log of an instant are there."""
    kept = timeline.reaching(at)
    try:
        copy = covering(kept, at)
    except UsageError:
        return False
    return kept.archive(copy).exists() and (kept.log / copy.segment).exists()


def test_instants_before_the_loss_are_reached_until_a_new_copy_is_whole(timeline: Timeline) -> None:
    timeline.begin_anew()
    assert timeline.copies() == ()
    assert list(timeline.log.iterdir()) == []
    timeline.prune()
    assert reaches(timeline, NOON + timedelta(minutes=5))
    assert not reaches(timeline, NOON - timedelta(minutes=5))

    copied(timeline, NOON + timedelta(hours=1))
    (timeline.log / SEGMENT).write_bytes(b"log")
    assert timeline.reaching(NOON + timedelta(hours=2)) == timeline
    timeline.prune()
    assert not timeline.earlier.folder.exists()
    assert reaches(timeline, NOON + timedelta(hours=2))
    assert not reaches(timeline, NOON + timedelta(minutes=5))


def test_log_that_is_lost_twice_before_a_copy_leaves_what_was_kept_first(timeline: Timeline) -> None:
    timeline.begin_anew()
    (timeline.log / SEGMENT).write_bytes(b"log after which some was lost")
    timeline.begin_anew()
    assert list(timeline.log.iterdir()) == []
    assert reaches(timeline, NOON + timedelta(minutes=5))


def test_death_between_log_and_copies_joins_nothing_that_has_a_gap(timeline: Timeline) -> None:
    timeline.earlier.folder.mkdir()
    timeline.log.rename(timeline.earlier.log)
    timeline.prepare()
    assert timeline.copies() == ()
    assert reaches(timeline, NOON + timedelta(minutes=5))


def test_death_before_anything_was_put_aside_loses_nothing(timeline: Timeline) -> None:
    timeline.earlier.folder.mkdir()
    timeline.prepare()
    assert reaches(timeline, NOON + timedelta(minutes=5))
    timeline.begin_anew()
    assert reaches(timeline, NOON + timedelta(minutes=5))

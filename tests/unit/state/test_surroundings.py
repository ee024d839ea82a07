"""Between which two backups an instant lies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from telamon.errors import UsageError
from telamon.state.backups import INSTANT, BackupEntry, surroundings

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def entry(name: str, hours: float, *, product: str = "wiki", reason: str = "asked") -> BackupEntry:
    """A backup so many hours after noon."""
    taken = (NOON + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return BackupEntry(
        name, "acme", product, "1", reason, taken, "0/0", product, "17.1", "s", {}, files=0, size=0, added=0
    )


ENTRIES = (
    entry("late", 3),
    entry("early", -3),
    entry("between", -1),
    entry("other", -0.5, product="tracker"),
    entry("made", -0.1, reason=INSTANT),
)


def test_backups_next_to_an_instant_are_found_whatever_their_order() -> None:
    found = surroundings(ENTRIES, "wiki", at=NOON)
    assert found.before.name == "between"
    assert found.after is not None
    assert found.after.name == "late"


def test_after_the_last_backup_there_is_only_what_is_now() -> None:
    found = surroundings(ENTRIES, "wiki", at=NOON + timedelta(hours=5))
    assert (found.before.name, found.after) == ("late", None)


def test_before_the_first_backup_it_is_refused_and_the_first_is_named() -> None:
    with pytest.raises(UsageError, match="no backup of wiki") as refused:
        surroundings(ENTRIES, "wiki", at=NOON - timedelta(hours=4))
    assert "early" in (refused.value.remedy or "")

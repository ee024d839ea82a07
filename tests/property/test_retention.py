"""Old backups go, and never the last one that can be restored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from telamon.plan.retention import outdated
from telamon.state.backups import BackupEntry

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def entry(number: int, *, product: str, age: float, verified: bool) -> BackupEntry:
    """A backup of some days ago."""
    taken = (NOW - timedelta(days=age)).isoformat()
    return BackupEntry(
        f"{product}-{number}", "acme", product, "1", "asked", taken, "0/0", product, "17", "id", {}, 0, 0, 0,
        verified=taken if verified else "",
    )  # fmt: skip


@st.composite
def catalogues(draw: st.DrawFn) -> list[BackupEntry]:
    """Backups of two products, of any age."""
    count = draw(st.integers(0, 12))
    return [
        entry(
            number,
            product=draw(st.sampled_from(["one", "two"])),
            age=draw(st.floats(0, 100)),
            verified=draw(st.booleans()),
        )
        for number in range(count)
    ]


@given(catalogues(), st.floats(0, 60))
def test_what_goes_is_old_and_what_can_be_restored_stays(entries: list[BackupEntry], days: float) -> None:
    gone = outdated(entries, now=NOW, keep=days * 86400)
    kept = [found for found in entries if found not in gone]
    limit = NOW - timedelta(days=days)
    assert all(datetime.fromisoformat(found.taken) < limit for found in gone)
    for product in {found.product for found in entries}:
        assert any(found.product == product for found in kept)
        if any(found.verified for found in entries if found.product == product):
            assert any(found.verified for found in kept if found.product == product)


@given(catalogues())
def test_nothing_young_goes_and_twice_changes_nothing(entries: list[BackupEntry]) -> None:
    assert outdated(entries, now=NOW, keep=101 * 86400) == ()
    gone = outdated(entries, now=NOW, keep=86400)
    kept = [found for found in entries if found not in gone]
    assert outdated(kept, now=NOW, keep=86400) == ()

"""The list of backups where one page of it is damaged, and what is on the disk before anything is removed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from telamon.errors import MachineError, PlatformError, UsageError
from telamon.platforms.backup.catalogue import Catalogue
from telamon.platforms.backup.clearing import prune
from telamon.platforms.backup.vault import Vault
from telamon.platforms.disk import located
from telamon.platforms.systemcalls import sync_file_system
from telamon.state.backups import BackupEntry, surroundings

OLD, NEW = "jira-20250301T100000Z", "jira-20260301T100000Z"


def entry(name: str, *, taken: str) -> BackupEntry:
    """A backup."""
    return BackupEntry(
        name=name,
        stack="acme",
        product="jira",
        release="11.3.1",
        reason="asked",
        taken=taken,
        lsn="0/1",
        database="jira",
        database_release="17.10",
        snapshot=f"snapshot of {name}",
        rows={"public.rows": 20},
        files=3,
        size=3 * 2**20,
        added=2**20,
    )


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """One old backup and one new."""
    made = Catalogue(tmp_path / "backups")
    made.put(entry(OLD, taken="2025-03-01T10:00:00Z"))
    made.put(entry(NEW, taken="2026-03-01T10:00:00Z"))
    return made


@pytest.fixture
def damaged(catalogue: Catalogue) -> Path:
    """A third page, cut off in the middle."""
    page = catalogue.folder / "catalogue" / "jira-20260201T100000Z.json"
    page.write_text('{"name": "jira-2026', encoding="utf-8")
    return page


def test_backups_with_whole_pages_are_found_beside_a_damaged_one(catalogue: Catalogue, damaged: Path) -> None:
    assert catalogue.get(NEW).snapshot == f"snapshot of {NEW}"
    found = catalogue.find(OLD)
    assert found is not None
    assert found.name == OLD
    assert catalogue.find("jira-20270101T000000Z") is None
    with pytest.raises(UsageError, match="there is no backup"):
        catalogue.get("../lock")


@pytest.mark.parametrize(
    ("name", "at", "refused"),
    [
        ("jira-20260201T100000Z", "2026-02-15T00:00:00Z", True),
        ("jira-20260201T100000Z", "2026-01-15T00:00:00Z", True),
        ("jira-20260201T100000Z-before", "2026-02-15T00:00:00Z", True),
        ("jira-20260201T100000Z", "2026-03-15T00:00:00Z", False),
        ("jira-20260401T100000Z", "2026-02-15T00:00:00Z", False),
        ("jira-20260401T100000Z", "2026-03-15T00:00:00Z", True),
        ("wiki-20260201T100000Z", "2026-02-15T00:00:00Z", False),
        ("nothing-said", "2026-02-15T00:00:00Z", True),
        ("jira-20261399T100000Z", "2026-02-15T00:00:00Z", True),
    ],
)
def test_going_back_is_refused_only_where_a_damaged_page_may_be_the_nearest(
    catalogue: Catalogue, name: str, at: str, refused: bool
) -> None:
    (catalogue.folder / "catalogue" / f"{name}.json").write_text("{", encoding="utf-8")
    instant = datetime.fromisoformat(at)

    def look() -> str:
        found = surroundings(catalogue.readable(), "jira", at=instant, damaged=catalogue.damaged())
        return found.before.name

    if refused:
        with pytest.raises(PlatformError, match=name) as caught:
            look()
        assert "Put it back from a copy" in (caught.value.remedy or "")
    else:
        assert look() == (NEW if instant.month == 3 else OLD)


def test_the_only_backup_before_an_instant_may_be_the_damaged_one(catalogue: Catalogue) -> None:
    page = catalogue.folder / "catalogue" / "jira-20250101T100000Z.json"
    page.write_text("{", encoding="utf-8")
    listed, damaged = catalogue.readable(), catalogue.damaged()
    with pytest.raises(PlatformError, match="may be the nearest"):
        surroundings(listed, "jira", at=datetime(2025, 2, 1, tzinfo=UTC), damaged=damaged)
    with pytest.raises(UsageError, match="no backup of jira from before"):
        surroundings(listed, "jira", at=datetime(2024, 2, 1, tzinfo=UTC), damaged=damaged)


def test_damaged_page_says_what_its_removal_costs(catalogue: Catalogue, damaged: Path) -> None:
    with pytest.raises(PlatformError, match=damaged.name) as refused:
        catalogue.entries()
    assert "removes the content of that backup" in (refused.value.remedy or "")


def test_nothing_is_cleared_away_while_a_page_is_damaged(
    catalogue: Catalogue, damaged: Path, tmp_path: Path
) -> None:
    vault = Vault(catalogue.vault, "password of a test")
    with pytest.raises(PlatformError, match="is damaged"):
        prune(catalogue, vault, workplace=tmp_path / "work", keep=60.0, now=datetime(2026, 3, 2, tzinfo=UTC))
    assert catalogue.find(OLD) is not None
    assert not catalogue.vault.exists()


def test_struck_page_is_off_the_disk_before_its_content_goes(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = catalogue.folder / "catalogue"
    seen: list[tuple[Path, tuple[str, ...]]] = []

    def fsync(descriptor: int) -> None:
        synced = Path(f"/proc/self/fd/{descriptor}").readlink()
        seen.append((synced, tuple(page.name for page in pages.iterdir())))

    monkeypatch.setattr(os, "fsync", fsync)
    catalogue.strike(OLD)
    catalogue.strike("jira-20270101T000000Z")
    assert seen == [(pages.resolve(), (f"{NEW}.json",))]


def test_file_system_is_written_out_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of another program", encoding="utf-8")
    sync_file_system(tmp_path)
    sync_file_system(tmp_path / "file")
    with pytest.raises(MachineError, match="missing"), located(tmp_path / "missing"):
        sync_file_system(tmp_path / "missing")

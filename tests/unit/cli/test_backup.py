"""What there is to come back to, told without a controller, and what is refused before anything is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from telamon.platforms.backup.catalogue import Catalogue
from telamon.state.backups import BackupEntry
from tests.support.desk import Desk


def entry(name: str, *, product: str = "jira", lacking: tuple[str, ...] = ()) -> BackupEntry:
    """A backup that was verified."""
    return BackupEntry(
        name=name,
        stack="acme",
        product=product,
        release="11.3.1",
        reason="asked",
        taken="2026-03-01T10:00:00Z",
        lsn="0/1",
        database="jira",
        database_release="17.10",
        snapshot="abc",
        rows={"public.rows": 20},
        files=3,
        size=3 * 2**20,
        added=2**20,
        lacking=lacking,
        verified="2026-03-01T10:01:00Z",
    )


@pytest.fixture
def root(desk: Desk) -> Path:
    """A state folder with two backups beside it."""
    made = desk.folder / "acme"
    made.mkdir(parents=True)
    (made / "store.sqlite").touch()
    catalogue = Catalogue(Path(f"{made}.backups"))
    catalogue.put(entry("jira-20260301T100000Z"))
    catalogue.put(
        entry("wiki-20260301T100000Z", product="wiki", lacking=("attachment 5: the file is missing",))
    )
    return made


def test_without_backups_the_list_says_how_to_take_one(desk: Desk) -> None:
    (desk.folder / "acme").mkdir(parents=True)
    (desk.folder / "acme" / "store.sqlite").touch()
    assert "telamon backup" in desk.run("backup", "list").out
    assert desk.run("backup", "list", "-o", "json").document == []


def test_list_and_page_tell_size_and_state(desk: Desk, root: Path) -> None:
    listed = desk.run("backup", "list").out
    assert "jira-20260301T100000Z" in listed
    assert "verified 2026-03-01T10:01:00Z" in listed
    assert "lacked 1 files" in listed
    shown = desk.run("backup", "show", "wiki-20260301T100000Z")
    assert "20 in 1 tables" in shown.out
    assert "attachment 5" in shown.out
    document = desk.run("backup", "show", "wiki-20260301T100000Z", "-o", "json").document
    assert document["rows"] == {"public.rows": 20}


def test_page_is_read_after_the_stack_was_purged(desk: Desk, root: Path) -> None:
    (root / "store.sqlite").unlink()
    root.rmdir()
    assert "jira-20260301T100000Z" in desk.run("backup", "list", "--state", str(root)).out


@pytest.mark.parametrize(
    "words",
    [
        ("backup", "show", "jira-20260301T100001Z"),
        ("backup", "verify", "jira-20260301T100001Z"),
        ("restore", "jira", "--from", "jira-20260301T100001Z", "--yes"),
    ],
)
def test_unknown_backup_gets_the_nearest_name(desk: Desk, root: Path, words: tuple[str, ...]) -> None:
    found = desk.run(*words)
    assert found.code == 2
    assert "Did you mean jira-20260301T100000Z?" in found.err


def test_backup_of_another_product_is_not_restored(desk: Desk, root: Path) -> None:
    found = desk.run("restore", "jira", "--from", "wiki-20260301T100000Z", "--yes")
    assert found.code == 2
    assert "of wiki, not of jira" in found.err


def test_restore_and_clearing_away_ask_first(desk: Desk, root: Path) -> None:
    for words in (("restore", "jira", "--from", "jira-20260301T100000Z"), ("backup", "prune")):
        found = desk.run(*words)
        assert found.code == 2
        assert "--yes" in found.err


def test_damaged_page_is_named(desk: Desk, root: Path) -> None:
    page = Path(f"{root}.backups") / "catalogue" / "jira-20260301T100000Z.json"
    page.write_text("{", encoding="utf-8")
    found = desk.run("backup", "show", page.stem)
    assert found.code == 7
    assert str(page) in found.err


def test_a_damaged_page_is_listed_as_damaged_beside_the_others(desk: Desk, root: Path) -> None:
    page = Path(f"{root}.backups") / "catalogue" / "jira-20260401T100000Z.json"
    page.write_text('{"name": "jira-2026', encoding="utf-8")
    listed = desk.run("backup", "list")
    assert listed.code == 0
    assert "jira-20260301T100000Z" in listed.out
    assert listed.out.rstrip().splitlines()[-1].split() == [page.stem, "its", "page", "is", "damaged"]
    assert f"{page} is damaged. Put it back from a copy" in listed.err
    document = desk.run("backup", "list", "-o", "json").document
    assert [found["name"] for found in document][-1] == page.stem
    assert document[-1]["damaged"] == f"{page} is damaged"

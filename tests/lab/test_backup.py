"""A backup taken while users write is one whole: no row without its file, no row without its commit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from telamon.errors import ConflictError, MachineError, PlatformError, UsageError
from telamon.platforms import procfs
from telamon.platforms.backup import restoring, taking
from telamon.platforms.backup.clearing import prune
from telamon.platforms.backup.workplace import SOCKETS, workplace
from telamon.state.backups import BackupEntry
from tests.lab import backups
from tests.lab.backups import FORGE, TRACKER, Site, Writers, attach, attachment, needs_restic, quiet
from tests.lab.support import strike

pytestmark = [needs_restic, pytest.mark.timeout(300)]


@pytest.fixture
def tracker(root: Path) -> Iterator[Site]:
    """A site with attachments."""
    with backups.site(root, "jira", TRACKER) as made:
        yield made


@pytest.fixture
def forge(root: Path) -> Iterator[Site]:
    """A site with repositories."""
    with backups.site(root, "bitbucket", FORGE) as made:
        yield made


def take(site: Site, name: str = "first", reason: str = "asked") -> None:
    """Take a backup."""
    taking.take(site.subject, site.shelf, name=name, reason=reason, progress=quiet)


def prepare(site: Site, name: str = "first") -> None:
    """Make a backup ready to be put in force."""
    entry = site.shelf.catalogue.get(name)
    restoring.prepare(
        entry, site.place, manager=site.manager, shelf=site.shelf, rules=site.subject.rules, progress=quiet
    )


def verify(site: Site, name: str) -> None:
    """Verify a backup."""
    entry = site.shelf.catalogue.get(name)
    taking.verify(entry, site.shelf, rules=site.subject.rules, progress=quiet)


def clear_away(site: Site, now: datetime | None = None) -> tuple[BackupEntry, ...]:
    """Remove what is older than a day, and what belongs to no backup."""
    shelf = site.shelf
    return prune(
        shelf.catalogue, shelf.vault, workplace=shelf.workplace, keep=86400, now=now or datetime.now(UTC)
    )


def content(site: Site) -> dict[int, bytes]:
    """Every attachment of the database with its bytes."""
    rows = site.rows("SELECT id, issueid FROM fileattachment")
    return {number: attachment(site, number, issue).read_bytes() for number, issue in rows}


def test_under_writes_every_row_has_its_file(tracker: Site) -> None:
    with Writers(lambda chance: attach(tracker, chance)):
        for name in ("one", "two"):
            take(tracker, name)
    for name in ("one", "two"):
        entry = tracker.shelf.catalogue.get(name)
        assert entry.verified
        assert entry.lacking == ()
        files = backups.restored(tracker, name, tracker.root / name)
        with tracker.server.connect("again") as connection:
            rows = connection.execute("SELECT id, issueid, filesize FROM fileattachment").fetchall()
        assert len(rows) == entry.rows["public.fileattachment"]
        for number, issue, size in rows:
            there = files / attachment(tracker, number, issue).relative_to(tracker.home)
            assert there.stat().st_size == size


def test_under_pushes_and_tidying_every_commit_is_there_and_git_is_content(forge: Site) -> None:
    folders = [backups.repository(forge, number) for number in (1, 2, 3)]
    with Writers(lambda chance: backups.push(forge, chance.choice(folders), chance)):
        for name in ("one", "two"):
            take(forge, name)
    for name in ("one", "two"):
        files = backups.restored(forge, name, forge.root / name)
        with forge.server.connect("again") as connection:
            rows = connection.execute("SELECT from_repository_id, from_hash FROM sta_pull_request").fetchall()
        for repository in (1, 2, 3):
            folder = files / "data" / "repositories" / str(repository)
            backups.git(folder, "fsck", "--full")
            for commit in (commit for number, commit in rows if number == repository):
                assert backups.git(folder, "cat-file", "-t", commit) == "commit"


def test_second_backup_adds_little(tracker: Site) -> None:
    noise = tracker.home / "data" / "attachments" / "noise"
    noise.mkdir(parents=True)
    for number in range(20):
        (noise / str(number)).write_bytes(os.urandom(1_000_000))
    take(tracker, "first")
    take(tracker, "second")
    first, second = (tracker.shelf.catalogue.get(name) for name in ("first", "second"))
    assert first.added > 20_000_000
    assert second.added < first.added / 10


def test_restored_is_what_was_there_then(tracker: Site) -> None:
    with Writers(lambda chance: attach(tracker, chance)):
        while len(tracker.rows("SELECT 1 FROM fileattachment")) < 30:
            pass
    before = content(tracker)
    take(tracker)
    index = tracker.place.indexes[0]
    index.mkdir(parents=True)
    with tracker.connect() as connection:
        connection.execute("DELETE FROM fileattachment")
    shutil.rmtree(tracker.home / "data")
    prepare(tracker)
    assert not (tracker.home / "data").exists()
    restoring.switch(tracker.place, tracker.manager)
    assert content(tracker) == before
    assert not index.exists()
    owners = tracker.rows("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == [("jira",)]
    restoring.finish(tracker.place, tracker.manager)
    assert content(tracker) == before
    assert not list(tracker.home.parent.glob(".*"))


def test_what_was_before_a_restore_can_be_put_back(tracker: Site) -> None:
    take(tracker)
    with Writers(lambda chance: attach(tracker, chance)):
        while len(tracker.rows("SELECT 1 FROM fileattachment")) < 30:
            pass
    after = content(tracker)
    prepare(tracker)
    for _ in range(2):
        restoring.switch(tracker.place, tracker.manager)
    assert content(tracker) == {}
    for _ in range(2):
        restoring.undo(tracker.place, tracker.manager)
    assert content(tracker) == after
    restoring.finish(tracker.place, tracker.manager)
    assert content(tracker) == after


def test_old_data_kept_aside_is_never_overwritten(tracker: Site) -> None:
    take(tracker)
    prepare(tracker)
    restoring.switch(tracker.place, tracker.manager)
    with pytest.raises(ConflictError, match="earlier restore"):
        prepare(tracker)


def test_damaged_backup_is_refused_and_nothing_has_changed(tracker: Site) -> None:
    with Writers(lambda chance: attach(tracker, chance)):
        while len(tracker.rows("SELECT 1 FROM fileattachment")) < 30:
            pass
    take(tracker)
    before = content(tracker)
    packs = sorted((tracker.shelf.vault.folder / "data").rglob("*"), key=lambda path: path.stat().st_size)
    largest = next(path for path in reversed(packs) if path.is_file())
    largest.chmod(0o600)
    damaged = bytearray(largest.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    largest.write_bytes(damaged)
    with pytest.raises(PlatformError, match="cannot be read back"):
        prepare(tracker)
    assert content(tracker) == before
    with pytest.raises(PlatformError):
        verify(tracker, "first")


def test_row_that_lacked_its_file_all_along_is_told_and_no_reason_for_no_backup(tracker: Site) -> None:
    with tracker.connect() as connection:
        connection.execute("INSERT INTO fileattachment VALUES (5, 5, 10)")
    take(tracker)
    (told,) = tracker.shelf.catalogue.get("first").lacking
    assert "data/attachments/DEMO/10000/DEMO-5/5" in told
    prepare(tracker)


def test_table_that_is_kept_elsewhere_is_told_and_no_reason_for_no_backup(forge: Site) -> None:
    backups.repository(forge, 1)
    with forge.connect() as connection:
        connection.execute("ALTER TABLE sta_pull_request RENAME TO somewhere_else")
    take(forge)
    (told,) = forge.shelf.catalogue.get("first").lacking
    assert told.startswith("pull request rows: not judged")
    verify(forge, "first")


def test_unknown_backup_gets_the_nearest_name(tracker: Site) -> None:
    take(tracker, "jira-20260101T000000Z")
    with pytest.raises(UsageError) as refused:
        tracker.shelf.catalogue.get("jira-20260101T000001Z")
    assert "jira-20260101T000000Z" in (refused.value.remedy or "")


def test_wrong_password_says_so(tracker: Site) -> None:
    take(tracker)
    other = taking.Shelf(
        tracker.shelf.catalogue, "another password", tracker.shelf.workplace, tracker.shelf.server
    )
    with pytest.raises((PlatformError, MachineError), match="password"):
        taking.take(tracker.subject, other, name="second", reason="asked", progress=quiet)
    assert [entry.name for entry in tracker.shelf.catalogue.entries()] == ["first"]


def test_same_name_is_taken_once(tracker: Site) -> None:
    take(tracker)
    before = tracker.shelf.catalogue.get("first")
    take(tracker)
    assert tracker.shelf.catalogue.get("first") == before
    assert len(tracker.shelf.vault.snapshots()) == 1


def test_what_is_past_its_time_goes_and_the_rest_can_still_be_read(tracker: Site) -> None:
    for name in ("first", "second"):
        take(tracker, name)
    lost = tracker.root / "lost"
    (lost / "files").mkdir(parents=True)
    (lost / "files" / "one").write_text("of a backup that came to no end")
    tracker.shelf.vault.store(lost, ("files",), tag="lost", progress=quiet)
    later = datetime.fromisoformat(tracker.shelf.catalogue.get("second").taken) + timedelta(days=3)
    gone = clear_away(tracker, now=later)
    assert [entry.name for entry in gone] == ["first"]
    assert [entry.name for entry in tracker.shelf.catalogue.entries()] == ["second"]
    assert tracker.shelf.vault.snapshots() == {tracker.shelf.catalogue.get("second").snapshot}
    verify(tracker, "second")


def killed(work: Callable[[], None], *, when: Callable[[], bool]) -> None:
    """Do something in a process that is killed at a moment; it may be through before."""
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    deadline = time.monotonic() + 60
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if when() or time.monotonic() > deadline:
            strike(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(0.01)


def after(seconds: float) -> Callable[[], bool]:
    """Whether so many seconds have gone by."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def places(site: Site) -> list[str]:
    """The folders in which somebody works on backups, or did."""
    return sorted(path.name for path in site.shelf.workplace.iterdir() if path.is_dir())


def servers_in(folder: Path) -> list[int]:
    """The database processes that work below a folder."""
    found = ((pid, procfs.working_folder(pid)) for pid in procfs.pids())
    return [pid for pid, place in found if place is not None and place.startswith(f"{folder}/")]


def test_killed_at_any_moment_it_leaves_nothing_half_listed(tracker: Site) -> None:
    for delay in (0.1, 0.4, 0.8, 1.2, 1.8, 2.5):
        killed(partial(take, tracker, f"killed-{delay}"), when=after(delay))
    take(tracker, "whole")
    listed = tracker.shelf.catalogue.entries()
    assert "whole" in {entry.name for entry in listed}
    assert {entry.snapshot for entry in listed} <= tracker.shelf.vault.snapshots()
    clear_away(tracker)
    for entry in listed:
        verify(tracker, entry.name)
    assert places(tracker) == []


@pytest.mark.parametrize("following", ["verify", "prune"])
def test_what_a_killed_check_has_left_is_ended_and_removed_by_whoever_comes_next(
    tracker: Site, following: str
) -> None:
    take(tracker)
    scratch = tracker.shelf.workplace / "scratch-first"
    lock = scratch / "data" / "postmaster.pid"
    killed(partial(verify, tracker, "first"), when=lambda: lock.exists() and (scratch / SOCKETS).is_symlink())
    sockets = (scratch / SOCKETS).readlink()
    assert servers_in(tracker.shelf.workplace)
    match following:
        case "verify":
            verify(tracker, "first")
        case _:
            clear_away(tracker)
    assert places(tracker) == []
    assert servers_in(tracker.shelf.workplace) == []
    assert not sockets.exists()


def test_what_somebody_works_in_is_left_alone(tracker: Site) -> None:
    place = tracker.shelf.workplace / "verify-first"
    with workplace(place):
        place.mkdir()
        clear_away(tracker)
        assert place.is_dir()


def test_second_of_one_product_at_a_time_is_refused(tracker: Site) -> None:
    others: list[BaseException] = []

    def second() -> None:
        try:
            take(tracker, "second")
        except ConflictError as error:
            others.append(error)

    with Writers(lambda chance: attach(tracker, chance), count=1):
        threads = [threading.Thread(target=second) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(others) == 2
    assert [entry.name for entry in tracker.shelf.catalogue.entries()] == ["second"]


def test_without_room_it_is_refused_before_anything_is_written(tracker: Site) -> None:
    folder = tracker.shelf.catalogue.folder
    folder.mkdir(mode=0o700)
    mounting = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    mounted = subprocess.run(mounting, check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        with pytest.raises(MachineError, match="are needed"):
            take(tracker)
        assert not list(folder.glob("vault/snapshots/*"))
        assert tracker.shelf.catalogue.entries() == ()
    finally:
        subprocess.run(["umount", folder], check=True)


def test_nothing_is_cleared_away_while_a_backup_is_taken(tracker: Site) -> None:
    take(tracker)
    with tracker.shelf.catalogue.adding(), pytest.raises(ConflictError):
        clear_away(tracker)
    assert tracker.shelf.vault.snapshots()


def test_password_of_the_vault_lies_nowhere_and_its_content_is_encrypted(tracker: Site) -> None:
    with Writers(lambda chance: attach(tracker, chance)):
        while len(tracker.rows("SELECT 1 FROM fileattachment")) < 5:
            pass
    (tracker.home / "data" / "plain").write_bytes(b"a sentence that would be found" * 100)
    take(tracker)
    kept = [path for path in tracker.shelf.catalogue.folder.rglob("*") if path.is_file()]
    text = b"".join(path.read_bytes() for path in kept)
    assert b"a password of the vault" not in text
    assert b"a sentence that would be found" not in text

"""A product goes back to any instant: the database exactly, its files from the backups around it."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telamon.desired.lab.database_roles import REPLICATOR
from telamon.errors import PlatformError, UsageError
from telamon.platforms import procfs
from telamon.platforms.backup import restoring, taking
from telamon.platforms.backup.scratch import SETTINGS
from telamon.platforms.lab.backup import recovery
from telamon.platforms.lab.backup.timeline import Keeper, Timeline, server_time
from telamon.state.backups import surroundings
from tests.lab import backups
from tests.lab.backups import TRACKER, Site, attachment, needs_restic, quiet
from tests.lab.support import strike

pytestmark = [needs_restic, pytest.mark.timeout(300)]

FOLLOWED = (*SETTINGS, "wal_level=replica", "max_wal_senders=4", "wal_keep_size=64MB")
"""Settings of a server whose log can be read."""


@pytest.fixture
def tracker(root: Path) -> Iterator[Site]:
    """A site with attachments."""
    with backups.site(root, "jira", TRACKER, settings=FOLLOWED) as made:
        yield made


def timeline(site: Site) -> Timeline:
    """Where its writing is kept."""
    return Timeline(site.root / "timeline", site.server.account)


def keeper(site: Site, wanted: Callable[[], bool]) -> Keeper:
    """Who keeps it."""
    source = site.as_role(REPLICATOR)
    return Keeper(timeline(site), site.shelf.server, source, every=3600, wanted=wanted, progress=quiet)


def until(holds: Callable[[], bool]) -> None:
    """Wait for something, not for ever."""
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def kept(site: Site) -> Iterator[None]:
    """Keep the site's writing while the block runs."""
    ended = threading.Event()
    failures: list[BaseException] = []

    def keep() -> None:
        try:
            keeper(site, lambda: not ended.is_set()).keep()
        except BaseException as error:  # noqa: BLE001 - handed to the test.
            failures.append(error)

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        until(lambda: bool(failures or timeline(site).copies()))
        yield
    finally:
        ended.set()
        thread.join(120)
    assert failures == []


def add(site: Site, *numbers: int) -> None:
    """Add attachments: the file, then its row."""
    for number in numbers:
        path = attachment(site, number, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)
        site.rows(f"INSERT INTO fileattachment VALUES ({number}, {number}, {len(str(number))}) RETURNING 1")


def remove(site: Site, *numbers: int) -> None:
    """Remove attachments: the row, then its file."""
    for number in numbers:
        site.rows(f"DELETE FROM fileattachment WHERE id = {number} RETURNING 1")
        attachment(site, number, number).unlink()


def attached(site: Site) -> dict[int, bytes]:
    """Every attachment of the database that has its file."""
    numbers = [number for (number,) in site.rows("SELECT id FROM fileattachment ORDER BY id")]
    return {number: attachment(site, number, number).read_bytes() for number in numbers}


def take(site: Site, name: str) -> None:
    """Take a backup."""
    taking.take(site.subject, site.shelf, name=name, reason="asked", progress=quiet)


def now(site: Site) -> datetime:
    """This instant, by the server's clock."""
    return datetime.fromisoformat(server_time(site.shelf.server))


def build(site: Site, at: datetime, name: str) -> str:
    """Make a backup of an instant."""
    around = surroundings(site.shelf.catalogue.entries(), "jira", at=at)
    return recovery.build(
        around, site.subject, shelf=site.shelf, timeline=timeline(site), name=name, progress=quiet
    )


def receivers(site: Site) -> list[int]:
    """Processes that read the log."""
    folder = str(timeline(site).log)
    return [pid for pid in procfs.pids() if procfs.working_folder(pid) == folder]


def test_database_goes_back_to_the_instant_and_files_come_from_both_sides(tracker: Site) -> None:
    with kept(tracker):
        add(tracker, *range(1, 8))
        take(tracker, "first")
        remove(tracker, 7)
        add(tracker, 10, 11)
        then, at = attached(tracker), now(tracker)
        remove(tracker, 1, 2)
        add(tracker, 20)
        assert build(tracker, at, "exact") == "exact"
        remove(tracker, 11)
        take(tracker, "second")
        with pytest.raises(UsageError, match="does not reach back") as refused:
            recovery.covering(timeline(tracker), at - timedelta(days=1))
        assert "is kept from" in (refused.value.remedy or "")
    assert tracker.shelf.catalogue.get("exact").lacking == ()
    entry = tracker.shelf.catalogue.get("exact")
    restoring.prepare(
        entry,
        tracker.place,
        manager=tracker.manager,
        shelf=tracker.shelf,
        rules=tracker.subject.rules,
        progress=quiet,
    )
    restoring.switch(tracker.place, tracker.manager)
    assert attached(tracker) == then


@pytest.mark.exhaustive
def test_rows_whose_files_came_and_went_between_two_backups_are_told(tracker: Site) -> None:
    with kept(tracker):
        take(tracker, "first")
        add(tracker, 30)
        at = now(tracker)
        remove(tracker, 30)
        take(tracker, "second")
        assert "1 rows lack their files" in build(tracker, at, "told")
        (lacking,) = tracker.shelf.catalogue.get("told").lacking
        assert "DEMO-30/30" in lacking
        # A part of the log that is missing is noticed, and nothing is listed.
        last = now(tracker)
        shutil.rmtree(timeline(tracker).log)
        with pytest.raises(PlatformError):
            build(tracker, last, "torn")
        timeline(tracker).prepare()
    assert "torn" not in {entry.name for entry in tracker.shelf.catalogue.entries()}


def test_what_a_killed_keeper_has_left_running_is_ended_by_the_next_one(tracker: Site) -> None:
    child = os.fork()
    if not child:
        keeper(tracker, lambda: True).keep()
        os._exit(0)
    until(lambda: bool(timeline(tracker).copies()))
    strike(child, signal.SIGKILL)
    os.waitpid(child, 0)
    (left,) = receivers(tracker)
    with kept(tracker):
        until(lambda: (found := receivers(tracker)) != [] and left not in found)
        assert len(receivers(tracker)) == 1
    until(lambda: receivers(tracker) == [])


def test_instant_before_all_copies_is_refused_with_what_there_is(tracker: Site) -> None:
    at = datetime.now(UTC) - timedelta(days=1)
    with pytest.raises(UsageError, match="does not reach back") as refused:
        recovery.covering(timeline(tracker), at)
    assert "spec.backup.continuous" in (refused.value.remedy or "")

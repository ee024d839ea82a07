"""A backup put back in schemas of the product's own database and in the shared home itself, as on a cluster."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from telamon.errors import ConflictError, MachineError, PlatformError, TemporaryError
from telamon.platforms.backup import inplace, schemas, taking
from telamon.platforms.backup.contents import FOLDER
from telamon.products.backup import BackupRules
from telamon.state.backups import BackupEntry
from tests.lab.backups import TRACKER, Site, attachment, needs_restic, quiet, site

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(600), needs_restic]

SPACES = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'telamon') ORDER BY nspname"
MORE = """
CREATE SCHEMA "Reports";
CREATE VIEW "Reports".open AS
  SELECT i.id, p.originalkey FROM public.jiraissue AS i JOIN public.project AS p ON p.id = i.project;
CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM count(*) FROM project; RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE INSERT ON jiraissue FOR EACH ROW EXECUTE FUNCTION touched();
"""


@pytest.fixture
def tracker(root: Path) -> Iterator[Site]:
    """An issue tracker with two attachments, and things in its database that name one another."""
    with site(root, "jira", TRACKER + MORE) as found:
        for number in (1, 2):
            _attach(found, number)
        yield found


def _attach(found: Site, number: int) -> None:
    place = attachment(found, number, 1)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"content")
    _do(found, "INSERT INTO fileattachment (issueid, filesize) VALUES (1, 7)")


def _do(found: Site, statement: str) -> None:
    with found.connect() as connection:
        connection.execute("SET ROLE jira")
        connection.execute(statement.encode())


def _place(found: Site) -> inplace.Site:
    """As a job of a cluster has it: it logs in as the product, which owns the database and nothing else."""
    with found.server.connect() as connection:
        connection.execute(f"ALTER ROLE jira PASSWORD '{found.server.password}'")
    shelf = replace(found.shelf, server=replace(found.server, user="jira"))
    rules = replace(found.subject.rules, skipped=(*found.subject.rules.skipped, FOLDER))
    return inplace.Site(replace(found.subject, rules=rules), shelf, quiet)


def _data(found: Site) -> tuple[Any, ...]:
    """What users see: rows, through a view too, and files."""
    rows = found.rows("SELECT id FROM fileattachment ORDER BY id")
    (count,) = found.rows('SELECT count(*) FROM "Reports".open')
    files = sorted(path.name for path in (found.home / "data").rglob("*") if path.is_file())
    return [row[0] for row in rows], count[0], files


def _taken(place: inplace.Site, name: str) -> BackupEntry:
    return taking.take(place.subject, place.shelf, name=name, reason="asked", progress=quiet)


def test_what_is_put_back_can_be_taken_back_and_what_was_is_kept(tracker: Site) -> None:
    place = _place(tracker)
    entry = _taken(place, "first")
    was = _data(tracker)
    assert was == ([1, 2], 20_000, ["1", "2"])
    _attach(tracker, 3)
    _do(tracker, "DELETE FROM jiraissue WHERE id > 10")
    now = _data(tracker)

    inplace.prepare(entry, place)
    assert _data(tracker) == now
    # A backup that is taken meanwhile holds what is in force alone.
    beside = _taken(place, "beside")
    assert (beside.files, {table.partition(".")[0] for table in beside.rows}) == (3, {"public"})

    for _ in range(2):
        inplace.switch(place)
        assert _data(tracker) == was
    # What the product does goes on: sequences, triggers and what they call are those of the restored schema.
    _do(tracker, "INSERT INTO jiraissue VALUES (30000, 30000, 1)")
    _do(tracker, "INSERT INTO fileattachment (issueid, filesize) VALUES (1, 7)")
    with pytest.raises(ConflictError, match="an earlier restore"):
        inplace.prepare(entry, place)
    for _ in range(2):
        inplace.undo(place)
        assert _data(tracker) == now

    inplace.abandon(place)
    inplace.prepare(entry, place)
    inplace.switch(place)
    for _ in range(2):
        inplace.keep(place, name="before")
    assert _data(tracker) == was
    assert tracker.rows(SPACES) == []
    assert not (tracker.home / FOLDER).exists()
    before = place.shelf.catalogue.get("before")
    assert (before.reason, before.files, before.rows["public.jiraissue"]) == ("safety", 3, 10)

    # What was before is a backup like any other; and the product may log in as somebody who acts as the owner.
    with tracker.server.connect() as connection:
        connection.execute(f"CREATE ROLE other LOGIN PASSWORD '{tracker.server.password}' IN ROLE jira")
        connection.execute("ALTER ROLE other SET role = 'jira'")
        connection.execute("GRANT CONNECT ON DATABASE jira TO other")
    server = replace(place.shelf.server, user="other")
    rotated = replace(place, shelf=replace(place.shelf, server=server))
    inplace.prepare(before, rotated)
    left = server.connect("jira")
    inplace.switch(rotated)
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    inplace.finish(rotated)
    assert _data(tracker) == now
    assert tracker.rows("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'") == [
        ("jira",)
    ]


def test_nobody_goes_on_writing_to_what_is_kept_aside(tracker: Site) -> None:
    place = _place(tracker)
    entry = _taken(place, "first")
    _do(tracker, "DELETE FROM jiraissue WHERE id > 10")
    now = _data(tracker)
    inplace.prepare(entry, place)
    with closing(place.shelf.server.connect("jira")) as stuck:
        # It is told to end, and does not hear it.
        os.kill(stuck.info.backend_pid, signal.SIGSTOP)
        try:
            with pytest.raises(TemporaryError, match=f"server process {stuck.info.backend_pid}"):
                inplace.switch(place)
            assert _data(tracker) == now
        finally:
            os.kill(stuck.info.backend_pid, signal.SIGCONT)
        inplace.switch(place)
    assert _data(tracker) != now


def test_nothing_is_loaded_where_the_disk_of_the_server_has_no_room(tracker: Site) -> None:
    place = _place(tracker)
    entry = _taken(place, "first")
    with pytest.raises(MachineError, match="needed to load jira") as told:
        inplace.prepare(entry, replace(place, disk=2**20))
    assert "spec.database.storage" in (told.value.remedy or "")
    assert tracker.rows(SPACES) == []
    inplace.prepare(entry, replace(place, disk=2**40))
    assert tracker.rows(SPACES) != []


def test_a_product_that_keeps_no_files_is_put_back_all_the_same(tracker: Site, tmp_path: Path) -> None:
    place = _place(tracker)
    nothing = tmp_path / "without-home"
    nothing.mkdir()
    place = replace(place, subject=replace(place.subject, home=nothing, rules=BackupRules(skipped=(FOLDER,))))
    entry = _taken(place, "first")
    assert entry.files == 0
    _do(tracker, "DELETE FROM jiraissue WHERE id > 10")
    inplace.prepare(entry, place)
    inplace.switch(place)
    inplace.keep(place, name="before")
    assert tracker.rows("SELECT count(*) FROM jiraissue") == [(20_000,)]
    assert place.shelf.catalogue.get("before").rows["public.jiraissue"] == 10
    assert list(nothing.iterdir()) == []


def test_what_is_half_in_force_is_not_taken_for_left_over(tracker: Site) -> None:
    place = _place(tracker)
    entry = _taken(place, "first")
    inplace.prepare(entry, place)
    schemas.swap(place.shelf.server, "jira")
    # Killed here: the rows are in force, and the files wait.
    inplace.abandon(place)
    waiting = place.contents.incoming
    assert waiting.exists()
    place.contents.outgoing.mkdir()
    with pytest.raises(PlatformError, match="on their way"):
        inplace.keep(place, name="before")
    with pytest.raises(PlatformError, match="on their way"):
        inplace.finish(place)
    assert waiting.exists()
    place.contents.outgoing.rmdir()
    inplace.switch(place)
    inplace.finish(place)
    assert tracker.rows(SPACES) == []
    assert not (tracker.home / FOLDER).exists()


def test_nothing_changes_where_it_cannot_be_put_back(tracker: Site) -> None:
    place = _place(tracker)
    entry = _taken(place, "first")
    _do(tracker, "DELETE FROM jiraissue WHERE id > 10")
    now = _data(tracker)

    with tracker.server.connect("jira") as connection:
        connection.execute("CREATE SCHEMA theirs")
    with pytest.raises(PlatformError, match="theirs of the database jira is not jira's"):
        inplace.prepare(entry, place)
    with tracker.server.connect("jira") as connection:
        connection.execute("DROP SCHEMA theirs")
        connection.execute("SELECT lo_create(0)")
    with pytest.raises(PlatformError, match="large objects"):
        inplace.prepare(entry, place)
    with tracker.server.connect("jira") as connection:
        connection.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
    with pytest.raises(PlatformError, match="nothing waits"):
        inplace.switch(place)

    shutil.rmtree(place.shelf.catalogue.vault / "data")
    with pytest.raises(PlatformError, match="cannot be read back"):
        inplace.prepare(entry, place)
    assert _data(tracker) == now
    assert tracker.rows(SPACES) == []
    assert not (tracker.home / FOLDER).exists()

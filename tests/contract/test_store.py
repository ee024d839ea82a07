"""Store and journal: one suite for every adapter; ``tests/cluster`` runs that of the store on a real API server."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from telamon.errors import ConflictError, MachineError, PlatformError
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.store import KubernetesStore
from telamon.platforms.memory.store import MemoryJournal, MemoryStore
from telamon.platforms.sqlite import SqliteFile, SqliteGlance, SqliteJournal, SqliteStore, set_aside
from telamon.ports import Entry, Journal, Store, Stored
from tests.contract.store_suite import (
    test_all_of_a_kind_are_listed_by_name,
    test_delete_is_conditional_and_repeatable,
    test_first_write_demands_absence,
    test_late_write_is_refused_and_changes_nothing,
    test_later_write_demands_presence,
    test_versions_never_come_back,
    test_watch_goes_on_from_where_it_was,
    test_what_is_put_is_found,
    test_what_is_reported_takes_the_place_of_what_was_and_is_no_change_of_the_spec,
)
from tests.support.apiserver import KeptObjects, serving

__all__ = [
    "test_all_of_a_kind_are_listed_by_name",
    "test_delete_is_conditional_and_repeatable",
    "test_first_write_demands_absence",
    "test_late_write_is_refused_and_changes_nothing",
    "test_later_write_demands_presence",
    "test_versions_never_come_back",
    "test_watch_goes_on_from_where_it_was",
    "test_what_is_put_is_found",
    "test_what_is_reported_takes_the_place_of_what_was_and_is_no_change_of_the_spec",
]


@pytest.fixture(params=["memory", "sqlite", "cluster"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind; that of a cluster is here before a stand-in of the API server."""
    if request.param == "cluster":
        with serving(KeptObjects(), tmp_path) as kubeconfig:
            api = Api(kubeconfig)
            made = KubernetesStore(api, "telamon-system", "acme")
            made.known({"tiny": "acme-tiny"})
            yield made
            api.close()
        return
    yield from _kept_here(request.param, tmp_path)


@pytest.fixture(params=["memory", "sqlite"])
def own_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind that is Telamon's alone to write."""
    yield from _kept_here(request.param, tmp_path)


def _kept_here(kind: str, tmp_path: Path) -> Iterator[Store]:
    if kind == "memory":
        yield MemoryStore()
        return
    file = SqliteFile(tmp_path / "store.sqlite")
    yield SqliteStore(file)
    file.close()


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    """An empty journal of each kind."""
    if request.param == "memory":
        yield MemoryJournal()
        return
    file = SqliteFile(tmp_path / "store.sqlite")
    yield SqliteJournal(file)
    file.close()


def stack(version: int = 0, **spec: str) -> Stored:
    """A stack object as a client would write it."""
    return Stored("Stack", "acme", version, 0, spec)


def test_a_stack_that_is_put_is_found(own_store: Store) -> None:
    written = own_store.put(stack(domain="acme.example"))
    assert own_store.get("Stack", "acme") == written
    assert own_store.list("Stack") == (written,)
    assert own_store.get("Stack", "other") is None


def test_first_write_of_a_stack_demands_absence(own_store: Store) -> None:
    own_store.put(stack(domain="a"))
    with pytest.raises(ConflictError, match="acme"):
        own_store.put(stack(domain="b"))


def test_late_write_of_a_stack_is_refused_and_changes_nothing(own_store: Store) -> None:
    first = own_store.put(stack(domain="a"))
    second = own_store.put(stack(first.version, domain="b"))
    with pytest.raises(ConflictError):
        own_store.put(stack(first.version, domain="c"))
    assert own_store.get("Stack", "acme") == second


def test_generation_counts_changes_of_the_spec_alone(own_store: Store) -> None:
    first = own_store.put(stack(domain="a"))
    reported = own_store.put(Stored("Stack", "acme", first.version, 0, {"domain": "a"}, {"ready": True}))
    changed = own_store.put(stack(reported.version, domain="b"))
    assert [first.generation, reported.generation, changed.generation] == [1, 1, 2]


def test_order_is_kept_and_is_no_change(own_store: Store) -> None:
    first = own_store.put(stack(jira="1", bitbucket="2"))
    again = own_store.put(stack(first.version, bitbucket="2", jira="1"))
    assert again.generation == first.generation
    found = own_store.get("Stack", "acme")
    assert found is not None
    assert list(found.spec) == ["bitbucket", "jira"]


def test_watch_tells_of_one_kind_alone(own_store: Store) -> None:
    first = own_store.put(stack(domain="a"))
    own_store.put(Stored("Operation", "one", 0, 0))
    second = own_store.put(stack(first.version, domain="b"))
    assert list(own_store.watch("Stack", since=0)) == [second]
    assert list(own_store.watch("Stack", since=second.version)) == []


def test_journal_keeps_order_and_component(journal: Journal) -> None:
    one = journal.append(Entry(0, 1.0, "tracker", "intent", "start tracker-0"))
    two = journal.append(Entry(0, 2.0, "wiki", "fact", "set-up"))
    three = journal.append(Entry(0, 3.0, "tracker", "outcome", "start tracker-0"))
    assert journal.read() == (one, two, three)
    assert journal.read("tracker") == (one, three)
    assert journal.read(since=two.sequence) == (three,)


def test_journal_gives_the_last_lines_alone(journal: Journal) -> None:
    lines = [journal.append(Entry(0, float(at), "tracker", "note", str(at))) for at in range(5)]
    other = journal.append(Entry(0, 9.0, "wiki", "note", "other"))
    assert journal.read(last=2) == (lines[4], other)
    assert journal.read("tracker", last=2) == (lines[3], lines[4])
    assert journal.read(since=lines[3].sequence, last=9) == (lines[4], other)
    assert journal.read(last=0) == ()


def test_a_glance_reads_what_a_controller_keeps_and_what_a_dead_one_left(tmp_path: Path) -> None:
    path = tmp_path / "with space" / "store.sqlite"
    assert SqliteGlance(path).stack_name() is None
    assert SqliteGlance(path).entries() == ()
    path.parent.mkdir()
    path.touch()
    assert SqliteGlance(path).stack_name() is None
    file = SqliteFile(path)
    SqliteStore(file).put(stack(domain="a"))
    entries = [SqliteJournal(file).append(Entry(0, float(at), "wiki", "note", str(at))) for at in range(3)]
    for _ in ("while it is open", "after it was closed"):
        assert SqliteGlance(path).stack_name() == "acme"
        assert SqliteGlance(path).entries(last=2) == tuple(entries[1:])
        file.close()


def test_sqlite_survives_its_controller(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    file = SqliteFile(path)
    written = SqliteStore(file).put(stack(domain="a"))
    entry = SqliteJournal(file).append(Entry(0, 1.0, "tracker", "fact", "set-up"))
    # No close: a killed controller closes nothing.
    again = SqliteFile(path)
    assert SqliteStore(again).get("Stack", "acme") == written
    assert SqliteJournal(again).read() == (entry,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again.close()
    file.close()


def test_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(PlatformError, match=r"store\.sqlite is damaged"):
        SqliteFile(path)


def damaged_inside(path: Path) -> None:
    """A store of which one page in the middle was overwritten."""
    file = SqliteFile(path)
    journal = SqliteJournal(file)
    for at in range(400):
        journal.append(Entry(0, float(at), "wiki", "note", "x" * 60))
    file.close()
    content = bytearray(path.read_bytes())
    content[3 * 4096 : 8 * 4096] = b"\xa5" * 5 * 4096
    path.write_bytes(content)


def test_damage_inside_is_found_before_anything_rests_on_it(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    damaged_inside(path)
    with pytest.raises(PlatformError, match=r"store\.sqlite is damaged") as caught:
        SqliteFile(path)
    assert "telamon doctor --repair" in (caught.value.remedy or "")


def test_a_glance_at_a_damaged_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(PlatformError, match=r"store\.sqlite is damaged"):
        SqliteGlance(path).stack_name()


def test_an_object_that_is_no_json_is_named(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "store.sqlite")
    store = SqliteStore(file)
    store.put(stack(domain="a"))
    with file.transaction() as connection:
        connection.execute("UPDATE objects SET spec = '{'")
    with pytest.raises(PlatformError, match="Stack acme is damaged"):
        store.list("Stack")
    file.close()


def test_what_is_set_aside_is_whole_and_out_of_the_way(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    damaged_inside(path)
    content = path.read_bytes()
    path.with_name("store.sqlite-wal").write_bytes(b"log")
    aside = set_aside(path, at=datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC))
    assert aside.name == "store.sqlite.damaged-20260302T120005"
    assert aside.read_bytes() == content
    assert sorted(found.name for found in tmp_path.iterdir()) == [aside.name, f"{aside.name}-wal"]
    SqliteFile(path).close()


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"absent/store\.sqlite"):
        SqliteFile(tmp_path / "absent" / "store.sqlite")

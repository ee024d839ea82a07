"""The kit on its own: settings, durable files, the pool, the mesh and the index."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import pytest
import tantivy

from tests.understudy.support import PostgreSQL, eventually, free_port, own_address
from understudy.kit.accounts import ACCOUNT_SCHEMA, Accounts
from understudy.kit.cluster import Mesh, MeshSettings
from understudy.kit.database import Database, DatabaseAddress
from understudy.kit.errors import (
    DatabaseUnavailable,
    IndexBroken,
    IndexMissing,
    LinkError,
    SettingsError,
    UnderstudyError,
)
from understudy.kit.follower import Follower
from understudy.kit.homes import exclusive_home, write_durably, write_with
from understudy.kit.index import Document, IndexFields, SearchIndex
from understudy.kit.lifecycle import Lifecycle, State
from understudy.kit.sabotage import SABOTAGES
from understudy.kit.settings import Endpoint, Environment, KitSettings, Release

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]
FIELDS = IndexFields(text=("summary",), keywords=("project",), integers=("number",))


def test_every_wrong_setting_is_told_at_once() -> None:
    environment = Environment({"UNDERSTUDY_VERSION": "eleven", "UNDERSTUDY_START_SECONDS": "soon"})
    KitSettings.read(environment, known_variants=frozenset({"a"}))
    environment.folder("HOME_FOLDER", "relative/path")
    with pytest.raises(SettingsError) as raised:
        environment.check()
    assert len(raised.value.problems) == 3


@pytest.mark.parametrize(
    ("older", "newer"), [("9.12.28", "10.3.0"), ("11.3.1", "11.3.2"), ("11.2.99", "11.3")]
)
def test_build_numbers_grow_with_the_release(older: str, newer: str) -> None:
    assert Release.parse(older) < Release.parse(newer)
    assert Release.parse(older).build_number < Release.parse(newer).build_number


def test_java_arguments_are_read_as_properties() -> None:
    environment = Environment({"JVM_ARGS": '-Xmx1g -Da.b=c -Dspace="two words" -Dbare'})
    assert environment.java_properties("JVM_ARGS") == {"a.b": "c", "space": "two words", "bare": ""}


def test_a_file_is_there_in_full_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file"
    write_durably(target, b"old")

    def fail_half_way(file: BinaryIO) -> None:
        file.write(b"ne")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_with(target, fail_half_way)
    assert target.read_bytes() == b"old"
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_a_home_has_one_user(tmp_path: Path) -> None:
    with (
        exclusive_home(tmp_path / ".lock"),
        pytest.raises(UnderstudyError),
        exclusive_home(tmp_path / ".lock"),
    ):
        pass
    with exclusive_home(tmp_path / ".lock"):
        pass


def test_stopping_is_final() -> None:
    lifecycle = Lifecycle()
    lifecycle.move(State.STOPPING, "asked")
    assert not lifecycle.move(State.RUNNING, "a late step")
    assert lifecycle.state is State.STOPPING


def test_jdbc_addresses() -> None:
    address = DatabaseAddress.from_jdbc(
        "jdbc:postgresql://one:1,two/name?targetServerType=primary", user="u", password="p"
    )
    assert (address.hosts, address.ports, address.name) == (("one", "two"), (1, 5432), "name")
    assert "read-write" in address.conninfo()
    assert "p" not in repr(address).split(" as ")[1]
    for wrong in ("jdbc:mysql://h/d", "jdbc:postgresql://h:x/d", "jdbc:postgresql://h:1/"):
        with pytest.raises(ValueError, match="JDBC"):
            DatabaseAddress.from_jdbc(wrong, user="u", password="p")


def test_the_pool_survives_a_killed_database(postgres: PostgreSQL, database: Mapping[str, str]) -> None:
    address = DatabaseAddress.from_jdbc(database["url"], user=database["user"], password=database["password"])
    pool = Database(address)
    pool.prepare_schema("test", ("create table if not exists t (n int)",))
    pool.execute("insert into t values (%s)", (1,))
    postgres.kill()
    try:
        with pytest.raises(DatabaseUnavailable):
            pool.fetch_one("select 1")
    finally:
        postgres.start()
    assert pool.fetch_one("select n from t") == {"n": 1}
    pool.close()


@pytest.fixture
def make_mesh() -> Iterator[Callable[..., Mesh]]:
    """Builds meshes on addresses of their own, and closes them."""
    meshes: list[Mesh] = []

    def build(
        node_id: str,
        endpoint: Endpoint,
        peers: list[Endpoint],
        *,
        secret: bytes = b"s",
        registry: bool = False,
    ) -> Mesh:
        settings = MeshSettings(
            node_id=node_id,
            cluster="c",
            secret=secret,
            listen=endpoint,
            advertised=endpoint,
            registry=Endpoint(endpoint.address, free_port(endpoint.address)) if registry else None,
            heartbeat=0.1,
        )
        mesh = Mesh(
            settings,
            find_peers=lambda: peers,
            receive=lambda sender, message: {"from": sender, "echo": message.get("text")},
            describe=lambda: {"build": 1},
        )
        meshes.append(mesh)
        return mesh

    yield build
    for mesh in meshes:
        mesh.close()


def endpoint() -> Endpoint:
    address = own_address()
    return Endpoint(address, free_port(address))


def test_two_nodes_become_members_and_answer_each_other(make_mesh: Callable[..., Mesh]) -> None:
    one, two = endpoint(), endpoint()
    first, second = make_mesh("one", one, [one, two]), make_mesh("two", two, [one, two])
    first.open()
    assert first.members() == ()
    second.open()
    eventually(lambda: first.members() and second.members(), what="both are members")
    assert first.ask("two", {"kind": "x", "text": "hello"}, timeout=5) == {"from": "one", "echo": "hello"}
    assert first.members()[0].about == {"build": 1}
    second.close()
    eventually(lambda: not first.members(), what="the one that left is no member")
    with pytest.raises(LinkError):
        first.ask("two", {"kind": "x"}, timeout=1)


def test_one_direction_is_no_membership(make_mesh: Callable[..., Mesh]) -> None:
    one, two = endpoint(), endpoint()
    first, second = make_mesh("one", one, [two]), make_mesh("two", two, [])
    first.open()
    second.open()
    eventually(first.peers, what="the link works in one direction")
    assert first.members() == ()


def test_another_secret_is_refused(make_mesh: Callable[..., Mesh], caplog: pytest.LogCaptureFixture) -> None:
    one, two = endpoint(), endpoint()
    first, second = make_mesh("one", one, [two]), make_mesh("two", two, [one], secret=b"other")
    first.open()
    second.open()
    eventually(lambda: "cluster authentication failed" in caplog.text, what="the refusal is logged")
    assert first.peers() == ()


def test_a_registry_leads_to_the_object_port(make_mesh: Callable[..., Mesh]) -> None:
    one, two = endpoint(), endpoint()
    registries: list[Endpoint] = []
    first, second = (
        make_mesh("one", one, registries, registry=True),
        make_mesh("two", two, registries, registry=True),
    )
    for mesh in (first, second):
        assert mesh.settings.registry is not None
        registries.append(mesh.settings.registry)
        mesh.open()
    eventually(lambda: first.members() and second.members(), what="both are members")


def test_the_index_keeps_documents_and_position(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with pytest.raises(IndexMissing):
        SearchIndex.open(folder, FIELDS)
    index = SearchIndex.create(folder, FIELDS)
    documents = [
        Document(f"K-{n}", {"summary": f"word{n} common", "project": "K", "number": n}) for n in range(5)
    ]
    index.apply(documents, position={"id": 5})
    index.apply(
        [Document("K-1", {"summary": "changed", "project": "K", "number": 1})],
        deleted=["K-0"],
        position={"id": 7},
    )
    assert index.count == 4
    found = index.search(
        tantivy.Query.term_query(index.schema, "summary", "common"), limit=2, order_by="number"
    )
    assert (found.total, found.keys) == (3, ("K-4", "K-3"))
    assert index.greatest("number") == 4
    copy = tmp_path / "copy"
    index.copy_to(copy)
    index.close()
    again = SearchIndex.open(copy, FIELDS)
    assert (again.count, again.position()) == (4, {"id": 7})
    again.close()


def test_a_torn_index_is_seen_when_it_is_opened(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    index = SearchIndex.create(folder, FIELDS)
    index.apply([Document("K-1", {"summary": "a", "project": "K", "number": 1})], position={"id": 1})
    index.close()
    for segment in (folder / "segments").iterdir():
        if segment.suffix in {".store", ".term", ".idx"}:
            segment.write_bytes(segment.read_bytes()[: segment.stat().st_size // 2])
    with pytest.raises(IndexBroken):
        SearchIndex.open(folder, FIELDS)


BEGUN = """
import os, sys, pathlib
from tests.understudy.test_kit import FIELDS, numbered
from understudy.kit.index import SearchIndex
index = SearchIndex.create(pathlib.Path(sys.argv[1]), FIELDS)
for segment in range(8):
    last = [f"K-{earlier}0" for earlier in range(1, 7)] if segment == 7 else []
    index.apply([numbered(10 * segment + number) for number in range(10)], deleted=last)
os._exit(0)
"""
"""Ends as a killed process does: segments are about to be merged, and the last commit has deleted in some of them."""


def numbered(number: int) -> Document:
    """A document whose key is a number."""
    return Document(f"K-{number}", {"summary": "a", "project": "K", "number": number})


def test_what_a_node_changes_first_after_a_kill_is_there_once(tmp_path: Path) -> None:
    for turn in range(1, 7):
        folder = tmp_path / str(turn)
        subprocess.run([sys.executable, "-c", BEGUN, str(folder)], check=True, cwd=ROOT, timeout=60)
        index = SearchIndex.open(folder, FIELDS)
        before = index.count
        index.apply([numbered(10 * turn + 5)])
        index.close()
        assert SearchIndex.open(folder, FIELDS).count == before


def test_what_a_killed_writer_left_beside_its_last_commit_is_not_in_the_way_of_the_next(
    tmp_path: Path,
) -> None:
    index = SearchIndex.create(tmp_path / "index", FIELDS)
    index.apply([numbered(number) for number in range(5)])
    index.close()
    segments = tmp_path / "index" / "segments"
    commit = json.loads((segments / "meta.json").read_text())
    first = commit["segments"][0]["segment_id"].replace("-", "")
    left = [f"{first}.{commit['opstamp'] + number}.del" for number in range(1, 20)]
    managed = segments / ".managed.json"
    managed.write_text(json.dumps([*json.loads(managed.read_text()), *left]))
    for name in left:
        (segments / name).write_bytes(b"half of it")

    again = SearchIndex.open(tmp_path / "index", FIELDS)
    again.apply([numbered(7)], deleted=["K-1"])
    assert again.count == 5
    again.close()


def test_a_follower_applies_in_order_and_at_once_when_wanted() -> None:
    applied: list[int] = []

    def advance(position: int) -> int:
        applied.append(position + 1)
        return position + 1

    follower = Follower(
        "test", advance=advance, position=0, poll_seconds=3600, gather_seconds=3600, apart_seconds=0.01
    )
    follower.start()
    assert follower.wait_for(3, timeout=10)
    follower.stop()
    assert applied[:3] == [1, 2, 3]
    assert follower.position == len(applied)


def test_a_follower_commits_no_more_often_than_it_may_however_many_wait() -> None:
    instants: list[float] = []

    def advance(position: int) -> int:
        instants.append(time.monotonic())
        return position + 1

    follower = Follower(
        "test", advance=advance, position=0, poll_seconds=3600, gather_seconds=3600, apart_seconds=0.05
    )
    began = time.monotonic()
    follower.start()
    assert follower.wait_for(4, timeout=30)
    follower.stop()
    looks = [began, *instants]
    assert all(later - earlier >= 0.05 for earlier, later in pairwise(looks))


def test_searches_run_beside_changes(tmp_path: Path) -> None:
    index = SearchIndex.create(tmp_path / "index", FIELDS)
    done = threading.Event()
    counts: list[int] = []

    def search() -> None:
        while not done.is_set():
            counts.append(index.search(tantivy.Query.all_query(), limit=1).total)

    searcher = threading.Thread(target=search)
    searcher.start()
    for number in range(30):
        index.apply([Document(f"K-{number}", {"summary": "x", "project": "K", "number": number})])
    done.set()
    searcher.join()
    assert counts == sorted(counts)
    index.close()


def test_an_unknown_sabotage_is_refused_and_none_is_the_rule() -> None:
    plain = Environment({"UNDERSTUDY_VERSION": "1.2.3"})
    settings = KitSettings.read(plain, known_variants=frozenset(), known_sabotage=frozenset(SABOTAGES))
    plain.check()
    assert settings.sabotage == frozenset()
    wrong = Environment({"UNDERSTUDY_VERSION": "1.2.3", "UNDERSTUDY_SABOTAGE": "torn-attachment, kindness"})
    KitSettings.read(wrong, known_variants=frozenset(), known_sabotage=frozenset(SABOTAGES))
    with pytest.raises(SettingsError, match="unknown sabotage 'kindness'"):
        wrong.check()


def test_somebody_is_known_for_a_second_and_asked_for_again_after_a_change(
    database: Mapping[str, str],
) -> None:
    address = DatabaseAddress.from_jdbc(database["url"], user=database["user"], password=database["password"])
    pool = Database(address)
    pool.prepare_schema("accounts", ACCOUNT_SCHEMA)
    here, elsewhere = Accounts(pool), Accounts(pool)
    with pool.transaction() as connection:
        here.create_user(
            connection, "Ada", password="p", display_name="Ada", email="ada@example.com", groups=["staff"]
        )

    def groups(accounts: Accounts) -> frozenset[str]:
        known = accounts.recall("ada")
        return frozenset() if known is None else known.groups

    assert groups(here) == groups(elsewhere) == {"staff"}
    with pool.transaction() as connection:
        here.create_group(connection, "editors")
        here.add_to_group(connection, "ada", group="editors")
    assert groups(here) == {"editors", "staff"}
    eventually(
        lambda: groups(elsewhere) == {"editors", "staff"}, what="the change is known on the other node"
    )
    with pool.transaction() as connection:
        here.delete_user(connection, "ada")
    assert here.recall("ada") is None
    eventually(lambda: elsewhere.recall("ada") is None, what="the other node knows nobody of that name")
    pool.close()

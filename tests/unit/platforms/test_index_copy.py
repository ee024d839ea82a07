"""Copies between two homes over the loopback: what moves, what is refused, what is left behind."""

from __future__ import annotations

import secrets
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bench.indexes.content import state
from bench.indexes.node import PLACE, Index, noted
from telamon.errors import ConflictError, MachineError, NotReadyError, PlatformError, TemporaryError
from telamon.indexfiles.commits import Damaged
from telamon.indexfiles.manifest import IndexFile
from telamon.indexfiles.place import IndexPlace
from telamon.platforms.indexcopy import fetch as fetching
from telamon.platforms.indexcopy import stage as staging
from telamon.platforms.indexcopy import switch as switching
from telamon.platforms.indexcopy.fetch import Moved, Source, Transfer
from telamon.platforms.indexcopy.home import Home, held
from telamon.platforms.indexcopy.pin import Pinned, pinned, release_abandoned
from telamon.platforms.indexcopy.serve import serving
from telamon.platforms.indexcopy.stage import Staged, discard, stage
from telamon.platforms.indexcopy.switch import clear, switch
from telamon.platforms.memory.clock import ManualClock
from telamon.platforms.systemcalls import exchange

SEED = 5
LUCENE = Path(__file__).parents[1] / "indexfiles" / "data" / "lucene-9.12.zip"


def home(path: Path, *, commits: int = 0, place: IndexPlace = PLACE) -> Home:
    """A node's home; with so many commits of ten operations in its index."""
    path.mkdir(exist_ok=True)
    if commits:
        Index(path).follow(SEED, batch=10, commits=commits)
    return Home(path, place)


def grow(node: Home, *, mebibytes: float, mark: int) -> None:
    """Put documents that cannot be packed into the index of a node, until it has grown by so much."""
    index = Index(node.root)
    writer = index.writer()
    for number in range(int(mebibytes * 1024)):
        index.put(writer, f"big-{mark}-{number}", value=secrets.token_hex(1024))
    writer.commit()
    writer.wait_merging_threads()


def nobody_watches(_moved: Moved) -> None:
    """Progress that is not looked at."""


def bring(pin: Pinned, target: Home, *, through: tuple[str, int] | None = None) -> Staged:
    """Stage what is pinned at the target, perhaps through something that stands between."""
    token = secrets.token_bytes(32)
    with serving(pin, address=("127.0.0.1", 0), token=token) as address, held(target.staging, wait=False):
        return stage(Transfer(Source(through or address, token), target, ManualClock(), nobody_watches))


def copy(source: Home, target: Home) -> Staged:
    """A whole copy, put in place."""
    with pinned(source) as pin:
        staged = bring(pin, target)
        switch(target, staged.manifest)
    return staged


def staged_files(node: Home) -> set[str]:
    """Paths of the files of a node's index."""
    return {path.relative_to(node.index).as_posix() for path in node.index.rglob("*") if path.is_file()}


def expect_copy(target: Home, *, mark: int) -> None:
    """The library opens the target's index, and it holds what the database held at that mark."""
    documents = dict(Index(target.root).documents())
    assert documents.pop("@mark") == str(mark)
    assert documents == state(SEED, mark)
    assert noted(target.root) == mark


def test_a_copy_holds_what_the_source_held(tmp_path: Path) -> None:
    source, target = home(tmp_path / "a", commits=3), home(tmp_path / "b")
    staged = copy(source, target)
    assert staged.fetched == staged.manifest.size
    expect_copy(target, mark=30)
    assert sorted(path.name for path in target.root.iterdir()) == [
        ".index.telamon-copy",
        "index",
        "position",
    ]


def test_no_file_of_the_copy_is_a_link_to_the_source(tmp_path: Path) -> None:
    source, target = home(tmp_path / "a", commits=3), home(tmp_path / "b")
    copy(source, target)
    inodes = {path.stat().st_ino for path in source.root.rglob("*")}
    assert not inodes & {path.stat().st_ino for path in target.root.rglob("*")}


def test_lucene_folders_are_copied_alike(tmp_path: Path) -> None:
    source, target = home(tmp_path / "a"), home(tmp_path / "b")
    for folder in ("", "change"):
        shutil.unpack_archive(LUCENE, source.index / folder)
    (source.index / "write.lock").touch()
    copy(source, target)
    for folder in ("", "change"):
        original = {
            path.name: path.read_bytes()
            for path in (source.index / folder).iterdir()
            if path.is_file() and path.name != "write.lock"
        }
        assert {
            path.name: path.read_bytes() for path in (target.index / folder).iterdir() if path.is_file()
        } == original


def test_a_second_copy_moves_what_is_new_and_hardly_more(tmp_path: Path) -> None:
    source, target = home(tmp_path / "a", commits=2), home(tmp_path / "b")
    copy(source, target)
    before = staged_files(target)
    grow(source, mebibytes=1, mark=1)
    staged = copy(source, target)
    new = sum(file.length for file in staged.manifest.files if file.key.path not in before)
    assert new > 1 << 20
    assert staged.moved <= 1.05 * new


def test_nothing_moves_where_nothing_is_new(tmp_path: Path) -> None:
    source, target = home(tmp_path / "a", commits=2), home(tmp_path / "b")
    copy(source, target)
    assert copy(source, target).fetched == 0
    expect_copy(target, mark=20)


def test_what_is_pinned_stays_though_the_source_goes_on(tmp_path: Path) -> None:
    source, target = home(tmp_path / "a", commits=1), home(tmp_path / "b")
    with pinned(source) as pin:
        Index(source.root).follow(SEED, batch=10, commits=12)
        staged = bring(pin, target)
        switch(target, staged.manifest)
    expect_copy(target, mark=10)
    assert list(source.pins.iterdir()) == []


def test_pins_of_a_dead_copy_are_released_and_those_of_a_living_one_are_not(tmp_path: Path) -> None:
    source = home(tmp_path / "a", commits=1)
    with pinned(source) as pin:
        (source.pins / "dead").mkdir()
        assert release_abandoned(source) == 1
        assert pin.folder.exists()
    assert list(source.pins.iterdir()) == []


def test_a_node_without_an_index_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError), pinned(home(tmp_path / "a")):
        pass


def test_a_file_without_its_end_is_no_part_of_a_copy(tmp_path: Path) -> None:
    source = home(tmp_path / "a", commits=1)
    file = next(source.index.rglob("*.store"))
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(Damaged), pinned(source):
        pass
    assert list(source.pins.iterdir()) == []


def test_damage_inside_a_file_of_the_source_stops_the_copy_before_the_switch(tmp_path: Path) -> None:
    source, target = home(tmp_path / "a", commits=2), home(tmp_path / "b", commits=1)
    file = max(source.index.rglob("*.store"), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)
    with pytest.raises(Damaged, match=r"\.store"):
        copy(source, target)
    expect_copy(target, mark=10)


def test_a_damaged_file_of_the_target_is_fetched_again(tmp_path: Path) -> None:
    source, target = home(tmp_path / "a", commits=2), home(tmp_path / "b")
    copy(source, target)
    file = next(target.index.rglob("*.store"))
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)
    assert copy(source, target).fetched == len(content)
    expect_copy(target, mark=20)


def test_a_stranger_gets_no_file(tmp_path: Path) -> None:
    source, target = home(tmp_path / "a", commits=1), home(tmp_path / "b")
    with (
        pinned(source) as pin,
        serving(pin, address=("127.0.0.1", 0), token=b"right") as address,
        held(target.staging, wait=False),
        pytest.raises(PlatformError, match="token"),
    ):
        stage(Transfer(Source(address, b"wrong"), target, ManualClock(), nobody_watches))
    assert not target.index.exists()


def test_a_target_takes_nothing_from_a_stranger(tmp_path: Path) -> None:
    target = home(tmp_path / "b")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def pretend() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                for words in (b'{"version": 1, "nonce": "00"}', b'{"proof": "00"}'):
                    connection.sendall(len(words).to_bytes(4, "big") + words)
                connection.recv(4096)

        thread = threading.Thread(target=pretend)
        thread.start()
        transfer = Transfer(
            Source(listener.getsockname()[:2], b"right"), target, ManualClock(), nobody_watches
        )
        with held(target.staging, wait=False), pytest.raises(PlatformError, match="token"):
            stage(transfer)
        thread.join()


@contextmanager
def cutting(address: tuple[str, int], *, after: int) -> Iterator[tuple[str, int]]:
    """A relay that cuts each connection after so many bytes towards the target."""
    listener = socket.create_server(("127.0.0.1", 0))

    def forward(inner: socket.socket, outer: socket.socket) -> None:
        with suppress(OSError):
            while found := inner.recv(4096):
                outer.sendall(found)

    def serve(outer: socket.socket) -> None:
        inner = socket.create_connection(address)
        threading.Thread(target=forward, args=(outer, inner), daemon=True).start()
        left = after
        with outer, inner, suppress(OSError):
            while left > 0 and (found := inner.recv(min(left, 4096))):
                outer.sendall(found)
                left -= len(found)
            inner.shutdown(socket.SHUT_RDWR)
            outer.shutdown(socket.SHUT_RDWR)

    def relay() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=relay, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[:2]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_a_copy_goes_on_where_a_cut_connection_left_it(tmp_path: Path) -> None:
    source, target = home(tmp_path / "a"), home(tmp_path / "b")
    grow(source, mebibytes=0.3, mark=1)
    token = secrets.token_bytes(32)
    with (
        pinned(source) as pin,
        serving(pin, address=("127.0.0.1", 0), token=token) as address,
        cutting(address, after=30_000) as relay,
        held(target.staging, wait=False),
    ):
        largest = max(file.length for file in pin.manifest.files)
        assert largest > 60_000
        staged = stage(Transfer(Source(relay, token), target, ManualClock(), nobody_watches))
        switch(target, staged.manifest)
    # Every byte of a file came once; the rest is the conversation of some more connections.
    assert staged.moved < 1.2 * staged.fetched
    assert Index(target.root).documents() == Index(source.root).documents()


def test_what_was_verified_is_kept_when_a_copy_breaks_off(tmp_path: Path) -> None:
    source, target = home(tmp_path / "a", commits=2), home(tmp_path / "b")

    def ends_early(moved: Moved) -> None:
        if moved.done > moved.total * 0.8:
            raise TemporaryError("the copy was ended", delay=1.0)

    token = secrets.token_bytes(32)
    with (
        pinned(source) as pin,
        serving(pin, address=("127.0.0.1", 0), token=token) as address,
        held(target.staging, wait=False),
        pytest.raises(TemporaryError),
    ):
        stage(Transfer(Source(address, token), target, ManualClock(), ends_early))
    assert not target.index.exists()
    staged = copy(source, target)
    assert staged.fetched < staged.manifest.size
    expect_copy(target, mark=20)


def test_a_full_disk_is_refused_before_anything_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = home(tmp_path / "a", commits=2), home(tmp_path / "b", commits=1)
    monkeypatch.setattr(staging, "free_bytes", lambda _home: 1000)
    with pytest.raises(MachineError, match="no room"):
        copy(source, target)
    assert not target.tree.exists()
    expect_copy(target, mark=10)


def test_two_copies_to_one_target_do_not_mix(tmp_path: Path) -> None:
    target = home(tmp_path / "b")
    with held(target.staging, wait=False), pytest.raises(ConflictError), held(target.staging, wait=False):
        pass


def test_a_switch_that_was_interrupted_is_not_taken_for_a_copy(tmp_path: Path) -> None:
    source, target = home(tmp_path / "a", commits=2), home(tmp_path / "b", commits=1)
    copy(source, target)
    target.tree.mkdir()
    shutil.copytree(target.index / "main", target.tree / "main")
    for file in (target.tree / "main").glob("*.store"):
        file.write_bytes(b"torn")
    target.switching.touch()
    copy(source, target)
    expect_copy(target, mark=20)


def test_a_live_node_is_refused_where_folders_cannot_be_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = IndexPlace("index", positions=("position",), live=True)
    source, target = home(tmp_path / "a", commits=2), home(tmp_path / "b", commits=1, place=live)
    monkeypatch.setattr(switching, "exchange", lambda _one, _other: False)
    with pytest.raises(MachineError, match="one step"):
        copy(source, target)
    assert Index(target.root).mark() == 10


def test_a_stopped_node_is_switched_where_folders_cannot_be_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = home(tmp_path / "a", commits=2), home(tmp_path / "b", commits=1)
    monkeypatch.setattr(switching, "exchange", lambda _one, _other: False)
    copy(source, target)
    expect_copy(target, mark=20)


def test_a_position_goes_before_the_index_that_it_tells_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, ahead = home(tmp_path / "a", commits=1), home(tmp_path / "b", commits=2)

    def dies(one: Path, other: Path) -> bool:
        exchange(one, other)
        raise OSError("the process ends here")

    monkeypatch.setattr(switching, "exchange", dies)
    with pytest.raises(MachineError):
        copy(source, ahead)
    # The older index is in place: with the position of the newer one its node would never look for what lies between.
    assert Index(ahead.root).mark() == 10
    assert noted(ahead.root) is None


def test_a_cleared_node_has_neither_index_nor_position(tmp_path: Path) -> None:
    target = home(tmp_path / "b", commits=1)
    with held(target.staging, wait=False):
        clear(target)
        clear(target)
    assert not target.index.exists()
    assert noted(target.root) is None


def test_a_defect_in_one_stream_is_no_complete_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = home(tmp_path / "a", commits=2), home(tmp_path / "b", commits=1)

    def broken(_path: Path, _file: IndexFile) -> bool:
        raise ValueError("a defect")

    monkeypatch.setattr(fetching, "verified", broken)
    with pytest.raises(ValueError, match="a defect"):
        copy(source, target)
    assert Index(target.root).mark() == 10


def test_what_is_left_of_an_old_index_never_passes_for_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = home(tmp_path / "a", commits=2), home(tmp_path / "b", commits=1)
    with monkeypatch.context() as patched:
        patched.setattr(switching, "remove", refuse)
        with pytest.raises(MachineError):
            copy(source, target)
    assert target.switching.exists()
    copy(source, target)
    expect_copy(target, mark=20)


def refuse(folder: Path) -> None:
    """A disk that removes nothing."""
    raise MachineError(f"{folder} cannot be removed", remedy="look at the disk")


def test_what_was_gathered_can_be_given_up(tmp_path: Path) -> None:
    source, target = home(tmp_path / "a", commits=1), home(tmp_path / "b")
    with pinned(source) as pin:
        bring(pin, target)
    discard(target)
    assert list(target.staging.iterdir()) == []

"""Faults hurt what they name, are noted before they are made, and leave nothing behind, whoever dies meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from telamon import wiring
from telamon.errors import MachineError, NotReadyError, TelamonError, UsageError
from telamon.plan.fault import (
    BlackHoleLink,
    CorruptIndex,
    CrashLoop,
    CutLink,
    DelayLink,
    FullDisk,
    Hang,
    Kill,
    LostSharedHome,
    Throttle,
)
from telamon.platforms import procfs
from telamon.ports import Faults
from telamon.state.classify import Condition
from telamon.state.world import Life
from tests.contract.faults_suite import (
    Harness,
    test_killed_member_dies_once,
    test_made_twice_it_is_there_once_and_ends_once,
    test_nobody_cannot_be_hurt,
    test_one_that_dies_whenever_it_starts_lives_again_when_that_is_over,
    test_two_faults_cannot_have_one_name,
    test_what_has_no_end_is_refused,
    test_what_nobody_ends_ends_by_itself,
)
from tests.lab.support import strike, tiny_stack, until
from tests.lab.world import World, kept

__all__ = [
    "test_killed_member_dies_once",
    "test_made_twice_it_is_there_once_and_ends_once",
    "test_nobody_cannot_be_hurt",
    "test_one_that_dies_whenever_it_starts_lives_again_when_that_is_over",
    "test_two_faults_cannot_have_one_name",
    "test_what_has_no_end_is_refused",
    "test_what_nobody_ends_ends_by_itself",
]


@pytest.fixture(scope="module")
def world(module_root: Path) -> Iterator[World]:
    """A small application whose links can be disturbed."""
    with kept(
        module_root, tiny_stack(profile={"homes": {"shared": True}}, platform={"disturbable": True})
    ) as made:
        yield made


@pytest.fixture
def faults(world: World) -> Iterator[Faults]:
    """Faults of that stack; none is left."""
    made = wiring.faults(world.root)
    yield made
    made.calm()
    assert made.active() == ()
    world.settle(within=90)


def state_of(pid: int) -> str:
    found = procfs.stat(pid)
    return found.state if found is not None else ""


@dataclass
class LabHarness:
    """A balancer of that stack, which nobody misses for long."""

    world: World
    faults: Faults
    member: str = "edge-1"

    def life(self) -> object:
        return self.world.pid(self.member) or None

    def silent(self) -> bool:
        return state_of(self.world.pid(self.member)) == "T"

    def until(self, holds: Callable[[], bool]) -> None:
        until(holds)


@pytest.fixture
def harness(world: World, faults: Faults) -> Iterator[Harness]:
    yield LabHarness(world, faults)
    faults.calm()
    world.host.retry("edge")


def test_whole_database_stands_still_and_goes_on(world: World, faults: Faults) -> None:
    world.host.end()
    try:
        pid = world.pid("database-0")
        faults.disturb(Hang("database-0"), name="one", seconds=600)
        family = [found for found in procfs.pids() if procfs.is_descendant(found, pid)]
        assert family
        assert {state_of(found) for found in (pid, *family)} == {"T"}
        faults.calm()
        until(lambda: all(state_of(found) != "T" for found in (pid, *family)))
    finally:
        world.restart_host()


def test_throttled_member_is_never_left_standing(world: World, faults: Faults) -> None:
    pid = world.pid("tiny-1")
    faults.disturb(Throttle("tiny-1", 0.3), name="slow", seconds=600)
    until(lambda: state_of(pid) == "T")
    until(lambda: state_of(pid) != "T")
    faults.calm("slow")
    until(lambda: not tormentors(world.root))
    assert state_of(pid) != "T"
    assert world.pid("tiny-1") == pid


def test_member_in_a_crash_loop_comes_back_when_it_is_over(world: World, faults: Faults) -> None:
    faults.disturb(CrashLoop("tiny-0"), name="loop", seconds=600)
    until(lambda: world.view("tiny").failures("tiny-0").count >= 2)
    faults.calm()
    world.host.retry("tiny")
    until(lambda: world.condition("tiny", "tiny-0") is Condition.SERVING, within=60)


def test_node_that_is_cut_off_from_its_database_has_it_back(world: World, faults: Faults) -> None:
    def database_answers(member: str) -> bool:
        return "ok" in asked(world, member)

    until(lambda: database_answers("tiny-0"))
    faults.disturb(CutLink("tiny-0", "database-*"), name="cut", seconds=600)
    until(lambda: not database_answers("tiny-0"))
    until(lambda: database_answers("tiny-1"))
    faults.calm("cut")
    until(lambda: database_answers("tiny-0"))


ASKS = """
import os, time, psycopg
began, told = time.monotonic(), "ok"
try:
    psycopg.connect(os.environ["TINY_DATABASE"], connect_timeout=1)
except psycopg.OperationalError:
    told = "nothing"
print(told, time.monotonic() - began)
"""
"""Logs in to the database, and tells what came of it and how many seconds that took."""


def asked(world: World, member: str) -> str:
    """What a node gets of its database, over the address that it was told."""
    environment = procfs.environment(world.pid(member))
    done = subprocess.run(
        [sys.executable, "-c", ASKS], env=dict(environment), capture_output=True, text=True, check=True
    )
    return done.stdout


def test_slow_and_silent_links_are_made_at_once_and_ended_at_once(world: World, faults: Faults) -> None:
    until(lambda: "ok" in asked(world, "tiny-1"))
    faults.disturb(DelayLink("tiny-*", "database-*", 0.4), name="slow", seconds=600)
    # To log in takes several words of both sides, each of which is as late as that.
    assert float(asked(world, "tiny-1").split()[1]) > 0.4
    faults.disturb(BlackHoleLink("tiny-1", "database-writer"), name="hole", seconds=600)
    assert "ok" not in asked(world, "tiny-1")
    faults.calm()
    until(lambda: "ok" in asked(world, "tiny-1"))


def test_relays_that_die_are_started_again_and_know_what_to_do(world: World, faults: Faults) -> None:
    faults.disturb(CutLink("tiny-0", "database-writer"), name="cut", seconds=600)
    old = world.pid("relays-0")
    strike(old, signal.SIGKILL)
    world.replaced("relays", "relays-0", old=old)
    until(lambda: "ok" in asked(world, "tiny-1"))
    assert "ok" not in asked(world, "tiny-0")


def test_shared_home_is_gone_and_comes_back_whole(world: World, faults: Faults) -> None:
    home = world.root / "shared" / "tiny"
    (home / "letter").write_text("dear all")
    faults.disturb(LostSharedHome("tiny"), name="home", seconds=600)
    with pytest.raises(NotADirectoryError):
        (home / "letter").read_text()
    with pytest.raises(FileExistsError):
        home.mkdir()
    faults.calm("home")
    assert (home / "letter").read_text() == "dear all"
    assert sorted(path.name for path in home.parent.iterdir()) == ["tiny"]


def test_torn_index_is_torn_where_it_is_largest(world: World, faults: Faults) -> None:
    folder = world.root / "homes" / "tiny-0" / "index"
    folder.mkdir()
    (folder / "segment").write_bytes(b"x" * 100_000)
    faults.disturb(CorruptIndex("tiny-0", "index"), name="torn", seconds=5)
    torn = (folder / "segment").read_bytes()
    assert len(torn) == 100_000
    assert torn.count(b"\xa5") == 4096


def test_what_cannot_be_made_here_is_refused_with_the_reason(world: World, faults: Faults) -> None:
    assert "homeSize" in faults.lacks(FullDisk("tiny-0"))
    assert "connects" in faults.lacks(CutLink("nobody-7", "database-writer"))
    with pytest.raises(MachineError, match="file system of its own"):
        faults.disturb(FullDisk("tiny-0"), name="full", seconds=5)
    with pytest.raises(NotReadyError, match="nobody-7"):
        faults.disturb(Kill("nobody-7"), name="who", seconds=5)
    with pytest.raises(UsageError, match="at most"):
        faults.disturb(Kill("tiny-0"), name="long", seconds=100_000)
    with pytest.raises(NotReadyError):
        faults.disturb(CorruptIndex("tiny-1", "nowhere"), name="torn", seconds=5)
    assert faults.active() == ()
    assert world.member("tiny", "tiny-0").life is Life.ALIVE


@pytest.mark.parametrize("how", ["killed", "in time"])
def test_fault_is_ended_by_the_next_controller(world: World, faults: Faults, how: str) -> None:
    """Whoever made it was killed, or its time is up: tidying up ends it, and nothing that is still in force."""
    faults.disturb(DelayLink("tiny-1", "database-writer", 0.01), name="mine", seconds=600)
    code = (
        "import pathlib, sys\n"
        "from telamon import wiring\n"
        "from telamon.plan.fault import LostSharedHome\n"
        "faults = wiring.faults(pathlib.Path(sys.argv[1]))\n"
        "faults.disturb(LostSharedHome('tiny'), name='theirs', seconds=float(sys.argv[2]))\n"
        "print('made', flush=True)\n"
        "sys.stdin.read()\n"
    )
    seconds = "600" if how == "killed" else "0.2"
    maker = subprocess.Popen(
        [sys.executable, "-c", code, str(world.root), seconds], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert maker.stdout is not None
    assert maker.stdin is not None
    assert maker.stdout.readline() == b"made\n"
    try:
        if how == "killed":
            assert faults.tidy() == ()
            maker.kill()
            maker.wait(10)
        until(lambda: faults.tidy() == ("theirs",))
        assert (world.root / "shared" / "tiny").is_dir()
        assert [found.name for found in faults.active()] == ["mine"]
    finally:
        maker.kill()
        maker.wait(10)
        maker.stdin.close()
        maker.stdout.close()


def test_damaged_record_keeps_nobody_from_ending_the_others(world: World, faults: Faults) -> None:
    faults.disturb(DelayLink("tiny-1", "database-writer", 0.01), name="mine", seconds=600)
    damaged = world.root / "faults" / "broken.json"
    damaged.write_text("{")
    try:
        faults.calm()
        assert faults.active() == ()
    except TelamonError:
        pytest.fail("a damaged record is passed over")
    finally:
        damaged.unlink()


def tormentors(root: Path) -> list[int]:
    """Processes that make a fault again and again."""
    found = []
    for pid in procfs.pids():
        try:
            words = (procfs.PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"telamon.platforms.lab.faults.tormentor" in words and str(root).encode() in words:
            found.append(pid)
    return found

"""A node that only reads its index gets another one while it goes on answering, whoever dies meanwhile."""

from __future__ import annotations

import json
import signal
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from telamon.model.operation import Operation
from telamon.operator.operations import Wish
from telamon.platforms.lab import facts as machine_facts
from tests.lab.load import Load
from tests.lab.searchapp import grow
from tests.lab.support import strike, tiny_stack, until
from tests.lab.test_index_sync import ended, home, leftovers, workers
from tests.lab.world import World, kept

pytestmark = pytest.mark.timeout(400)

ENDS_WITHIN = 120.0


@pytest.fixture(scope="module")
def world(module_root: Path) -> Iterator[World]:
    """Two nodes that search, each in an index of its own."""
    profile = {
        "command": [sys.executable, str(Path(__file__).with_name("searchapp.py")), "${address}:${port.http}"],
        "environment": {"SEARCH_NODE": "${node.name}", "SEARCH_HOME": "${home.local}"},
        "homes": {"index": "index", "indexSwap": "live"},
        "database": "none",
    }
    with kept(module_root, tiny_stack(profile=profile)) as made:
        yield made


def index(world: World, member: str) -> Path:
    """The folder of a member's index."""
    return home(world, member) / "index"


def count(world: World, member: str) -> int:
    """How many documents a member itself says that it finds."""
    facts = machine_facts.load(world.root)
    assert facts is not None
    address = facts.address("tiny", int(member.rpartition("-")[2]))
    with urllib.request.urlopen(f"http://{address}:8000/", timeout=10) as answer:
        return int(json.load(answer)["count"])


@contextmanager
def growing(folder: Path) -> Iterator[None]:
    """Documents come into an index, some after others, as long as the block takes."""
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            grow(folder, more=300)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join(60)


def begin(world: World, source: str, target: str) -> str:
    """Ask for the index of one member at another one."""
    return world.host.operate(Wish("index-sync", "tiny", target, {"source": source})).metadata.name


def sync(world: World, source: str, target: str) -> Operation:
    """Give a member the index of another one, and see that to its end."""
    name = begin(world, source, target)
    until(lambda: ended(world, name), within=ENDS_WITHIN)
    return world.host.operations.get(name)


@pytest.mark.parametrize(("source", "target"), [("tiny-0", "tiny-1"), ("tiny-1", "tiny-0")])
def test_a_node_gets_an_index_while_it_goes_on_answering(world: World, source: str, target: str) -> None:
    grow(index(world, source), more=2_000 + count(world, target))
    before, pid = count(world, source), world.pid(target)
    assert count(world, target) < before
    with Load(world.front(), sessions=6, rate=10) as load, growing(index(world, source)):
        until(load.enough(20))
        done = sync(world, source, target)
        until(load.enough(len(load.samples) + 20))
    assert done.status.phase == "Succeeded", done.status.message
    assert load.failures() == []
    assert {sample.node for sample in load.samples} == {source, target}
    assert count(world, target) >= before
    assert world.pid(target) == pid, "it was started again"
    assert leftovers(world, "tiny") == []


def test_whoever_dies_in_the_middle_of_it_the_node_goes_on_answering(world: World) -> None:
    source, target = "tiny-0", "tiny-1"
    grow(index(world, source), more=2_000)
    before, pid = count(world, source), world.pid(target)
    with Load(world.front(), sessions=6, rate=10) as load:
        name, killed = begin(world, source, target), 0
        while not ended(world, name):
            for worker in workers(world)[: 3 - killed]:
                # One that has just come to its end is nobody's to kill.
                with suppress(ProcessLookupError):
                    strike(worker, signal.SIGKILL)
                    killed += 1
                    world.resume()
            until(lambda: ended(world, name) or bool(workers(world)), within=ENDS_WITHIN)
        until(load.enough(len(load.samples) + 20))
    done = world.host.operations.get(name)
    assert done.status.phase == "Succeeded", done.status.message
    assert killed > 0
    assert load.failures() == []
    assert count(world, target) >= before
    assert world.pid(target) == pid, "it was started again"
    assert leftovers(world, "tiny") == []

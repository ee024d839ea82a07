"""The front door under load, while the parts behind it are hurt. No test asserts a time; all of them count failures."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from telamon.model.stack import Stack
from telamon.naming import ProductName
from telamon.plan.step import Call
from telamon.platforms.lab import admin
from telamon.state.classify import Condition
from telamon.state.world import JobPhase, Life
from tests.lab.load import Load
from tests.lab.support import strike, tiny_stack, until
from tests.lab.world import World, kept


@pytest.fixture(scope="module")
def world(module_root: Path) -> Iterator[World]:
    """A lab of one small application of two nodes."""
    with kept(module_root, tiny_stack(), down=False) as made:
        yield made


@pytest.fixture(autouse=True)
def calm(world: World) -> None:
    """Every test begins with everything well."""
    world.settle()


def test_a_session_stays_on_its_node(world: World) -> None:
    with Load(world.front(), sessions=8) as load:
        until(load.enough(80))
    assert load.failures() == []
    by_session = {session: {s.node for s in load.samples if s.session == session} for session in range(8)}
    assert all(len(nodes) == 1 for nodes in by_session.values()), by_session
    assert {node for nodes in by_session.values() for node in nodes} == {"tiny-0", "tiny-1"}


def test_killed_node_fails_no_get_and_serves_again(world: World) -> None:
    old = world.pid("tiny-0")
    with Load(world.front()) as load:
        until(load.enough(60))
        strike(old, signal.SIGKILL)
        world.replaced("tiny", "tiny-0", old=old)
        until(load.enough(60, since=time.monotonic()))
    assert load.failures() == []
    assert world.host.lanes()["tiny"].restarts["tiny-0"] >= 1


def test_hung_node_fails_no_get_and_is_replaced(world: World) -> None:
    old = world.pid("tiny-1")
    with Load(world.front()) as load:
        until(load.enough(60))
        strike(old, signal.SIGSTOP)
        world.replaced("tiny", "tiny-1", old=old)
    assert load.failures() == []


def test_killed_balancer_refuses_nobody(world: World) -> None:
    old = world.pid("edge-0")
    with Load(world.front(), reuse=False) as load:
        until(load.enough(60))
        strike(old, signal.SIGKILL)
        until(lambda: world.pid("edge-0") not in {0, old})
        until(load.enough(60, since=time.monotonic()))
    refused = [sample for sample in load.samples if "Refused" in sample.error]
    assert refused == []


def test_hung_balancer_is_replaced(world: World) -> None:
    old = world.pid("edge-1")
    strike(old, signal.SIGSTOP)
    until(lambda: world.pid("edge-1") not in {0, old})
    world.settle()


def test_killed_database_loses_nothing_acknowledged(world: World) -> None:
    old = world.pid("database-0")
    with Load(world.front(), writes=True) as load:
        until(lambda: len(load.acknowledged()) > 10)
        strike(old, signal.SIGKILL)
        until(lambda: world.pid("database-0") not in {0, old})
        begun = time.monotonic()
        until(lambda: any(s.status == 201 for s in load.since(begun) if s.method == "POST"))
    assert load.acknowledged() <= set(world.rows())


def test_drained_node_gets_no_new_request(world: World) -> None:
    world.host.end()
    try:
        with Load(world.front()) as load:
            until(load.enough(60))
            assert load.nodes_since(0.0) == {"tiny-0", "tiny-1"}
            world.platform.drain("tiny", "tiny-0")
            drained = time.monotonic()
            until(load.enough(80, since=drained))
            assert load.nodes_since(drained) == {"tiny-1"}
            world.platform.drain("tiny", "tiny-0")
            world.platform.admit("tiny", "tiny-0")
            admitted = time.monotonic()
            with Load(world.front(), sessions=6) as fresh:
                until(lambda: "tiny-0" in fresh.nodes_since(admitted))
        assert load.failures() == []
        assert fresh.failures() == []
    finally:
        world.restart_host()


def test_every_balancer_knows_who_is_admitted(world: World) -> None:
    for name, socket in world.platform._lab.balancers.items():
        listed = until(lambda socket=socket: admin.members(socket))  # type: ignore[misc]
        assert listed is not None, name
        assert list(listed["tiny"].values()) == [True, True]


def test_nothing_is_left_to_do_while_nothing_happens(world: World) -> None:
    before = world.intents()
    observed = [world.platform.observe(component) for component in world.platform._lab.components]
    assert all(found.objects is not None for found in observed)
    world.settle()
    assert world.intents() == before


def test_lost_file_is_written_again(world: World) -> None:
    path = world.root / "edge" / "listeners.json"
    text = path.read_text()
    path.unlink()
    until(lambda: path.exists() and path.read_text() == text)


def test_product_comes_and_goes_without_a_failed_request(world: World) -> None:
    profile = world.stack.spec.products[ProductName("tiny")]
    both = with_products(world.stack, {"tiny": profile, "other": profile})
    kept = {name: world.pid(name) for name in ("tiny-0", "tiny-1", "edge-0", "edge-1", "database-0")}
    with Load(world.front()) as load:
        until(load.enough(30))
        world.host.put(both, "test")
        world.settle()
        assert world.condition("other", "other-1") is Condition.SERVING
        with Load(world.front("other"), sessions=4) as other:
            until(other.enough(20))
        world.host.put(world.stack, "test")
        until(lambda: not world.pid("other-0") and not world.pid("other-1"))
        world.settle()
        until(load.enough(30, since=time.monotonic()))
    assert (load.failures(), other.failures()) == ([], [])
    assert {name: world.pid(name) for name in kept} == kept


def with_products(stack: Stack, products: Mapping[str, object]) -> Stack:
    """The same stack with other products."""
    return stack.model_copy(update={"spec": stack.spec.model_copy(update={"products": products})})


def test_call_runs_beside_the_passes(world: World) -> None:
    world.platform.call(Call("tiny", "tiny-0", "prepare-join", "asked"))
    found = until(lambda: _ended(world))
    assert found == "done"


def _ended(world: World) -> str:
    job = world.view("tiny").seen.jobs.get("prepare-join")
    return job.result if job is not None and job.phase is JobPhase.SUCCEEDED else ""


def test_down_ends_every_process_and_keeps_the_data(world: World) -> None:
    pids = [world.pid(name) for name in ("tiny-0", "tiny-1", "database-0", "edge-0", "edge-1")]
    assert all(pids)
    host, port = world.front()
    httpx.post(f"http://{host}:{port}/", content="kept over the night").raise_for_status()
    world.host.down()
    assert world.host.wait_ended(60)
    until(lambda: world.platform.running_components() == frozenset())
    world.end()
    again = World(world.root, world.stack)
    again.up()
    try:
        assert again.condition("tiny", "tiny-0") is Condition.SERVING
        assert again.member("tiny", "tiny-0").life is Life.ALIVE
        assert "kept over the night" in again.rows()
        again.host.down()
        assert again.host.wait_ended(60)
    finally:
        again.end()

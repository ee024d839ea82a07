"""What operators do to a lab while users are at work: more nodes, fewer, one by one, one aside, none for a while."""

from __future__ import annotations

import http.client
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from telamon.model.operation import Operation
from telamon.model.stack import Stack
from telamon.operator.operations import Wish
from telamon.state.classify import Condition
from telamon.state.world import Life
from tests.lab.load import Load
from tests.lab.support import tiny_stack, until
from tests.lab.world import World, kept

ENDED = {"Succeeded", "Failed", "Cancelled"}


@pytest.fixture(scope="module")
def world(module_root: Path) -> Iterator[World]:
    with kept(module_root, stack_of(2), down=False) as made:
        yield made


def stack_of(nodes: int) -> Stack:
    return tiny_stack(nodes=nodes)


def done(world: World, verb: str, member: str = "", **params: str) -> Operation:
    """Have an operation done to the small application, and wait for its end."""
    name = world.host.operate(Wish(verb, "tiny", member, params)).metadata.name
    until(lambda: world.host.operations.get(name).status.phase in ENDED, within=90.0)
    found = world.host.operations.get(name)
    assert found.status.phase == "Succeeded", found.status.message
    return found


def serving(world: World) -> set[str]:
    return {member.name for member in world.view("tiny").serving()}


def ask(world: World, **headers: str) -> tuple[int, dict[str, str], str]:
    """One request through the front door, as a browser makes it."""
    connection = http.client.HTTPConnection(*world.front(), timeout=10)
    connection.request("GET", "/", headers=headers)
    answer = connection.getresponse()
    told = {name.lower(): value for name, value in answer.getheaders()}
    text = answer.read().decode()
    connection.close()
    return answer.status, told, text


def test_a_node_more_and_a_node_less_cost_no_request(world: World) -> None:
    with Load(world.front(), sessions=8, writes=True) as load:
        until(load.enough(50))
        world.host.put(stack_of(3), "test")
        until(lambda: serving(world) == {"tiny-0", "tiny-1", "tiny-2"}, within=60.0)
        # Sessions stay where they are, so a node that is new gets its requests from new ones.
        with Load(world.front(), sessions=8) as newcomers:
            until(lambda: "tiny-2" in newcomers.nodes_since(0.0), within=30.0)
            world.host.put(stack_of(2), "test")
            until(lambda: world.member("tiny", "tiny-2").life is Life.ABSENT, within=60.0)
            assert newcomers.failures() == []
        assert load.failures() == []
        assert load.failures("POST") == []
        written = load.acknowledged()
    world.settle()
    assert serving(world) == {"tiny-0", "tiny-1"}
    assert written <= set(world.rows())


def test_members_restart_one_by_one_and_no_request_fails(world: World) -> None:
    before = {name: world.pid(name) for name in ("tiny-0", "tiny-1")}
    with Load(world.front(), sessions=8, writes=True) as load:
        until(load.enough(50))
        done(world, "restart")
        assert load.failures() == []
        assert load.failures("POST") == []
    after = {name: world.pid(name) for name in before}
    assert all(after[name] not in {before[name], 0} for name in before)


def test_a_member_in_quarantine_runs_on_unasked_and_serves_again_after_its_release(world: World) -> None:
    pid = world.pid("tiny-1")
    with Load(world.front(), sessions=8) as load:
        until(load.enough(50))
        told = done(world, "quarantine", "tiny-1")
        sent = load.samples[-1].ended
        until(load.enough(60, since=sent))
        assert load.nodes_since(sent) == {"tiny-0"}
        assert load.failures() == []
    assert (world.pid("tiny-1"), world.condition("tiny", "tiny-1")) == (pid, Condition.READY)
    archive = Path(told.status.message.partition("evidence is in ")[2])
    with tarfile.open(archive) as found:
        assert any(name.endswith("log/tiny-1.log") for name in found.getnames())
    done(world, "release", "tiny-1")
    assert serving(world) == {"tiny-0", "tiny-1"}
    assert world.pid("tiny-1") == pid


def test_a_replacement_serves_before_the_member_leaves(world: World) -> None:
    with Load(world.front(), sessions=8) as load:
        until(load.enough(50))
        done(world, "quarantine", "tiny-1", replace="yes")
        assert serving(world) == {"tiny-0", "tiny-2"}
        done(world, "release", "tiny-1")
        until(lambda: world.member("tiny", "tiny-2").life is Life.ABSENT, within=60.0)
        assert load.failures() == []
    world.settle()
    assert serving(world) == {"tiny-0", "tiny-1"}


def test_every_user_sees_the_page_for_as_long_as_it_is_on(world: World) -> None:
    done(world, "maintenance-on")
    for _ in range(40):
        status, told, text = ask(world, Accept="text/html")
        assert (status, told["retry-after"]) == (503, "5")
        assert "<html" in text
    world.restart_host()
    assert ask(world)[0] == 503
    done(world, "maintenance-off")
    assert [ask(world)[0] for _ in range(40)] == [200] * 40


def test_a_paused_component_is_not_healed_until_it_is_resumed(world: World) -> None:
    done(world, "pause")
    pid = world.pid("tiny-1")
    world.platform.stop("tiny", "tiny-1", grace=0.0)
    until(lambda: world.member("tiny", "tiny-1").life is Life.ABSENT)
    passes = world.view("tiny").now
    until(lambda: world.view("tiny").now > passes + 3.0)
    assert world.pid("tiny-1") == 0
    done(world, "resume")
    world.replaced("tiny", "tiny-1", old=pid)

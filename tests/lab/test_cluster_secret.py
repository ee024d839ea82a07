"""Another secret for the nodes of a cluster: never by accident, behind the page, and whoever keeps it may die of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from telamon.errors import RefusedError
from telamon.model.operation import Operation
from telamon.model.stack import Stack
from telamon.operator.operations import Wish
from telamon.platforms.procfs import environment
from telamon.state.world import MemberState
from tests.lab.load import Load
from tests.lab.support import until
from tests.lab.world import World, kept

pytestmark = [pytest.mark.timeout(600), pytest.mark.exhaustive]

PRODUCT = "bitbucket"
NODES = (f"{PRODUCT}-0", f"{PRODUCT}-1")
SECRET = (f"acme-{PRODUCT}-cluster", "secret")
VARIABLE = "HAZELCAST_GROUP_PASSWORD"
ENV = {"UNDERSTUDY_START_SECONDS": "1", "UNDERSTUDY_STOP_SECONDS": "1"}
SPEC = {
    "domain": "acme.example",
    "products": {PRODUCT: {"version": "9.4.16", "nodes": 2, "env": ENV, "startTimeout": "60s"}},
}


@pytest.fixture(scope="module")
def world(module_root: Path) -> Iterator[World]:
    """Two nodes that form a cluster by a secret."""
    document = {
        "apiVersion": "telamon.dev/v1alpha1",
        "kind": "Stack",
        "metadata": {"name": "acme"},
        "spec": SPEC,
    }
    with kept(module_root, Stack.model_validate(document)) as made:
        yield made


def ask(world: World, **params: str) -> str:
    """Ask for another secret."""
    return world.host.operate(Wish("rotate-cluster-secret", PRODUCT, "", params)).metadata.name


def ended(world: World, name: str) -> Operation:
    """An operation, once it has ended."""

    def phase() -> str:
        return world.host.operations.get(name).status.phase

    until(lambda: phase() not in {"Pending", "Running"}, within=240.0)
    return world.host.operations.get(name)


def stored(world: World) -> str:
    """The secret that nodes are given when they start."""
    return world.platform.secrets.get(*SECRET)


def in_use(world: World) -> list[str | None]:
    """The secret that each node was really started with."""
    return [environment(world.pid(node)).get(VARIABLE) for node in NODES]


def nodes(world: World) -> list[MemberState]:
    """The nodes, as the last pass saw them."""
    return [world.member(PRODUCT, node) for node in NODES]


def formed(world: World) -> bool:
    """Whether the nodes run, and each counts the other one in."""
    return all(node.joined for node in nodes(world))


def test_without_an_agreement_it_is_refused_with_the_reason(world: World) -> None:
    before, pids = stored(world), [world.pid(node) for node in NODES]
    with pytest.raises(RefusedError) as refused:
        ask(world)
    assert "different clusters" in str(refused.value)
    assert "--downtime" in (refused.value.remedy or "")
    assert stored(world) == before
    assert [world.pid(node) for node in NODES] == pids


def test_the_nodes_form_their_cluster_again_with_another_secret_behind_the_page(world: World) -> None:
    before = stored(world)
    assert in_use(world) == [before, before]
    with Load(world.front(PRODUCT), sessions=4) as load:
        until(load.enough(20))
        done = ended(world, ask(world, downtime="yes"))
        assert done.status.phase == "Succeeded", done.status.message
        until(load.enough(len(load.samples) + 20))
    after = stored(world)
    assert after != before
    world.settle(within=120)
    assert in_use(world) == [after, after]
    assert formed(world)
    # Users saw a page or an answer, and no connection that broke.
    assert [sample for sample in load.samples if sample.status == 0] == []
    assert {sample.status for sample in load.failures()} <= {503}
    assert not load.samples[-1].failed


def test_a_controller_that_dies_in_the_middle_leaves_one_cluster_of_one_secret(world: World) -> None:
    before = stored(world)
    name = ask(world, downtime="yes")
    deaths = 0
    for holds in (
        lambda: world.view(PRODUCT).seen.held,
        lambda: stored(world) != before,
        lambda: any(world.pid(node) for node in NODES),
    ):
        until(holds, within=120.0)
        if world.host.operations.get(name).status.phase == "Running":
            world.resume()
            deaths += 1
    done = ended(world, name)
    assert done.status.phase == "Succeeded", done.status.message
    assert deaths > 1
    world.settle(within=120)
    after = stored(world)
    assert after != before
    assert in_use(world) == [after, after]
    assert formed(world)
    assert not world.view(PRODUCT).seen.held

"""Every product that ships, with every companion, from nothing to serving, and back to serving after each loss."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from telamon.model.stack import Stack
from telamon.products.registry import registry
from telamon.state.world import ComponentKind
from tests.lab.load import Load
from tests.lab.support import strike, until
from tests.lab.world import World, kept

VERSIONS = {"jira": "11.3.1", "confluence": "10.2.7", "bitbucket": "9.4.16"}
HEALS_WITHIN = 90.0


def everything() -> Stack:
    """All products with all their companions."""
    products = {
        name: {"version": VERSIONS[name], "companions": {companion: {} for companion in product.companions}}
        for name, product in registry().items()
    }
    return Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": "acme"},
            "spec": {"domain": "acme.example", "products": products},
        }
    )


@pytest.fixture(scope="module")
def world(module_root: Path) -> Iterator[World]:
    """All of them, set up by the engine."""
    with kept(module_root, everything()) as made:
        yield made


pytestmark = pytest.mark.timeout(400)


def test_every_component_serves_and_every_health_check_is_well(world: World) -> None:
    for component in world.platform._lab.components:
        view = world.view(component.name)
        # The standby of the database is well, and serves nobody.
        well = view.fit() if component.kind is ComponentKind.DATABASE else view.serving()
        assert len(well) == len(component.members), component.name
    ill = [(member, report) for _, member, report in world.platform.doctor() if not report.healthy]
    assert ill == []


def test_second_time_there_is_nothing_to_do(world: World) -> None:
    accepted = world.host.put(world.stack, "test")
    assert not accepted.changed
    before = world.intents()
    world.settle()
    assert world.intents() == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
@pytest.mark.parametrize("product", sorted(VERSIONS))
def test_lost_node_fails_no_get_and_comes_back(world: World, product: str, number: signal.Signals) -> None:
    name = f"{product}-1"
    old = world.pid(name)
    with Load(world.front(product), sessions=8, rate=4) as load:
        until(load.enough(40))
        strike(old, number)
        until(lambda: world.pid(name) not in {0, old}, within=HEALS_WITHIN)
        world.settle(within=HEALS_WITHIN)
    assert load.failures() == []
    assert load.samples


def test_lost_companions_come_back(world: World) -> None:
    companions = [
        component for component in world.platform._lab.components if component.kind is ComponentKind.COMPANION
    ]
    old = {component.members[-1].name: world.pid(component.members[-1].name) for component in companions}
    for pid in old.values():
        strike(pid, signal.SIGKILL)
    for name, pid in old.items():
        until(lambda name=name, pid=pid: world.pid(name) not in {0, pid}, within=HEALS_WITHIN)  # type: ignore[misc]
    world.settle(within=HEALS_WITHIN)


def test_lost_database_takes_no_product_down(world: World) -> None:
    nodes = {
        f"{product}-{ordinal}": world.pid(f"{product}-{ordinal}")
        for product in VERSIONS
        for ordinal in (0, 1)
    }
    old = world.pid("database-0")
    with ExitStack() as loads:
        for product in VERSIONS:
            loads.enter_context(Load(world.front(product), sessions=2, rate=2))
        strike(old, signal.SIGKILL)
        until(lambda: world.pid("database-0") not in {0, old})
        world.settle(within=HEALS_WITHIN)
    assert {name: world.pid(name) for name in nodes} == nodes

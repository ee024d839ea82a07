"""Nodes of real processes get the index of one another, on their own or because somebody asks."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from telamon.model.operation import Operation
from telamon.model.stack import Stack
from telamon.operator.operations import Wish
from telamon.platforms import procfs
from telamon.state.classify import Condition
from tests.lab.load import Load
from tests.lab.support import strike, until
from tests.lab.world import World, kept

pytestmark = pytest.mark.timeout(400)

VERSIONS = {"jira": "11.3.1", "confluence": "10.2.7"}
INDEXES = {"jira": "caches/indexesV1", "confluence": "index"}
ENDS_WITHIN = 120.0


@pytest.fixture(scope="module")
def world(module_root: Path) -> Iterator[World]:
    """Two products whose nodes keep an index."""
    products = {name: {"version": version, "nodes": 2} for name, version in VERSIONS.items()}
    stack = Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": "acme"},
            "spec": {"domain": "acme.example", "products": products},
        }
    )
    with kept(module_root, stack) as made:
        yield made


def home(world: World, member: str) -> Path:
    """A member's own folder."""
    return world.root / "homes" / member


def ended(world: World, name: str) -> bool:
    """Whether an operation has come to its end."""
    return world.host.operations.get(name).status.phase not in {"Pending", "Running"}


def sync(world: World, product: str, **params: str) -> Operation:
    """Give the second node the index of the first one, and see that to its end."""
    made = world.host.operate(
        Wish("index-sync", product, f"{product}-1", {"source": f"{product}-0", **params})
    )
    until(lambda: ended(world, made.metadata.name), within=ENDS_WITHIN)
    return world.host.operations.get(made.metadata.name)


def leftovers(world: World, product: str) -> list[Path]:
    """What a copy has left behind beside the indexes of a product's nodes."""
    return [
        path
        for ordinal in (0, 1)
        for folder in home(world, f"{product}-{ordinal}").rglob(".*.telamon-*")
        for path in folder.iterdir()
    ]


@pytest.mark.parametrize("strategy", ["copy", "snapshot"])
@pytest.mark.parametrize("product", sorted(VERSIONS))
def test_a_node_gets_an_index_while_users_are_served(world: World, product: str, strategy: str) -> None:
    old = world.pid(f"{product}-1")
    with Load(world.front(product), sessions=4, rate=4) as load:
        until(load.enough(10))
        done = sync(world, product, strategy=strategy)
        until(load.enough(10))
    assert done.status.phase == "Succeeded", done.status.message
    assert load.failures() == []
    assert world.pid(f"{product}-1") not in {0, old}
    assert world.condition(product, f"{product}-1") is Condition.SERVING
    assert leftovers(world, product) == []
    world.settle()


# The one that tells how its index is; the other has but a search, and an empty wiki is found empty on any index.
@pytest.mark.parametrize("product", ["jira"])
def test_a_node_whose_index_is_damaged_gets_another_one_by_itself(world: World, product: str) -> None:
    before = {operation.metadata.name for operation in world.host.operations.all()}
    for path in (home(world, f"{product}-1") / INDEXES[product]).rglob("*"):
        if path.suffix in {".store", ".term", ".idx", ".fast"}:
            path.write_bytes(bytes(path.stat().st_size))

    def healed() -> bool:
        made = [one for one in world.host.operations.all() if one.metadata.name not in before]
        return bool(made) and made[0].status.phase == "Succeeded"

    until(healed, within=ENDS_WITHIN)
    world.settle()
    assert world.condition(product, f"{product}-1") is Condition.SERVING


def test_a_copy_whose_process_is_killed_goes_on(world: World) -> None:
    made = world.host.operate(Wish("index-sync", "jira", "jira-1", {"source": "jira-0", "strategy": "copy"}))
    killed = 0
    while not ended(world, made.metadata.name):
        for pid in workers(world):
            if killed < 3:
                # One that has just come to its end is nobody's to kill.
                with suppress(ProcessLookupError):
                    strike(pid, signal.SIGKILL)
                    killed += 1
        until(lambda: ended(world, made.metadata.name) or bool(workers(world)), within=ENDS_WITHIN)
    done = world.host.operations.get(made.metadata.name)
    assert done.status.phase == "Succeeded", done.status.message
    assert killed > 0
    assert world.condition("jira", "jira-1") is Condition.SERVING
    assert leftovers(world, "jira") == []


def workers(world: World) -> list[int]:
    """Processes that do a work of this lab now."""
    return [
        process.pid
        for name, process in world.platform._processes.seen().items()
        if name.startswith("work-") and process.pid and procfs.stat(process.pid) is not None
    ]

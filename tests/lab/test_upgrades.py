"""Other versions: node by node under load, back by itself where the version is no good, and by planned downtime."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from telamon.model.operation import Operation
from telamon.model.stack import Stack
from tests.lab.load import Load
from tests.lab.support import until
from tests.lab.world import World, kept

pytestmark = [pytest.mark.timeout(1200), pytest.mark.exhaustive]

DEFECTS = "11.3.8:dies,11.3.9:errs,12.0.9:dies,10.2.9:errs,9.4.19:dies"
ENV = {"UNDERSTUDY_START_SECONDS": "1", "UNDERSTUDY_STOP_SECONDS": "1", "UNDERSTUDY_DEFECTS": DEFECTS}
VERSIONS = {"jira": "11.3.1", "confluence": "10.2.7", "bitbucket": "9.4.16"}
NEXT = {"jira": "11.3.2", "confluence": "10.2.8", "bitbucket": "9.4.17"}
BAD = {"jira": ("11.3.8", "11.3.9"), "confluence": ("10.2.9",), "bitbucket": ("9.4.19",)}


def stack_of(**versions: str) -> Stack:
    """All three products, of the versions given."""
    products = {
        name: {"version": versions.get(name, version), "env": ENV, "startTimeout": "60s"}
        for name, version in VERSIONS.items()
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
    with kept(module_root, stack_of()) as made:
        yield made


def ended(world: World, component: str) -> Operation:
    """The last operation of a component, once it has ended."""

    def last() -> Operation:
        return [one for one in world.host.operations.all() if one.spec.target.component == component][-1]

    try:
        until(lambda: last().status.phase not in {"Pending", "Running"}, within=480.0)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{world.told()}") from error
    return last()


def releases(world: World, component: str) -> set[str | None]:
    return {member.release for member in world.view(component).serving()}


def in_force(world: World) -> dict[str, str]:
    """The versions that the stack runs."""
    return {name: next(iter(releases(world, name))) or "" for name in VERSIONS}


@pytest.mark.parametrize("product", VERSIONS)
def test_a_version_that_is_no_good_is_taken_back_and_no_request_fails(world: World, product: str) -> None:
    before = in_force(world)
    for bad in BAD[product]:
        with Load(world.front(product), sessions=8) as load:
            until(load.enough(50))
            world.host.put(stack_of(**{**before, product: bad}), "test")
            operation = ended(world, product)
            assert operation.status.phase == "Failed"
            assert before[product] in operation.status.message
            assert load.failures() == []
        assert releases(world, product) == {before[product]}
        world.host.put(stack_of(**before), "test")
        world.settle(within=120)


@pytest.mark.parametrize("product", VERSIONS)
def test_nodes_change_one_by_one_and_no_request_fails(world: World, product: str) -> None:
    with Load(world.front(product), sessions=8) as load:
        until(load.enough(50))
        world.host.put(stack_of(**{**in_force(world), product: NEXT[product]}), "test")
        assert ended(world, product).status.phase == "Succeeded"
        assert load.failures() == []
    assert releases(world, product) == {NEXT[product]}
    world.settle(within=120)


def test_a_major_version_that_is_no_good_is_restored_unattended(world: World) -> None:
    before = in_force(world)
    world.host.put(stack_of(**{**before, "jira": "12.0.9"}), "test", downtime=["jira"])
    operation = ended(world, "jira")
    assert (operation.spec.verb, operation.status.phase) == ("major-upgrade", "Failed")
    assert releases(world, "jira") == {before["jira"]}
    assert not world.view("jira").seen.held
    world.host.put(stack_of(**before), "test")
    world.settle(within=120)


def test_a_major_version_comes_by_planned_downtime(world: World) -> None:
    before = in_force(world)
    world.host.put(stack_of(**{**before, "jira": "12.0.1"}), "test", downtime=["jira"])
    assert ended(world, "jira").status.phase == "Succeeded"
    world.settle(within=120)
    assert releases(world, "jira") == {"12.0.1"}

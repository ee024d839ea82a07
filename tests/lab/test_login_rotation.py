"""Another log-in to the database, twice in a row and under load: no request fails, and the old role gets in no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from telamon.model.operation import Operation
from telamon.model.stack import Stack
from telamon.operator.operations import Wish
from telamon.platforms.lab import postgres
from tests.lab.backups import needs_restic
from tests.lab.load import Load
from tests.lab.support import until
from tests.lab.world import World, kept

pytestmark = [pytest.mark.timeout(600), pytest.mark.exhaustive]

ENV = {"UNDERSTUDY_START_SECONDS": "1", "UNDERSTUDY_STOP_SECONDS": "1"}
VERSIONS = {"jira": "11.3.1", "confluence": "10.2.7", "bitbucket": "9.4.16"}
COMPANIONS = {"confluence": {"synchrony": {"nodes": 2}}}
VERB = "rotate-database-password"
FILES = {"jira": "dbconfig.xml", "confluence": "confluence.cfg.xml"}
SPEC = {
    "domain": "acme.example",
    "products": {
        name: {"version": version, "env": ENV, "startTimeout": "60s", "companions": COMPANIONS.get(name, {})}
        for name, version in VERSIONS.items()
    },
}


@pytest.fixture(scope="module")
def world(module_root: Path) -> Iterator[World]:
    document = {
        "apiVersion": "telamon.dev/v1alpha1",
        "kind": "Stack",
        "metadata": {"name": "acme"},
        "spec": SPEC,
    }
    with kept(module_root, Stack.model_validate(document)) as made:
        yield made


def rotated(world: World, product: str, *, within: float = 240.0) -> Operation:
    """Ask for another log-in, and wait for the end."""
    made = until(lambda: _asked(world, product), within=60.0)

    def found() -> Operation:
        return world.host.operations.get(made.metadata.name)

    until(lambda: found().status.phase not in {"Pending", "Running"}, within=within)
    return found()


def _asked(world: World, product: str) -> Operation:
    return world.host.operate(Wish(VERB, product, "", {}))


def gets_in(world: World, product: str, role: str, password: str) -> bool | None:
    """Whether a role gets into a product's database."""
    database = world.platform._part(product).database
    assert database is not None
    return postgres.takes(replace(database, user=role), password)


def passwords(world: World, product: str) -> dict[str, str]:
    """The passwords that are kept, by the key of their role."""
    name = f"acme-{product}-database"
    keys = dict(world.platform.secrets.names()).get(name, ())
    return {key: world.platform.secrets.get(name, key) for key in keys}


@pytest.mark.parametrize("product", VERSIONS)
def test_two_roles_take_turns_and_no_request_fails(world: World, product: str) -> None:
    first = passwords(world, product)["password"]
    for old, new in ((product, f"_{product}_a"), (f"_{product}_a", f"_{product}_b")):
        before = passwords(world, product)
        with Load(world.front(product), sessions=8) as load:
            until(load.enough(50))
            operation = rotated(world, product)
            assert operation.status.phase == "Succeeded", operation.status.message
            until(load.enough(50))
            assert load.failures() == []
        after = passwords(world, product)
        assert gets_in(world, product, new, after[new]) is True
        assert gets_in(world, product, old, before["password" if old == product else old]) is False
        world.settle(within=120)
        in_files(world, product, new)
    assert gets_in(world, product, product, first) is False


def in_files(world: World, product: str, role: str) -> None:
    """The nodes' own files name the role that they log in as."""
    if product not in FILES:
        return
    for number in range(2):
        text = (world.root / "homes" / f"{product}-{number}" / FILES[product]).read_text(encoding="utf-8")
        assert f">{role}<" in text
        assert f">{passwords(world, product)[role]}<" in text


@needs_restic
def test_another_controller_and_another_backup_go_on_with_it(world: World) -> None:
    login = world.view("jira").desired.login
    assert login == "_jira_b"
    world.restart_host()
    assert world.view("jira").desired.login == login
    made = world.host.operate(Wish("backup", "jira", "", {}))
    until(
        lambda: world.host.operations.get(made.metadata.name).status.phase == "Succeeded",
        within=120.0,
    )
    restored = world.host.operate(Wish("restore", "jira", "", {"from": latest(world)}))
    until(
        lambda: world.host.operations.get(restored.metadata.name).status.phase not in {"Pending", "Running"},
        within=240.0,
    )
    found = world.host.operations.get(restored.metadata.name)
    assert found.status.phase == "Succeeded", found.status.message
    world.settle(within=120)


def latest(world: World) -> str:
    """The newest backup, as the operation that took it tells."""
    taken = [one for one in world.host.operations.all() if one.spec.verb == "backup"][-1]
    return taken.status.message.partition(" ")[0]


def test_standby_takes_over_with_the_roles_of_the_primary(world: World) -> None:
    if len(world.view("database").desired.members) < 2:
        pytest.skip("this stack has one database server")
    made = world.host.operate(Wish("switchover", "database", "", {}))
    until(
        lambda: world.host.operations.get(made.metadata.name).status.phase == "Succeeded",
        within=120.0,
    )
    world.settle(within=120)
    assert gets_in(world, "jira", "_jira_b", passwords(world, "jira")["_jira_b"]) is True
    assert gets_in(world, "jira", "jira", passwords(world, "jira")["password"]) is False

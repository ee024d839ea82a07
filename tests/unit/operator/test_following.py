"""A host whose stack others write: what is written there stays there, and agrees once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from telamon.desired.component import ComponentDesired, Saving
from telamon.desired.in_force import InForce
from telamon.model.stack import Stack
from telamon.operator.following import FollowingHost
from telamon.operator.schedule import Schedule
from telamon.platforms.memory.parts import Behaviour
from telamon.ports import Stored
from tests.support.hosting import Components, Rig, eventually, is_ready, stack


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A host that ends with the test."""
    made = Rig.fresh()
    host = FollowingHost(made.store, made.journal, made.platform, made.clock, Components(), poll=0.01)
    made.host = host
    yield made
    host.end()


def write(rig: Rig, version: str, **downtime: str) -> None:
    """Write the stack as people do, and have the host look at it."""
    spec: dict[str, Any] = {
        "stack": stack(version=version).model_dump(mode="json", exclude={"status"}),
        "source": "cluster",
        "running": True,
        "downtime": downtime,
    }
    found = rig.host.stored() or Stored("Stack", "acme", 0, 0)
    rig.store.put(replace(found, spec=spec))
    assert isinstance(rig.host, FollowingHost)
    rig.host.follow()


def verbs(rig: Rig) -> list[tuple[str, str]]:
    """Upgrades, and how each stands."""
    found = [(each.spec.verb, each.status.phase) for each in rig.host.operations.all()]
    return [each for each in found if "upgrade" in each[0]]


def held(rig: Rig) -> bool:
    """Whether a release is held because its upgrade failed."""
    lane = rig.host._lanes.get("jira")
    return lane is not None and lane.executor.memory.held is not None and lane.operation is None


def test_other_words_try_again_what_failed_and_the_same_do_not(rig: Rig, client: httpx.Client) -> None:
    write(rig, "11.3.1")
    eventually(lambda: is_ready(client), "up")
    rig.platform.behave("jira", Behaviour(dead_releases=frozenset({"11.3.2"})))
    write(rig, "11.3.2", jira="")
    eventually(lambda: held(rig), "held")
    assert len(verbs(rig)) == 1
    rig.platform.behave("jira", Behaviour())
    # Something else of the Stack is written, and the annotation is as it was.
    write(rig, "11.3.2", jira="", helper="")
    assert held(rig)
    assert len(verbs(rig)) == 1
    write(rig, "11.3.2", jira="again")
    eventually(lambda: [phase for _, phase in verbs(rig)][1:] == ["Succeeded"], "tried again")
    assert not held(rig)


def test_words_that_were_taken_away_agree_anew(rig: Rig, client: httpx.Client) -> None:
    write(rig, "11.3.1")
    eventually(lambda: is_ready(client), "up")
    rig.platform.behave("jira", Behaviour(dead_releases=frozenset({"11.3.2"})))
    write(rig, "11.3.2", jira="")
    eventually(lambda: held(rig), "held")
    rig.platform.behave("jira", Behaviour())
    write(rig, "11.3.2")
    assert held(rig)
    write(rig, "11.3.2", jira="")
    eventually(lambda: [phase for _, phase in verbs(rig)][1:] == ["Succeeded"], "tried again")


def ask_again(rig: Rig, name: str) -> tuple[str, str]:
    """Write into the store that what failed be tried again. Returns how that ended, and what it says."""
    target = {"stack": "acme", "component": "jira"}
    rig.store.put(Stored("Operation", name, 0, 0, {"verb": "retry", "target": target, "generation": 1}))
    assert isinstance(rig.host, FollowingHost)
    rig.host.take_in({})
    status = rig.host.operations.get(name).status
    return status.phase, status.message


def test_who_asks_for_another_try_gets_it_though_nobody_changed_the_stack(
    rig: Rig, client: httpx.Client
) -> None:
    write(rig, "11.3.1")
    eventually(lambda: is_ready(client), "up")
    rig.platform.behave("jira", Behaviour(dead_releases=frozenset({"11.3.2"})))
    write(rig, "11.3.2")
    eventually(lambda: held(rig), "held")
    rig.platform.behave("jira", Behaviour())
    assert ask_again(rig, "retry-jira-1")[0] == "Succeeded"
    eventually(lambda: [phase for _, phase in verbs(rig)][1:] == ["Succeeded"], "tried again")
    assert not held(rig)


def test_another_try_waits_for_no_operation(rig: Rig, client: httpx.Client) -> None:
    write(rig, "11.3.1")
    eventually(lambda: is_ready(client), "up")
    write(rig, "11.3.2")
    seen: list[tuple[str, bool]] = []

    def ask() -> None:
        executor = rig.host._lanes["jira"].executor
        before = executor.memory.retry
        phase, _ = ask_again(rig, "retry-jira-1")
        seen.append((phase, executor.memory.retry > before))

    rig.meanwhile("11.3.2", ask)
    assert seen == [("Succeeded", True)]
    eventually(lambda: [phase for _, phase in verbs(rig)] == ["Succeeded"], "upgraded")


@dataclass
class Saved(Components):
    """Components whose backups have a place, or none."""

    possible: bool = True

    def components(self, stack: Stack, in_force: InForce) -> Sequence[ComponentDesired]:
        """The same as ever, and where the data of the product go."""
        saving = Saving(asked=False, possible=self.possible, recent=3_600.0)
        found = super().components(stack, in_force)
        return [replace(each, saving=saving) if each.name == "jira" else each for each in found]


@pytest.mark.parametrize(("possible", "asked"), [(True, ["backup"]), (False, [])])
def test_backups_of_what_others_write_come_round_where_they_have_a_place(
    possible: bool, asked: list[str]
) -> None:
    made = Rig.fresh()
    compiler = Saved(possible=possible)
    host = FollowingHost(made.store, made.journal, made.platform, made.clock, compiler, poll=0.01)
    made.host = host
    try:
        write(made, "11.3.1")
        with made.client() as client:
            eventually(lambda: is_ready(client), "up")
        schedule = Schedule(host)
        assert schedule.keep() == ()
        made.clock.skip(2 * 86_400.0)
        assert schedule.keep() == (("jira",) if possible else ())
        assert [each.spec.verb for each in host.operations.all()] == asked
    finally:
        host.end()

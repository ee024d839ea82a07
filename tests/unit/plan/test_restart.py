"""Restarting on the memory platform: every member once, whatever the clock says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telamon.plan.operation import Running
from telamon.plan.operations.registry import refusals
from telamon.plan.step import Drain, StartMember, StopMember
from telamon.plan.view import QUARANTINED
from telamon.platforms.memory.parts import Fault
from tests.support.stacks import World, database, product, world


def running_world(*, nodes: int = 3) -> World:
    """A product that runs."""
    made = world(database(), product(nodes))
    made.run()
    made.steps.clear()
    return made


def stopped(made: World) -> list[str]:
    """Who was stopped, in order."""
    return [step.member for step in made.steps if isinstance(step, StopMember)]


def started(made: World) -> list[str]:
    """Who was started, in order."""
    return [step.member for step in made.steps if isinstance(step, StartMember)]


def drains(made: World) -> int:
    """How often a member was taken out of rotation."""
    return sum(1 for step in made.steps if isinstance(step, Drain))


@pytest.mark.parametrize("wrong_by", [-1e6, 0.0, 1e6])
def test_every_member_is_restarted_once_whatever_the_clock_said_when_it_began(wrong_by: float) -> None:
    made = running_world()
    running = made.operate("tracker", "restart")
    made.operations["tracker"] = replace(running, since=running.since + wrong_by)
    made.run()
    assert sorted(stopped(made)) == sorted(started(made)) == ["tracker-0", "tracker-1", "tracker-2"]
    assert made.endings["restart-tracker-1"].ending == "Succeeded"


def test_one_member_alone_is_restarted_where_it_is_named() -> None:
    made = running_world()
    made.operate("tracker", "restart", member="tracker-1")
    made.run()
    assert stopped(made) == started(made) == ["tracker-1"]


@pytest.mark.parametrize(
    ("verb", "member", "params"),
    [
        ("restart", "", {}),
        ("restart", "tracker-1", {}),
        ("restart", "tracker-0", {}),
        ("upgrade", "", {}),
        ("major-upgrade", "", {}),
        ("rotate-cluster-secret", "", {"downtime": "yes"}),
        ("rotate-database-password", "", {}),
    ],
)
def test_nobody_is_replaced_while_a_member_is_in_quarantine(
    verb: str, member: str, params: dict[str, str]
) -> None:
    made = running_world()
    made.operate("tracker", "quarantine", member="tracker-1")
    made.run()
    made.ask_for_release("tracker", "1.1.0")
    made.tick()
    view = made.outcomes["tracker"].view
    assert view.memory.knows(f"{QUARANTINED}tracker-1")
    found = {one.guard: one for one in refusals(view, Running(verb, verb, member, params, made.clock.now()))}
    assert "telamon release tracker-1" in found["nobody-is-set-aside"].remedy


def test_quarantine_can_be_taken_back_while_evidence_is_gathered() -> None:
    made = running_world()
    made.operate("tracker", "quarantine", member="tracker-1")
    made.run_until(lambda: made.outcomes["tracker"].view.memory.knows(f"{QUARANTINED}tracker-1"))
    made.cancel("tracker")
    made.run()
    assert made.endings["quarantine-tracker-1"].ending == "Cancelled"
    assert made.serving("tracker") == 3
    assert not stopped(made)


def guards(made: World, component: str, verb: str, member: str = "", **params: str) -> dict[str, str]:
    """The guards that refuse an operation, and their remedies."""
    running = Running(verb, verb, member, params, made.clock.now())
    return {one.guard: one.remedy for one in refusals(made.view(component), running)}


@pytest.mark.parametrize(
    ("component", "member"), [("tracker", ""), ("tracker", "tracker-0"), ("database", "")]
)
def test_the_only_member_is_not_restarted_unless_users_can_do_without_it(component: str, member: str) -> None:
    made = running_world(nodes=1)
    assert "--downtime" in guards(made, component, "restart", member)["two-nodes-at-least"]
    assert guards(made, component, "restart", member, downtime="yes") == {}


def test_where_somebody_agreed_to_it_the_only_member_is_restarted() -> None:
    made = running_world(nodes=1)
    made.operate("tracker", "restart", downtime="yes")
    made.run_until(lambda: bool(started(made)) or drains(made) > 1)
    made.run()
    assert drains(made) == 1
    assert stopped(made) == started(made) == ["tracker-0"]
    assert made.endings["restart-tracker-1"].ending == "Succeeded"


def test_behind_the_maintenance_page_the_only_member_is_restarted_and_the_page_stays() -> None:
    made = running_world(nodes=1)
    made.operate("tracker", "maintenance-on")
    made.run()
    made.operate("tracker", "restart", downtime="yes")
    made.run_until(lambda: bool(started(made)) or drains(made) > 1)
    made.run()
    assert stopped(made) == started(made) == ["tracker-0"]
    assert made.view("tracker").seen.held


def test_the_only_member_goes_down_once_for_changed_settings() -> None:
    made = running_world(nodes=1)
    changed = product(1, revision="r2")
    made.desire(*(changed if name == "tracker" else found for name, found in made.desired.items()))
    made.run_until(lambda: bool(started(made)) or drains(made) > 1)
    made.run()
    assert stopped(made) == started(made) == ["tracker-0"]
    assert drains(made) == 1
    assert made.serving("tracker") == 1


@pytest.mark.parametrize("member", ["", "tracker-1"])
def test_where_others_serve_nobody_has_to_agree_to_a_restart(member: str) -> None:
    assert guards(running_world(nodes=2), "tracker", "restart", member) == {}


def test_the_only_member_may_be_restarted_where_it_serves_nobody_anyhow() -> None:
    made = running_world(nodes=1)
    assert made.platform.strike("tracker", "tracker-0", fault=Fault.HANG)
    made.run_until(lambda: not made.view("tracker").serving())
    assert "two-nodes-at-least" not in guards(made, "tracker", "restart", "tracker-0")


def test_the_only_node_is_not_upgraded_as_if_others_served_meanwhile() -> None:
    for nodes, refused in ((1, True), (2, False)):
        made = running_world(nodes=nodes)
        made.ask_for_release("tracker", "1.1.0")
        made.tick()
        found = guards(made, "tracker", "upgrade", to="1.1.0")
        assert ("two-nodes-at-least" in found) is refused

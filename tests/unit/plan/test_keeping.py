"""Quarantine, pause, the maintenance page and the registry, on the memory platform in simulated time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telamon.desired.component import ComponentDesired
from telamon.plan.operation import Running
from telamon.plan.operations.registry import refusals
from telamon.plan.step import Drain, StopMember
from telamon.plan.view import MAINTENANCE, PAUSED, QUARANTINED
from telamon.platforms.memory.parts import Fault
from telamon.state.world import Life
from tests.support.stacks import World, database, edge, members, product, without_members, world


def tracker(count: int = 2, **changes: object) -> ComponentDesired:
    return replace(product(count), forgets=True, **changes)  # type: ignore[arg-type]


def running(count: int = 2) -> World:
    """A product of some nodes that all serve."""
    made = world(database(), edge(), tracker(count))
    made.run()
    made.steps.clear()
    return made


def refused(made: World, verb: str, member: str = "", **params: str) -> list[str]:
    """Guards that refuse an operation now."""
    view = replace(made.outcomes["tracker"].view, operation=made.operations.get("tracker"))
    asked = Running(verb, verb, member, params, made.clock.now())
    return [refusal.guard for refusal in refusals(view, asked)]


def ended(made: World, verb: str) -> str:
    return made.endings[f"{verb}-tracker-1"].ending


def life(made: World, member: str) -> Life | None:
    found = made.outcomes["tracker"].view.seen.member(member)
    return None if found is None else found.life


def serving(made: World) -> set[str]:
    return {member.name for member in made.outcomes["tracker"].view.serving()}


def held(made: World) -> bool:
    return made.outcomes["tracker"].view.seen.held


def knows(made: World, fact: str) -> bool:
    return made.executors["tracker"].memory.knows(fact)


# ------------------------------------------------------------------------------------------------------ quarantine


def test_a_quarantined_member_gets_no_requests_and_is_left_as_it_is() -> None:
    made = running()
    made.operate("tracker", "quarantine", member="tracker-1")
    made.run()
    assert ended(made, "quarantine") == "Succeeded"
    assert serving(made) == {"tracker-0"}
    assert not [step for step in made.steps if isinstance(step, StopMember)]
    made.platform.strike("tracker", "tracker-1", fault=Fault.HANG)
    for _ in range(200):
        made.tick()
    assert not [step for step in made.steps if isinstance(step, StopMember)]
    assert life(made, "tracker-1") is Life.ALIVE
    assert made.settled()


def test_a_released_member_is_healed_and_serves_again() -> None:
    made = running()
    made.operate("tracker", "quarantine", member="tracker-1")
    made.run()
    made.platform.strike("tracker", "tracker-1", fault=Fault.CRASH)
    made.run()
    made.operate("tracker", "release", member="tracker-1")
    made.run()
    assert ended(made, "release") == "Succeeded"
    assert serving(made) == {"tracker-0", "tracker-1"}
    assert not knows(made, f"{QUARANTINED}tracker-1")


def test_the_last_serving_member_stays() -> None:
    made = running()
    made.operate("tracker", "quarantine", member="tracker-1")
    made.run()
    assert refused(made, "quarantine", "tracker-0") == ["somebody-else-serves"]
    assert refused(made, "quarantine", "tracker-1") == ["not-aside-yet"]
    assert refused(made, "quarantine") == ["member-is-named"]
    assert refused(made, "quarantine", "tracker-7")[0] == "member-is-known"
    assert refused(made, "release", "tracker-0") == ["is-aside"]


def test_the_last_other_member_that_dies_meanwhile_is_waited_for() -> None:
    made = running()
    made.operate("tracker", "quarantine", member="tracker-1")
    made.platform.strike("tracker", "tracker-0", fault=Fault.CRASH)
    made.run()
    drained = [step for step in made.steps if isinstance(step, Drain) and step.member == "tracker-1"]
    assert drained
    assert serving(made) == {"tracker-0"}


def test_a_replacement_serves_before_the_member_leaves_and_goes_once_it_is_back() -> None:
    made = running()
    made.operate("tracker", "quarantine", member="tracker-1", replace="yes")
    fewest = 2
    end = made.clock.now() + 1_000
    while made.operations:
        made.tick()
        fewest = min(fewest, made.serving("tracker"))
        assert made.clock.now() < end
    assert (ended(made, "quarantine"), fewest) == ("Succeeded", 2)
    assert serving(made) == {"tracker-0", "tracker-2"}
    made.operate("tracker", "release", member="tracker-1")
    made.run()
    assert serving(made) == {"tracker-0", "tracker-1"}
    assert life(made, "tracker-2") in {None, Life.ABSENT}


def test_a_cancelled_quarantine_takes_its_replacement_back() -> None:
    made = running()
    made.operate("tracker", "quarantine", member="tracker-1", replace="yes")
    for _ in range(3):
        made.tick()
    made.cancel("tracker")
    made.run()
    assert ended(made, "quarantine") == "Cancelled"
    assert serving(made) == {"tracker-0", "tracker-1"}


def test_no_replacement_where_there_is_no_room() -> None:
    made = world(database(), edge(), tracker(2, most_members=2))
    made.run()
    assert refused(made, "quarantine", "tracker-1", replace="yes") == ["room-for-another"]
    assert refused(made, "quarantine", "tracker-1") == []


# ------------------------------------------------------------------------------------------------- pause, maintenance


def test_a_paused_component_is_left_alone_until_it_is_resumed() -> None:
    made = running()
    assert refused(made, "resume") == ["is-paused"]
    made.operate("tracker", "pause")
    made.run_until(lambda: not made.operations)
    assert refused(made, "pause") == ["not-paused-yet"]
    made.steps.clear()
    made.platform.strike("tracker", "tracker-1", fault=Fault.CRASH)
    for _ in range(100):
        made.tick()
    assert made.steps == []
    made.operate("tracker", "resume")
    made.run()
    assert not knows(made, PAUSED)
    assert serving(made) == {"tracker-0", "tracker-1"}


def test_a_paused_component_takes_in_nothing_that_would_stand_in_the_way_of_its_resumption() -> None:
    made = running()
    made.operate("tracker", "pause")
    made.run()
    assert refused(made, "restart") == ["changes-are-paused"]
    assert refused(made, "resume") == []


@pytest.mark.parametrize("by_file", [True, False])
def test_a_paused_component_can_be_taken_down(by_file: bool) -> None:
    made = running()
    if by_file:
        made.desired["tracker"] = replace(made.desired["tracker"], paused=True)
    else:
        made.operate("tracker", "pause")
        made.run_until(lambda: not made.operations)
    made.desired = {name: without_members(component) for name, component in made.desired.items()}
    made.run()
    assert life(made, "tracker-0") in {None, Life.ABSENT}


def test_what_the_file_pauses_is_not_resumed_by_hand() -> None:
    made = running()
    made.desired["tracker"] = replace(made.desired["tracker"], paused=True)
    made.tick()
    assert refused(made, "resume") == ["paused-by-hand"]


def test_the_maintenance_page_stays_until_it_is_taken_away() -> None:
    made = running()
    assert refused(made, "maintenance-off") == ["is-on"]
    made.operate("tracker", "maintenance-on")
    made.run()
    assert held(made)
    assert refused(made, "maintenance-on") == ["not-on-yet"]
    made.platform.hold("tracker", held=False)
    made.run()
    assert held(made)
    made.operate("tracker", "maintenance-off")
    made.run()
    assert not held(made)
    assert not knows(made, MAINTENANCE)


def test_where_the_front_door_has_no_page_nothing_begins_that_needs_it() -> None:
    made = running()
    made.desired["tracker"] = replace(
        made.desired["tracker"], no_page="it cannot", cluster_secret=True, database=True
    )
    made.tick()
    assert refused(made, "maintenance-on") == ["users-can-be-told"]
    assert refused(made, "rotate-cluster-secret", downtime="yes") == ["users-can-be-told"]
    assert "users-can-be-told" in refused(made, "major-upgrade")
    assert "users-can-be-told" in refused(made, "restore")


def test_a_page_that_nobody_wants_any_more_goes() -> None:
    made = running()
    made.platform.hold("tracker", held=True)
    made.run()
    assert not held(made)


# ---------------------------------------------------------------------------------------------------------- registry


def scaled(made: World, count: int) -> None:
    made.desired["tracker"] = replace(made.desired["tracker"], members=members("tracker", count))
    made.run()


def test_a_node_that_leaves_is_taken_out_of_the_registry() -> None:
    made = running(3)
    scaled(made, 2)
    assert set(made.outcomes["tracker"].view.seen.registered) == {"tracker-0", "tracker-1"}
    assert made.calls("forget-node") == 1
    assert made.serving("tracker") == 2


def test_a_node_that_comes_back_is_prepared_for_again() -> None:
    made = running(3)
    before = made.calls("prepare-join")
    scaled(made, 2)
    made.clock.sleep(3_600)
    scaled(made, 3)
    assert made.calls("prepare-join") == before + 1
    assert made.serving("tracker") == 3
    scaled(made, 2)
    assert made.calls("forget-node") == 2


def test_a_stack_that_goes_down_forgets_no_node() -> None:
    made = running(2)
    made.desired = {name: without_members(component) for name, component in made.desired.items()}
    made.run()
    assert made.calls("forget-node") == 0
    assert knows(made, "joined:tracker-1")


def test_a_restarted_controller_goes_on_with_a_quarantine() -> None:
    made = running()
    made.operate("tracker", "quarantine", member="tracker-1")
    while made.operations:
        made.tick()
        made.restart_controller()
    made.run()
    assert serving(made) == {"tracker-0"}
    assert ended(made, "quarantine") == "Succeeded"

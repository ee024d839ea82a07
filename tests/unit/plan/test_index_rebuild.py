"""A product makes its index anew on the memory platform: users are served meanwhile, and it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telamon.plan.operation import Running
from telamon.plan.operations.registry import PLANNERS, refusals
from telamon.plan.step import Admit, Call, Drain, StartMember, Step, StopMember
from telamon.platforms.memory.parts import Behaviour, Fault
from telamon.products.indexing import RebuildWay
from telamon.state.phase import Phase
from telamon.state.world import JobPhase, JobState
from tests.support.stacks import World, database, edge, product, world

NAME = "index-rebuild-tracker-1"


def running_world(way: RebuildWay | None = RebuildWay.ASIDE, *, nodes: int = 2) -> World:
    """A small stack that runs."""
    made = world(database(), edge(), replace(product(nodes), rebuild=way))
    made.run()
    made.steps.clear()
    return made


def rebuild(made: World, member: str = "") -> None:
    """Ask for a rebuild."""
    made.operate("tracker", "index-rebuild", member=member)


def guards(made: World, member: str = "") -> list[str]:
    """Names of the guards that refuse it."""
    asked = Running("index-rebuild", "index-rebuild", member, {}, made.clock.now())
    return [refusal.guard for refusal in refusals(made.outcomes["tracker"].view, asked)]


def kinds(made: World) -> list[str]:
    """What was done, in order, and to whom."""
    return [found for step in made.steps if (found := _kind(step))]


def _kind(step: Step) -> str:
    match step:
        case Drain(member=member):
            return f"drain {member}"
        case Admit(member=member):
            return f"admit {member}"
        case Call(call=call, member=member):
            return f"{call} {member}"
        case _:
            return ""


def test_a_node_that_makes_the_index_serves_nobody_meanwhile_and_everybody_after() -> None:
    made = running_world()
    assert guards(made) == []
    rebuild(made)
    made.run()
    assert kinds(made) == [
        "drain tracker-1",
        "rebuild-index tracker-1",
        "await-index tracker-1",
        "admit tracker-1",
    ]
    assert made.endings[NAME].ending == "Succeeded"
    assert made.serving("tracker") == 2
    assert not [fact for fact in made.executors["tracker"].memory.facts if fact.startswith("index-rebuild")]


@pytest.mark.parametrize("way", [RebuildWay.SERVING, RebuildWay.COMPANION])
def test_a_node_that_serves_meanwhile_is_left_in_rotation(way: RebuildWay) -> None:
    made = running_world(way, nodes=1)
    assert guards(made) == []
    rebuild(made)
    made.run()
    assert kinds(made) == ["rebuild-index tracker-0", "await-index tracker-0"]
    assert made.endings[NAME].ending == "Succeeded"


def test_the_node_that_is_named_makes_it() -> None:
    made = running_world()
    rebuild(made, "tracker-0")
    made.run()
    assert kinds(made)[0] == "drain tracker-0"


def test_what_the_product_calls_wrong_fails_and_the_node_serves_again() -> None:
    made = running_world()
    component = made.platform._components["tracker"]
    component.behaviour = replace(component.behaviour, wrong_calls=frozenset({"await-index"}))
    rebuild(made)
    made.run()
    assert made.endings[NAME].ending == "Failed"
    assert made.serving("tracker") == 2


def test_cancelled_it_lets_the_node_serve_again_and_says_that_the_product_goes_on() -> None:
    made = running_world()
    rebuild(made)
    made.run_until(lambda: "rebuild-index tracker-1" in kinds(made))
    made.cancel("tracker")
    made.run()
    assert made.endings[NAME].ending == "Cancelled"
    assert "brings to its end" in made.endings[NAME].message
    assert made.serving("tracker") == 2


def test_a_node_that_dies_meanwhile_is_started_again_and_the_operation_ends() -> None:
    made = running_world()
    rebuild(made)
    made.run_until(lambda: "rebuild-index tracker-1" in kinds(made))
    made.platform.strike("tracker", "tracker-1", fault=Fault.CRASH)
    made.run()
    assert made.endings[NAME].ending == "Succeeded"
    assert made.serving("tracker") == 2


def test_where_nobody_would_be_left_to_serve_it_is_refused() -> None:
    assert guards(running_world(nodes=1)) == ["enough-go-on-serving"]


def test_what_keeps_no_index_and_who_does_not_serve_is_refused() -> None:
    assert guards(running_world(None)) == ["it-can-be-rebuilt"]
    made = running_world(nodes=3)
    made.platform.strike("tracker", "tracker-2", fault=Fault.HANG)
    made.run_until(lambda: made.serving("tracker") == 2)
    assert guards(made, "tracker-2") == ["a-node-serves"]


def test_a_node_that_reports_an_error_while_it_makes_its_index_is_left_to_it() -> None:
    made = running_world()
    made.platform.behave("tracker", Behaviour(call=60.0))
    rebuild(made)
    made.run_until(lambda: "rebuild-index tracker-1" in kinds(made))
    assert made.platform.strike("tracker", "tracker-1", fault=Fault.ERROR)
    made.run_until(lambda: "await-index tracker-1" in kinds(made))
    for _ in range(20):
        made.tick()
    assert not [step for step in made.steps if isinstance(step, StopMember | StartMember)]
    assert "tracker-1" not in made.serving_members("tracker")
    made.platform.soothe("tracker", "tracker-1", fault=Fault.ERROR)
    made.run()
    assert made.endings[NAME].ending == "Succeeded"
    assert not [step for step in made.steps if isinstance(step, StopMember | StartMember)]
    assert len(made.serving_members("tracker")) == 2


def test_a_node_that_reports_an_error_after_it_has_made_its_index_is_healed() -> None:
    made = running_world()
    rebuild(made)
    made.run_until(lambda: "rebuild-index tracker-1" in kinds(made))
    assert made.platform.strike("tracker", "tracker-1", fault=Fault.ERROR)
    made.run()
    assert made.endings[NAME].ending == "Succeeded"
    assert [step.member for step in made.steps if isinstance(step, StopMember)] == ["tracker-1"]


def test_a_node_that_reports_an_error_and_answers_no_look_is_healed() -> None:
    made = running_world()
    rebuild(made)
    made.run_until(lambda: "await-index tracker-1" in kinds(made))
    view = made.view("tracker")
    job = JobState("await-index/" + NAME, JobPhase.FAILED, ended=view.now, detail="no answer")
    hurt = view.seen.members[1].with_(phase=Phase.ERROR)
    seen = replace(view.seen.with_member(hurt), jobs={**view.seen.jobs, job.name: job})
    asked = replace(view.with_seen(seen), operation=made.operations["tracker"])
    assert PLANNERS["index-rebuild"].adapt(asked, made.operations["tracker"]).seen == seen

"""Rolling upgrades on the memory platform: nodes change one by one, and a bad release goes back by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telamon.plan.decide import next_step
from telamon.plan.operation import Running
from telamon.plan.operations.registry import PLANNERS, refusals
from telamon.plan.step import Call, Drain, Finished, Record, StartMember, Wait
from telamon.platforms.memory.parts import Behaviour, Fault
from telamon.products.release import Way
from telamon.state.world import JobPhase, JobState, UpgradePhase
from tests.support.replay import after
from tests.support.stacks import World, world

OLD, NEW = "1.0.0", "1.1.0"


def running_world(behaviour: Behaviour | None = None) -> World:
    """A whole small stack that runs, and then behaves as told."""
    made = world()
    made.run()
    if behaviour is not None:
        made.platform.behave("tracker", behaviour)
    made.steps.clear()
    return made


def releases(made: World) -> list[str | None]:
    """What the members run."""
    return [member.release for member in made.outcomes["tracker"].view.seen.members]


def asked() -> World:
    """A stack that runs, and is asked for the new release."""
    made = running_world()
    made.ask_for_release("tracker", NEW)
    made.operate("tracker", "upgrade", to=NEW)
    return made


def upgrade(made: World) -> None:
    """Ask for the new release and see the operation to its end."""
    made.ask_for_release("tracker", NEW)
    made.operate("tracker", "upgrade", to=NEW)
    made.run()


def test_every_node_changes_and_one_always_serves() -> None:
    made = asked()
    while made.operations:
        made.tick()
        assert made.serving("tracker") >= 1
    made.run()
    assert releases(made) == [NEW, NEW]
    assert made.executors["tracker"].memory.release == NEW
    assert made.endings["upgrade-tracker-1"].ending == "Succeeded"
    assert made.platform.upgrade_mode("tracker") is None


def test_an_index_snapshot_that_never_comes_ends_it_before_anything_is_touched() -> None:
    made = running_world(Behaviour(call=100_000.0))
    made.ask_for_release("tracker", NEW)
    made.operate("tracker", "upgrade", to=NEW)
    made.run_until(lambda: made.calls("prepare-join") > 0)
    made.clock.sleep(3_700.0)
    made.run()
    assert made.endings["upgrade-tracker-1"].ending == "Failed"
    assert "snapshot" in made.endings["upgrade-tracker-1"].message
    assert [step for step in made.steps if isinstance(step, Drain)] == []
    assert made.calls("upgrade-start") == 0


def test_upgrade_mode_comes_before_the_first_drain() -> None:
    made = running_world()
    upgrade(made)
    begun = next(
        n for n, step in enumerate(made.steps) if isinstance(step, Call) and step.call == "upgrade-start"
    )
    drained = next(n for n, step in enumerate(made.steps) if isinstance(step, Drain))
    assert begun < drained


@pytest.mark.parametrize(
    "behaviour", [Behaviour(dead_releases=frozenset({NEW})), Behaviour(sick_releases=frozenset({NEW}))]
)
def test_a_bad_release_stops_at_the_first_node_and_goes_back(behaviour: Behaviour) -> None:
    made = running_world(behaviour)
    made.ask_for_release("tracker", NEW)
    made.operate("tracker", "upgrade", to=NEW)
    while made.operations:
        made.tick()
        assert made.serving("tracker") >= 1
    made.run()
    assert releases(made) == [OLD, OLD]
    assert made.endings["upgrade-tracker-1"].ending == "Failed"
    started = {step.member for step in made.steps if isinstance(step, StartMember)}
    assert len(started) == 1
    assert made.executors["tracker"].memory.release == OLD
    assert made.platform.upgrade_mode("tracker") is None


def test_a_bad_release_never_gets_a_request() -> None:
    made = running_world(Behaviour(sick_releases=frozenset({NEW})))
    made.ask_for_release("tracker", NEW)
    made.operate("tracker", "upgrade", to=NEW)
    while made.operations:
        made.tick()
        admitted = [member.release for member in made.outcomes["tracker"].view.serving()]
        assert NEW not in admitted


def test_cancelling_half_way_brings_the_old_release_back() -> None:
    made = asked()
    while NEW not in [member.release for member in made.outcomes["tracker"].view.serving()]:
        made.tick()
    made.cancel("tracker")
    made.run()
    assert releases(made) == [OLD, OLD]
    assert made.endings["upgrade-tracker-1"].ending == "Cancelled"


@pytest.mark.parametrize("tick", range(2, 66, 6))
def test_the_old_version_put_back_into_the_file_leaves_no_upgrade_mode(tick: int) -> None:
    made = running_world()
    made.ask_for_release("tracker", NEW)
    made.operate("tracker", "upgrade", to=NEW)
    for _ in range(tick):
        made.tick()
    operation, view = made.operations["tracker"], made.view("tracker")
    late = PLANNERS["upgrade"].too_late(view, operation)
    assert (late is None) is not view.memory.knows(operation.fact("approved"))
    if late is None:
        made.put_back("tracker")
    made.run()
    assert releases(made) == [OLD, OLD] if late is None else [NEW, NEW]
    assert made.endings["upgrade-tracker-1"].ending == ("Cancelled" if late is None else "Succeeded")
    assert made.platform.upgrade_mode("tracker") is None
    assert made.executors["tracker"].memory.held is None


def test_final_tasks_that_fail_are_tried_again() -> None:
    made = running_world(Behaviour(stuck_tasks=2))
    upgrade(made)
    assert made.endings["upgrade-tracker-1"].ending == "Succeeded"


def test_final_tasks_that_never_succeed_end_the_upgrade_on_the_new_release() -> None:
    made = running_world(Behaviour(stuck_tasks=99))
    upgrade(made)
    assert made.endings["upgrade-tracker-1"].ending == "Failed"
    assert releases(made) == [NEW, NEW]


def test_final_tasks_that_failed_for_good_are_seen_and_can_be_tried_again() -> None:
    made = running_world(Behaviour(stuck_tasks=4))
    upgrade(made)
    assert made.endings["upgrade-tracker-1"].ending == "Failed"
    assert made.executors["tracker"].memory.held is None
    view = made.view("tracker")
    assert view.desired.upgrade is None
    assert view.seen.upgrade is UpgradePhase.UPGRADE_TASKS_FAILED
    for verb in ("index-rebuild", "backup"):
        assert refusals(view, Running(verb, verb))
    made.operate("tracker", "finish-upgrade")
    made.run()
    assert made.endings["finish-upgrade-tracker-1"].ending == "Succeeded"
    assert made.platform.upgrade_mode("tracker") is None
    again = Running("finish-upgrade", "finish-upgrade")
    assert [found.guard for found in refusals(made.view("tracker"), again)] == ["final-tasks-have-failed"]


def test_a_product_that_cannot_be_told_is_not_told_to_try_its_final_tasks_again() -> None:
    made = running_world(Behaviour(stuck_tasks=1))
    made.desired["tracker"] = replace(made.desired["tracker"], tries_tasks_again=False)
    upgrade(made)
    assert made.endings["upgrade-tracker-1"].ending == "Failed"
    assert "its own administration pages" in made.endings["upgrade-tracker-1"].message
    assert made.calls("upgrade-retryUpgrade") == 0


@pytest.mark.parametrize("tick", range(40, 100, 6))
def test_a_controller_that_dies_while_final_tasks_fail_says_so_still(tick: int) -> None:
    made = running_world(Behaviour(stuck_tasks=99))
    made.ask_for_release("tracker", NEW)
    made.operate("tracker", "upgrade", to=NEW)
    for _ in range(tick):
        made.tick()
    made.restart_controller()
    made.run()
    assert made.endings["upgrade-tracker-1"].ending == "Failed"
    assert made.executors["tracker"].memory.release == NEW


def test_a_release_that_is_held_stands_against_nothing() -> None:
    made = running_world(Behaviour(dead_releases=frozenset({NEW})))
    upgrade(made)
    view = made.view("tracker")
    assert view.desired.upgrade is not None
    assert refusals(view, Running("index-rebuild", "index-rebuild")) == ()


def test_a_node_lost_on_the_way_does_not_stop_it() -> None:
    made = asked()
    for _ in range(30):
        made.tick()
    made.platform.strike("tracker", "tracker-1", fault=Fault.CRASH)
    made.run()
    assert releases(made) == [NEW, NEW]


@pytest.mark.parametrize("tick", range(0, 160, 3))
def test_a_controller_that_dies_at_any_point_changes_nothing_of_the_end(tick: int) -> None:
    made = after(tick, asked)
    made.restart_controller()
    made.run()
    assert releases(made) == [NEW, NEW]
    assert made.endings["upgrade-tracker-1"].ending == "Succeeded"


def test_refusals_name_the_rule() -> None:
    made = running_world()
    made.ask_for_release("tracker", NEW, way=Way.DOWNTIME)
    operation = made.operate("tracker", "upgrade", to=NEW)
    made.platform.strike("tracker", "tracker-1", fault=Fault.CRASH)
    made.tick()
    view = replace(made.outcomes["tracker"].view, operation=None)
    assert {found.guard for found in refusals(view, operation)} == {"jump-is-allowed", "all-are-well"}


def test_the_way_back_is_open_while_the_product_counts_a_node_of_the_old_release() -> None:
    made = asked()
    made.run_until(
        lambda: (
            made.outcomes["tracker"].view.seen.upgrade is UpgradePhase.READY_TO_RUN_UPGRADE_TASKS
            and len(made.outcomes["tracker"].view.serving()) == 2
        )
    )
    operation = made.operations["tracker"]
    view = replace(made.outcomes["tracker"].view, operation=operation)
    view = replace(view, memory=view.memory.without_fact(operation.fact("approved")))
    mixed = replace(view, seen=replace(view.seen, upgrade=UpgradePhase.MIXED))
    ready, waiting = next_step(view), next_step(mixed)
    assert isinstance(ready, Record)
    assert ready.fact == operation.fact("approved")
    assert isinstance(waiting, Wait), waiting
    assert "old release" in waiting.message
    assert PLANNERS["upgrade"].too_late(mixed, operation) is None


def test_an_answer_that_was_lost_does_not_keep_it_from_turning_back() -> None:
    made = running_world()
    made.ask_for_release("tracker", NEW)
    operation = made.operate("tracker", "upgrade", to=NEW)
    start = f"upgrade-start/{operation.name}"
    lost = JobState(start, JobPhase.FAILED, ended=0.0, detail="no answer")
    facts = frozenset({operation.fact("told"), operation.fact("back:somebody asked for it")})
    view = made.outcomes["tracker"].view
    seen = replace(view.seen, jobs={**view.seen.jobs, start: lost}, upgrade=UpgradePhase.READY_TO_UPGRADE)
    view = replace(
        view,
        desired=made.desired["tracker"],
        seen=seen,
        memory=replace(view.memory, facts=view.memory.facts | facts),
        operation=operation,
    )
    asked = next_step(view)
    assert isinstance(asked, Call)
    assert asked.call == "upgrade-cancel"
    done = JobState(asked.job, JobPhase.SUCCEEDED, ended=0.0, result="done")
    off = replace(seen, jobs={**seen.jobs, asked.job: done}, upgrade=UpgradePhase.STABLE)
    held = next_step(replace(view, seen=off))
    assert isinstance(held, Record)
    assert held.fact == f"held:{NEW}"
    remembered = replace(view, seen=off, memory=view.memory.with_fact(held.fact))
    assert isinstance(next_step(remembered), Finished)

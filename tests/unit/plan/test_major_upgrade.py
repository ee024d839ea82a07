"""Upgrades by planned downtime on the memory platform: a page from the first second to the last, and a way back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telamon.plan.operations.registry import PLANNERS
from telamon.plan.step import Begin, Hold, LetGo, StartMember, StopMember
from telamon.plan.works.backup import DiscardOutgoing, PrepareRestore, SwitchData, TakeBackup
from telamon.platforms.memory.parts import Behaviour
from telamon.products.release import Way
from tests.support.replay import after
from tests.support.stacks import World, world

OLD, NEW = "1.0.0", "2.0.0"


def asked(behaviour: Behaviour | None = None) -> World:
    """A stack that runs, and is asked for a release that cannot roll."""
    made = world()
    made.run()
    if behaviour is not None:
        made.platform.behave("tracker", behaviour)
    made.steps.clear()
    made.ask_for_release("tracker", NEW, way=Way.DOWNTIME)
    made.operate("tracker", "major-upgrade", to=NEW)
    return made


def asked_for_a_bad_one() -> World:
    """The same, and no node can run the release."""
    return asked(Behaviour(dead_releases=frozenset({NEW})))


def releases(made: World) -> set[str | None]:
    """What the members run."""
    return {member.release for member in made.outcomes["tracker"].view.seen.members}


def kinds(made: World) -> list[type]:
    """The kinds of the steps and works, in order."""
    return [type(step.work) if isinstance(step, Begin) else type(step) for step in made.steps]


def test_a_backup_comes_before_the_page_and_another_behind_it() -> None:
    made = asked()
    made.run()
    assert releases(made) == {NEW}
    assert made.endings["major-upgrade-tracker-1"].ending == "Succeeded"
    assert made.executors["tracker"].memory.release == NEW
    order = kinds(made)
    assert order.index(TakeBackup) < order.index(Hold) < order.index(StopMember)
    last_backup = len(order) - 1 - order[::-1].index(TakeBackup)
    assert order.index(StopMember) < last_backup < order.index(StartMember) < order.index(LetGo)


def test_users_see_the_page_or_a_member_and_never_both_releases() -> None:
    made = asked()
    while made.operations:
        made.tick()
        view = made.outcomes["tracker"].view
        serving = {member.release for member in view.serving()}
        assert view.seen.held or serving
        assert len(releases(made) - {None}) <= 1
    made.run()
    assert not made.outcomes["tracker"].view.seen.held


@pytest.mark.parametrize(
    "behaviour", [Behaviour(dead_releases=frozenset({NEW})), Behaviour(sick_releases=frozenset({NEW}))]
)
def test_a_release_that_fails_is_taken_back_with_its_data(behaviour: Behaviour) -> None:
    made = asked(behaviour)
    made.run()
    assert releases(made) == {OLD}
    assert made.endings["major-upgrade-tracker-1"].ending == "Failed"
    assert made.executors["tracker"].memory.release == OLD
    order = kinds(made)
    assert order.index(PrepareRestore) < order.index(SwitchData) < order.index(LetGo)


def test_a_second_release_that_fails_is_taken_back_like_the_first() -> None:
    made = asked(Behaviour(dead_releases=frozenset({NEW})))
    made.run()
    made.endings.clear()
    again = made.operate("tracker", "major-upgrade", to=NEW)
    made.operations["tracker"] = replace(again, name="major-upgrade-tracker-2")
    made.run()
    assert [finished.ending for finished in made.endings.values()] == ["Failed"]
    assert releases(made) == {OLD}
    assert not made.outcomes["tracker"].view.seen.held


def test_without_a_backup_nothing_is_touched() -> None:
    made = asked(Behaviour(failing_works=frozenset({TakeBackup.kind})))
    made.run()
    assert releases(made) == {OLD}
    assert Hold not in kinds(made)
    assert StopMember not in kinds(made)
    assert made.endings["major-upgrade-tracker-1"].ending == "Failed"


@pytest.mark.parametrize("tick", range(0, 120, 4))
def test_cancelled_at_any_point_it_ends_whole(tick: int) -> None:
    made = after(tick, asked)
    if made.operations:
        made.cancel("tracker")
    made.run()
    assert len(releases(made)) == 1
    assert made.executors["tracker"].memory.release in releases(made)
    assert not made.outcomes["tracker"].view.seen.held
    assert made.serving("tracker") == 2


@pytest.mark.parametrize("bad", [False, True])
@pytest.mark.parametrize("tick", range(0, 140, 7))
def test_a_controller_that_dies_at_any_point_changes_nothing_of_the_end(tick: int, bad: bool) -> None:
    made = after(tick, asked_for_a_bad_one if bad else asked)
    made.restart_controller()
    made.run()
    assert releases(made) == {OLD if bad else NEW}
    assert made.endings["major-upgrade-tracker-1"].ending == ("Failed" if bad else "Succeeded")
    assert not made.outcomes["tracker"].view.seen.held


@pytest.mark.parametrize("tick", range(0, 120, 6))
def test_the_old_version_put_back_into_the_file_brings_back_old_nodes_on_old_data(tick: int) -> None:
    made = asked(Behaviour(catch_up=30.0))
    for _ in range(tick):
        made.tick()
    operation, view = made.operations["tracker"], made.view("tracker")
    late = PLANNERS["major-upgrade"].too_late(view, operation)
    assert (late is None) is not view.memory.knows(operation.fact("let-in"))
    if late is None:
        made.put_back("tracker")
    made.run()
    assert releases(made) == {OLD if late is None else NEW}
    assert made.endings["major-upgrade-tracker-1"].ending == ("Cancelled" if late is None else "Succeeded")
    assert not made.outcomes["tracker"].view.seen.held
    if any(isinstance(step, Begin) and isinstance(step.work, SwitchData) for step in made.steps):
        assert late is None, "data that users write to were exchanged"


def test_a_release_that_failed_is_held_until_the_file_asks_for_another() -> None:
    made = asked(Behaviour(dead_releases=frozenset({NEW})))
    made.run()
    assert made.executors["tracker"].memory.held == NEW
    made.put_back("tracker")
    made.run()
    assert made.executors["tracker"].memory.held is None


def test_users_who_are_back_are_not_sent_away_again_where_tidying_up_takes_long() -> None:
    made = asked_for_a_bad_one()
    made.run_until(lambda: DiscardOutgoing in kinds(made))
    kept = made.platform._components["tracker"]
    # A cluster forgets a job a day after its end.
    gone = [name for name in kept.jobs if name.endswith((PrepareRestore.kind, SwitchData.kind))]
    for name in gone:
        del kept.jobs[name]
    assert len(gone) == 2
    made.steps.clear()
    made.run()
    assert made.endings["major-upgrade-tracker-1"].ending == "Failed"
    assert not {Hold, StopMember, PrepareRestore, SwitchData} & set(kinds(made))

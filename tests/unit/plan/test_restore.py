"""Backups and restores on the memory platform: the old data are never out of reach, whatever fails or dies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telamon.plan.operations.backup import backup_name
from telamon.plan.operations.registry import PLANNERS, refusals
from telamon.plan.step import Begin, Call, Hold, LetGo, StartMember, StopMember
from telamon.plan.work import Work
from telamon.plan.works.backup import (
    AbandonRestore,
    BuildBackup,
    DiscardOutgoing,
    KeepOutgoing,
    PrepareRestore,
    SwitchBack,
    SwitchData,
    TakeBackup,
    VerifyBackup,
)
from telamon.platforms.memory.parts import Behaviour, Fault
from telamon.products.indexing import RebuildWay
from telamon.state.world import Life
from tests.support.stacks import World, database, edge, product, world

SOURCE = "tracker-20260101T000000Z"


def running_world(behaviour: Behaviour | None = None) -> World:
    """A whole small stack that runs, and then behaves as told."""
    made = world()
    made.run()
    if behaviour is not None:
        made.platform.behaviours = {**made.platform.behaviours, "tracker": behaviour}
        made.platform._components["tracker"].behaviour = behaviour
    made.steps.clear()
    return made


def restore(made: World) -> None:
    """Ask for a restore and see it to its end."""
    made.operate("tracker", "restore", **{"from": SOURCE})
    made.run()


def works(made: World) -> list[type[Work]]:
    """Every work that was begun, in order."""
    return [type(step.work) for step in made.steps if isinstance(step, Begin)]


def forget_ended(made: World) -> None:
    """Have the platform forget every work that has ended, as a cluster does a day later."""
    kept, now = made.platform._components["tracker"], made.clock.now()
    kept.jobs = {
        name: (asked, ends)
        for name, (asked, ends) in kept.jobs.items()
        if not isinstance(asked, Work) or ends > now
    }


def ending(made: World) -> str:
    """How the operation ended."""
    (finished,) = made.endings.values()
    return finished.ending


def restored(made: World) -> bool:
    """Whether the restored data are in force."""
    return made.platform._components["tracker"].restored


def test_backup_takes_nobody_out_of_service() -> None:
    made = running_world()
    operation = made.operate("tracker", "backup")
    while made.operations:
        made.tick()
        assert made.serving("tracker") == 2
    assert ending(made) == "Succeeded"
    (begun,) = [step for step in made.steps if isinstance(step, Begin)]
    assert isinstance(begun.work, TakeBackup)
    assert begun.work.name == backup_name(made.outcomes["tracker"].view, operation)


@pytest.mark.parametrize("verb", ["backup", "verify-backup"])
def test_backup_that_fails_says_so(verb: str) -> None:
    made = running_world(Behaviour(failing_works=frozenset({TakeBackup.kind, VerifyBackup.kind})))
    made.operate("tracker", verb)
    made.run()
    assert ending(made) == "Failed"
    assert not any(isinstance(step, StopMember) for step in made.steps)


def test_restored_data_come_into_force_behind_the_maintenance_page() -> None:
    made = running_world()
    restore(made)
    assert ending(made) == "Succeeded"
    assert restored(made)
    assert works(made) == [PrepareRestore, SwitchData, KeepOutgoing]
    order = [type(step) for step in made.steps if isinstance(step, Hold | StopMember | StartMember | LetGo)]
    assert order[0] is Hold
    assert order.index(StopMember) < order.index(StartMember) < order.index(LetGo)
    assert made.serving("tracker") == 2


def test_damaged_backup_stops_nobody() -> None:
    made = running_world(Behaviour(failing_works=frozenset({PrepareRestore.kind})))
    restore(made)
    assert ending(made) == "Failed"
    assert works(made) == [PrepareRestore, AbandonRestore]
    assert not any(isinstance(step, Hold | StopMember) for step in made.steps)


def test_what_was_loaded_of_a_restore_that_is_given_up_is_removed_and_its_reason_told() -> None:
    made = running_world(Behaviour(failing_works=frozenset({PrepareRestore.kind})))
    restore(made)
    (finished,) = made.endings.values()
    assert PrepareRestore.kind in finished.message
    assert "stays" not in finished.message


def test_what_cannot_be_removed_either_is_told_and_keeps_nobody_waiting() -> None:
    both = frozenset({PrepareRestore.kind, AbandonRestore.kind})
    made = running_world(Behaviour(failing_works=both))
    restore(made)
    assert works(made) == [PrepareRestore, AbandonRestore]
    (finished,) = made.endings.values()
    assert finished.ending == "Failed"
    assert "stays until the next restore" in finished.message


@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(refuses_restored=True), Behaviour(failing_works=frozenset({SwitchData.kind}))],
    ids=["nodes-do-not-start", "data-do-not-change-places"],
)
def test_restore_that_fails_puts_the_old_data_back(behaviour: Behaviour) -> None:
    made = running_world(behaviour)
    restore(made)
    assert ending(made) == "Failed"
    assert not restored(made)
    assert works(made)[-2:] == [SwitchBack, AbandonRestore]
    assert made.serving("tracker") == 2
    assert not made.outcomes["tracker"].view.seen.held


def test_backup_of_what_was_before_that_fails_leaves_it_where_it_is() -> None:
    made = running_world(Behaviour(failing_works=frozenset({KeepOutgoing.kind})))
    restore(made)
    assert ending(made) == "Succeeded"
    assert AbandonRestore not in works(made)
    (finished,) = made.endings.values()
    assert "still kept aside" in finished.message
    assert "`telamon backup tidy tracker`" in finished.message
    assert made.platform._components["tracker"].kept_aside


@pytest.mark.parametrize(("params", "work"), [({}, KeepOutgoing), ({"discard": "yes"}, DiscardOutgoing)])
def test_what_a_restore_has_left_aside_goes_when_somebody_asks_for_it(
    params: dict[str, str], work: type[Work]
) -> None:
    made = running_world(Behaviour(failing_works=frozenset({KeepOutgoing.kind})))
    restore(made)
    made.platform.behave("tracker", Behaviour())
    made.steps.clear()
    made.endings.clear()
    made.operate("tracker", "tidy-restore", **params)
    while made.operations:
        made.tick()
        assert made.serving("tracker") == 2
    assert ending(made) == "Succeeded"
    assert works(made) == [work]
    assert not made.platform._components["tracker"].kept_aside
    assert restored(made)


def test_what_is_left_aside_stays_where_it_is_while_no_backup_can_be_made_of_it() -> None:
    made = running_world(Behaviour(failing_works=frozenset({KeepOutgoing.kind})))
    restore(made)
    made.endings.clear()
    made.operate("tracker", "tidy-restore")
    made.run()
    assert ending(made) == "Failed"
    assert made.platform._components["tracker"].kept_aside


def test_nobody_runs_while_the_data_change_places() -> None:
    made = running_world()
    made.operate("tracker", "restore", **{"from": SOURCE})
    while made.operations:
        made.tick()
        seen = made.outcomes["tracker"].view.seen
        changing = [job for name, job in seen.jobs.items() if name.endswith(SwitchData.kind)]
        if changing and changing[0].ended is None:
            assert all(member.life is Life.ABSENT for member in seen.members)


def test_cancelled_before_it_is_ready_changes_nothing() -> None:
    made = running_world()
    made.operate("tracker", "restore", **{"from": SOURCE})
    made.tick()
    made.cancel("tracker")
    made.run()
    assert ending(made) == "Cancelled"
    assert not restored(made)
    assert not any(isinstance(step, StopMember) for step in made.steps)


def test_controller_that_dies_after_every_step_comes_to_the_same_end() -> None:
    made = running_world()
    made.operate("tracker", "restore", **{"from": SOURCE})
    while made.operations:
        if made.tick():
            made.restart_controller()
            made.tick()
    made.run()
    assert ending(made) == "Succeeded"
    assert works(made) == [PrepareRestore, SwitchData, KeepOutgoing]


@pytest.mark.parametrize("behaviour", [Behaviour(), Behaviour(refuses_restored=True)])
@pytest.mark.parametrize("after", range(0, 60, 5))
def test_member_lost_at_any_moment_does_not_keep_it_from_its_end(behaviour: Behaviour, after: int) -> None:
    made = running_world(behaviour)
    made.operate("tracker", "restore", **{"from": SOURCE})
    for _ in range(after):
        made.tick()
    made.platform.strike("tracker", "tracker-1", fault=Fault.CRASH)
    made.run()
    assert ending(made) == ("Failed" if behaviour.refuses_restored else "Succeeded")
    assert restored(made) is not behaviour.refuses_restored
    assert made.serving("tracker") == 2


@pytest.mark.parametrize("verb", ["backup", "restore", "verify-backup"])
def test_what_has_no_data_is_refused(verb: str) -> None:
    made = running_world()
    for component in ("edge", "tracker-helper"):
        operation = made.operate(component, verb)
        del made.operations[component]
        found = refusals(made.outcomes[component].view, operation)
        assert [refusal.guard for refusal in found] == ["it-has-data"]


def test_backup_of_another_release_is_refused() -> None:
    made = running_world()
    operation = made.operate("tracker", "restore", release="0.9", **{"from": SOURCE})
    del made.operations["tracker"]
    found = refusals(made.outcomes["tracker"].view, operation)
    assert [refusal.guard for refusal in found] == ["release-fits"]


@pytest.mark.parametrize(
    ("way", "told"), [(RebuildWay.COMPANION, ["rebuild-index"]), (RebuildWay.ASIDE, []), (None, [])]
)
def test_an_index_that_a_companion_has_kept_is_made_anew_once_users_are_back(
    way: RebuildWay | None, told: list[str]
) -> None:
    made = world(database(), edge(), replace(product(2), rebuild=way))
    made.run()
    made.steps.clear()
    restore(made)
    assert [step.call for step in made.steps if isinstance(step, Call)] == told
    if told:
        asked = next(place for place, step in enumerate(made.steps) if isinstance(step, Call))
        let_go = next(place for place, step in enumerate(made.steps) if isinstance(step, LetGo))
        assert let_go < asked
    (finished,) = made.endings.values()
    assert finished.ending == "Succeeded"
    assert "index" not in finished.message


def test_an_instant_is_made_a_backup_while_users_are_served_and_then_restored_as_any() -> None:
    made = running_world()
    made.operate("tracker", "restore", **{"from": SOURCE, "time": "2026-01-01T00:00:00+00:00"})
    made.run_until(lambda: PrepareRestore in works(made))
    assert made.serving("tracker") == 2
    made.run()
    assert works(made) == [BuildBackup, PrepareRestore, SwitchData, KeepOutgoing]
    assert ending(made) == "Succeeded"


def test_an_instant_that_cannot_be_reached_changes_nothing() -> None:
    made = running_world(Behaviour(failing_works=frozenset({BuildBackup.kind})))
    made.operate("tracker", "restore", **{"from": SOURCE, "time": "2026-01-01T00:00:00+00:00"})
    made.run()
    assert works(made) == [BuildBackup]
    assert ending(made) == "Failed"
    assert made.serving("tracker") == 2


@pytest.mark.parametrize("tick", range(1, 60, 3))
def test_cancelled_before_users_are_let_in_the_old_data_are_in_force_again(tick: int) -> None:
    made = running_world()
    operation = made.operate("tracker", "restore", **{"from": SOURCE})
    for _ in range(tick):
        made.tick()
    if not made.operations:
        return
    late = PLANNERS["restore"].too_late(made.view("tracker"), operation)
    assert (late is None) is not made.view("tracker").memory.knows(operation.fact("let-in"))
    if late is None:
        made.cancel("tracker")
    made.run()
    assert ending(made) == ("Cancelled" if late is None else "Succeeded")
    assert restored(made) is (late is not None)
    assert not made.outcomes["tracker"].view.seen.held
    assert made.serving("tracker") == 2


@pytest.mark.parametrize("refuses", [False, True], ids=["restored", "turned-back"])
def test_tidying_up_that_outlasts_the_memory_of_jobs_stops_nobody(*, refuses: bool) -> None:
    made = running_world(Behaviour(refuses_restored=refuses))
    made.operate("tracker", "restore", **{"from": SOURCE})
    made.run_until(lambda: works(made)[-1:] == [AbandonRestore if refuses else KeepOutgoing])
    forget_ended(made)
    made.steps.clear()
    made.run()
    assert ending(made) == ("Failed" if refuses else "Succeeded")
    assert restored(made) is not refuses
    assert not any(isinstance(step, Hold | StopMember) for step in made.steps)
    assert not {SwitchData, SwitchBack} & set(works(made))


def test_data_that_were_moving_are_put_back_though_nobody_remembers_the_job_that_moved_them() -> None:
    made = running_world(Behaviour(failing_works=frozenset({SwitchData.kind})))
    made.operate("tracker", "restore", **{"from": SOURCE})
    made.run_until(lambda: works(made)[-1:] == [SwitchData])
    made.run_until(lambda: any("back:" in fact for fact in made.executors["tracker"].memory.facts))
    forget_ended(made)
    made.steps.clear()
    made.run_until(lambda: any(isinstance(step, StartMember) for step in made.steps))
    assert works(made) == [SwitchBack]

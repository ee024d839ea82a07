"""A rolling upgrade has a backup to come back to before it touches anything, or does not begin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telamon.desired.component import Saving
from telamon.plan.operation import Running
from telamon.plan.operations.registry import refusals
from telamon.plan.step import Begin, Call, Drain, Record, Step
from telamon.plan.work import Work
from telamon.plan.works.backup import TakeBackup, VerifyBackup
from telamon.platforms.memory.parts import Behaviour
from tests.support.acts import SAVED
from tests.support.stacks import World, database, product, world

NAME, OLD, NEW = "tracker", "1.0.0", "1.1.0"
HOUR = 3_600.0


def running(saving: Saving | None = SAVED) -> World:
    """A product that runs, of which something must be saved before an upgrade."""
    made = world(database(), replace(product(2), saving=saving))
    made.run()
    made.steps.clear()
    return made


def upgrade(made: World, *, to: str = NEW, number: int = 1) -> None:
    """Ask for a release, and see what comes of it."""
    made.ask_for_release(NAME, to)
    asked = made.operate(NAME, "upgrade", to=to)
    made.operations[NAME] = replace(asked, name=f"upgrade-{NAME}-{number}")
    made.run()


def backed_up(made: World, *, ago: float) -> None:
    """Somebody has taken a backup, some seconds ago."""
    made.operate(NAME, "backup")
    made.run()
    made.clock.sleep(ago)
    made.tick()
    made.steps.clear()


def works(made: World) -> list[type[Work]]:
    """What was begun, in order."""
    return [type(step.work) for step in made.steps if isinstance(step, Begin)]


def touches(step: Step) -> bool:
    """Whether a step of an upgrade changes anything for users or nodes."""
    return isinstance(step, Drain) or (isinstance(step, Call) and step.call.startswith(("upgrade-", "cdn-")))


def ending(made: World, *, number: int = 1) -> str:
    """How an upgrade ended."""
    return made.endings[f"upgrade-{NAME}-{number}"].ending


def test_a_backup_is_taken_before_anything_is_touched() -> None:
    made = running()
    upgrade(made)
    assert ending(made) == "Succeeded"
    assert works(made) == [TakeBackup]
    taken = next(n for n, step in enumerate(made.steps) if isinstance(step, Begin))
    assert not any(map(touches, made.steps[:taken]))
    assert any(map(touches, made.steps[taken:]))


def test_a_recent_backup_is_verified_and_no_other_is_taken() -> None:
    made = running()
    backed_up(made, ago=HOUR / 2)
    upgrade(made)
    assert (ending(made), works(made)) == ("Succeeded", [VerifyBackup])


def test_a_backup_that_is_too_old_is_no_help() -> None:
    made = running()
    backed_up(made, ago=2 * HOUR)
    upgrade(made)
    assert (ending(made), works(made)) == ("Succeeded", [TakeBackup])


def test_a_backup_of_another_release_is_no_help() -> None:
    made = running()
    upgrade(made)
    saved = made.executors[NAME].memory.saved
    assert saved is not None
    assert saved.release == OLD
    made.steps.clear()
    upgrade(made, to="1.2.0", number=2)
    assert (ending(made, number=2), works(made)) == ("Succeeded", [TakeBackup])


def test_a_backup_from_before_a_restore_is_no_help() -> None:
    made = running()
    backed_up(made, ago=60.0)
    made.operate(NAME, "restore", **{"from": "tracker-20260101T000000Z"})
    made.run()
    assert made.executors[NAME].memory.saved is None
    made.steps.clear()
    upgrade(made)
    assert works(made) == [TakeBackup]


def test_a_clock_that_was_put_back_makes_no_backup_recent() -> None:
    made = running()
    backed_up(made, ago=0.0)
    saved = made.executors[NAME].memory.saved
    assert saved is not None
    made.executors[NAME].remember(replace(saved, at=made.clock.now() + 60.0).fact, "the clock was ahead")
    upgrade(made)
    assert works(made) == [TakeBackup]


def test_a_backup_that_cannot_be_taken_ends_it_and_nothing_was_touched() -> None:
    made = running()
    made.platform.behave(NAME, Behaviour(failing_works=frozenset({TakeBackup.kind})))
    upgrade(made)
    finished = made.endings[f"upgrade-{NAME}-1"]
    assert finished.ending == "Failed"
    assert finished.message.startswith("nothing was changed: no backup could be taken")
    assert not any(map(touches, made.steps))
    assert made.executors[NAME].memory.held == NEW


def test_a_damaged_backup_ends_it_and_is_not_relied_on_again() -> None:
    made = running()
    backed_up(made, ago=60.0)
    made.platform.behave(NAME, Behaviour(failing_works=frozenset({VerifyBackup.kind})))
    upgrade(made)
    finished = made.endings[f"upgrade-{NAME}-1"]
    assert finished.ending == "Failed"
    assert "could not be verified" in finished.message
    assert "telamon retry tracker" in finished.message
    assert not any(map(touches, made.steps))
    assert made.executors[NAME].memory.saved is None
    made.steps.clear()
    upgrade(made, number=2)
    assert (ending(made, number=2), works(made)) == ("Succeeded", [TakeBackup])


def test_a_controller_that_dies_meanwhile_takes_no_second_backup() -> None:
    made = running()
    made.ask_for_release(NAME, NEW)
    made.operate(NAME, "upgrade", to=NEW)
    made.run_until(lambda: bool(works(made)))
    made.restart_controller()
    made.run()
    assert (ending(made), works(made)) == ("Succeeded", [TakeBackup])


def test_where_the_stack_file_skips_it_the_journal_says_so() -> None:
    made = running(Saving(asked=False, possible=True, recent=HOUR))
    upgrade(made)
    assert (ending(made), works(made)) == ("Succeeded", [])
    noted = [step for step in made.steps if isinstance(step, Record) and step.fact.endswith(":no-backup")]
    assert ["asks for none" in step.because for step in noted] == [True]


@pytest.mark.parametrize(("asked", "refused"), [(True, ["a-backup-can-be-taken"]), (False, [])])
def test_without_a_place_for_backups_it_is_refused_unless_the_risk_is_taken(
    asked: bool, refused: list[str]
) -> None:
    made = running(Saving(asked=asked, possible=False, recent=HOUR))
    made.ask_for_release(NAME, NEW)
    found = refusals(made.view(NAME), Running("upgrade-1", "upgrade", params={"to": NEW}))
    assert [refusal.guard for refusal in found] == refused
    assert all("spec.backup.destination" in refusal.remedy for refusal in found)


def test_what_keeps_no_data_is_not_backed_up() -> None:
    made = running()
    made.desired[NAME] = replace(made.desired[NAME], database=False)
    upgrade(made)
    assert works(made) == []

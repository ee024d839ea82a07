"""A rolling upgrade and a content delivery network: off while two releases serve, and afterwards as it was found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telamon.plan.step import Begin, Call, Record
from telamon.plan.works.cdn import InvalidateDistribution
from telamon.platforms.memory.parts import Behaviour
from telamon.state.world import Life
from tests.support.stacks import World, world

OLD, NEW = "1.0.0", "1.1.0"
NAME = "upgrade-tracker-1"


def running_world(*, cdn: bool, behaviour: Behaviour | None = None) -> World:
    """A small stack that runs, whose administrators switched a network on or did not."""
    made = world()
    made.run()
    if cdn:
        made.platform.use_cdn("tracker")
    if behaviour is not None:
        made.platform.behave("tracker", behaviour)
    made.steps.clear()
    made.ask_for_release("tracker", NEW)
    return made


def releases(made: World) -> set[str]:
    """What nodes that live are of."""
    return {member.release for member in made.platform.living("tracker") if member.life is Life.ALIVE}


def calls(made: World) -> list[str]:
    """What was asked of the product about its network, in order."""
    return [
        step.call for step in made.steps if isinstance(step, Call) and step.call.startswith(("cdn", "upgr"))
    ]


def test_no_file_is_kept_while_two_releases_serve() -> None:
    made = running_world(cdn=True)
    made.operate("tracker", "upgrade", to=NEW)
    while made.operations:
        made.tick()
        assert len(releases(made)) < 2 or not made.platform.cdn("tracker")
    made.run()
    assert made.platform.cdn("tracker")
    assert calls(made) == ["cdn-look", "cdn-off", "upgrade-start", "upgrade-approve", "cdn-on"]
    assert made.endings[NAME].message == f"tracker is of {NEW}"


def test_that_it_was_on_is_written_down_before_it_is_touched_and_it_forgets_before_it_is_used_again() -> None:
    made = running_world(cdn=True)
    made.operate("tracker", "upgrade", to=NEW)
    made.run()
    told = [
        type(step).__name__ if not isinstance(step, Call) else step.call
        for step in made.steps
        if isinstance(step, Begin)
        or (isinstance(step, Call) and step.call in {"cdn-off", "cdn-on"})
        or (isinstance(step, Record) and "cdn" in step.fact)
    ]
    assert told == ["Record", "cdn-off", "Begin", "cdn-on"]
    (begun,) = [step for step in made.steps if isinstance(step, Begin)]
    assert begun.work == InvalidateDistribution("E2TRACKER", reference=NAME)


def test_what_was_off_stays_off_and_nothing_is_invalidated() -> None:
    made = running_world(cdn=False)
    made.operate("tracker", "upgrade", to=NEW)
    made.run()
    assert not made.platform.cdn("tracker")
    assert calls(made) == ["cdn-look", "upgrade-start", "upgrade-approve"]
    assert not [step for step in made.steps if isinstance(step, Begin)]


def test_a_product_that_knows_no_network_is_not_asked() -> None:
    made = running_world(cdn=False)
    made.desired["tracker"] = replace(made.desired["tracker"], cdn=False)
    made.operate("tracker", "upgrade", to=NEW)
    made.run()
    assert "cdn-look" not in calls(made)


@pytest.mark.parametrize("bad", [True, False])
def test_turning_back_brings_it_back_too(bad: bool) -> None:
    behaviour = Behaviour(sick_releases=frozenset({NEW})) if bad else None
    made = running_world(cdn=True, behaviour=behaviour)
    made.operate("tracker", "upgrade", to=NEW)
    if not bad:
        made.run_until(lambda: not made.platform.cdn("tracker"))
        made.cancel("tracker")
    made.run()
    assert made.endings[NAME].ending == ("Failed" if bad else "Cancelled")
    assert releases(made) == {OLD}
    assert made.platform.cdn("tracker")


def test_a_controller_that_dies_after_the_switch_still_knows_that_it_was_on() -> None:
    made = running_world(cdn=True)
    made.operate("tracker", "upgrade", to=NEW)
    made.run_until(lambda: not made.platform.cdn("tracker"))
    made.restart_controller()
    made.run()
    assert made.platform.cdn("tracker")


def test_an_invalidation_that_fails_holds_nothing_up() -> None:
    made = running_world(cdn=True, behaviour=Behaviour(failing_works=frozenset({"invalidate-distribution"})))
    made.operate("tracker", "upgrade", to=NEW)
    made.run()
    assert made.endings[NAME].ending == "Succeeded"
    assert made.platform.cdn("tracker")
    message = made.endings[NAME].message
    assert "its distribution still keeps files: `telamon infra invalidate` has it forget them" in message


def test_final_tasks_that_fail_leave_it_off_and_the_end_says_so() -> None:
    made = running_world(cdn=True, behaviour=Behaviour(stuck_tasks=100))
    made.operate("tracker", "upgrade", to=NEW)
    made.run_until(lambda: not made.operations)
    assert made.endings[NAME].ending == "Failed"
    assert "its CDN was on and is switched off" in made.endings[NAME].message

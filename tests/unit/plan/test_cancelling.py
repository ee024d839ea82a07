"""An operation that was cancelled leaves no work of it behind, however long that would have taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from telamon.plan.step import Begin, BreakOff
from telamon.platforms.memory.parts import Behaviour
from telamon.products.release import Way
from telamon.state.world import JobPhase
from tests.support.acts import SAVED
from tests.support.stacks import World, world

LONG = 10_000.0
"""Seconds that every work takes: longer than anybody waits for the end of what was cancelled."""
BACKUP = {"from": "tracker-20260101T000000Z"}


def working(verb: str, params: Mapping[str, str]) -> World:
    """A stack in which an operation has begun a work that takes for ever."""
    made = world()
    made.run()
    made.platform.behave("tracker", Behaviour(call=LONG))
    if verb == "major-upgrade":
        made.ask_for_release("tracker", "2.0.0", way=Way.DOWNTIME)
    elif verb == "upgrade":
        # The index snapshot comes first, and may not take for ever.
        made.desired["tracker"] = replace(made.desired["tracker"], prepares_join=False, saving=SAVED)
        made.ask_for_release("tracker", "1.1.0")
    made.operate("tracker", verb, **params)
    made.run_until(lambda: any(isinstance(step, Begin) for step in made.steps))
    for _ in range(5):
        made.tick()
    return made


def at_work(made: World) -> list[str]:
    """Jobs of operations that run."""
    jobs = made.platform.observe(made.desired["tracker"]).jobs.values()
    return [job.name for job in jobs if job.phase is JobPhase.RUNNING and "-tracker-1/" in job.name]


@pytest.mark.parametrize(
    ("verb", "params"),
    [
        ("backup", {}),
        ("verify-backup", BACKUP),
        ("restore", BACKUP),
        ("major-upgrade", {"to": "2.0.0"}),
        ("upgrade", {"to": "1.1.0"}),
    ],
)
def test_what_was_cancelled_ends_without_waiting_for_its_work(verb: str, params: Mapping[str, str]) -> None:
    made = working(verb, params)
    assert at_work(made)
    # What clears away afterwards takes its own, ordinary time.
    made.platform.behave("tracker", Behaviour())
    made.cancel("tracker")
    made.run(seconds=300.0)
    assert [finished.ending for finished in made.endings.values()] == ["Cancelled"]
    assert at_work(made) == []
    assert sum(isinstance(step, BreakOff) for step in made.steps) == 1
    assert made.serving("tracker") == 2


def test_the_backup_behind_the_page_is_broken_off_as_well() -> None:
    made = world()
    made.run()
    made.ask_for_release("tracker", "2.0.0", way=Way.DOWNTIME)
    made.operate("tracker", "major-upgrade", to="2.0.0")
    made.run_until(lambda: made.outcomes["tracker"].view.seen.held)
    made.platform.behave("tracker", Behaviour(call=LONG))
    made.run_until(lambda: at_work(made) != [])
    made.platform.behave("tracker", Behaviour())
    made.cancel("tracker")
    made.run(seconds=300.0)
    assert [finished.ending for finished in made.endings.values()] == ["Cancelled"]
    assert at_work(made) == []
    assert made.serving("tracker") == 2
    assert not made.outcomes["tracker"].view.seen.held

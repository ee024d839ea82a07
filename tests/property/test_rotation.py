"""A new cluster secret: no node runs while it changes, users see the page throughout, and it ends from anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telamon.plan.operation import Running
from telamon.plan.operations.registry import PLANNERS, refusals
from telamon.plan.step import Begin, Hold, LetGo, Record, StartMember, Step, StopMember
from telamon.plan.view import RENEWED, View
from telamon.plan.works.rotation import RenewClusterSecret
from telamon.state.world import JobPhase, Life
from tests.support.stacks import World, database, product, world

VERB, NAME = "rotate-cluster-secret", "tracker"
AGREED = {"downtime": "yes"}


def running(*, shares: bool = True) -> World:
    """A product of two nodes that runs."""
    made = world(database(), replace(product(2), cluster_secret=shares))
    made.run()
    made.steps.clear()
    return made


def alive(made: World) -> list[str]:
    """Nodes that run now."""
    seen = made.platform.observe(made.desired[NAME])
    return [member.name for member in seen.members if member.life in {Life.ALIVE, Life.ENDING}]


def work(made: World) -> JobPhase | None:
    """Where the change stands."""
    jobs = made.platform.observe(made.desired[NAME]).jobs
    found = [job for name, job in jobs.items() if name.endswith(RenewClusterSecret.kind)]
    return found[0].phase if found else None


def watch(made: World) -> None:
    """One pass; nobody runs while the secret changes."""
    made.tick()
    if work(made) is JobPhase.RUNNING:
        assert alive(made) == []


def end(made: World) -> str:
    """Go on to the end. Returns how it ended."""
    while made.operations or not made.settled():
        watch(made)
    return next(iter(made.endings.values())).ending


def kinds(steps: list[Step]) -> list[type[Step]]:
    """Kinds of steps in their order, each kind once in a row."""
    found: list[type[Step]] = []
    for step in steps:
        if not found or found[-1] is not type(step):
            found.append(type(step))
    return found


def asked(made: World, params: dict[str, str]) -> list[str]:
    """The guards that refuse it now."""
    seen = made.outcomes[NAME].view
    view = View(seen.desired, seen.seen, made.executors[NAME].memory, made.clock.now())
    return [found.guard for found in refusals(view, Running(VERB, VERB, params=params))]


def test_page_stop_change_start_page_away() -> None:
    made = running()
    made.operate(NAME, VERB, **AGREED)
    assert end(made) == "Succeeded"
    told = [kind for kind in kinds(made.steps) if kind in {Hold, StopMember, Begin, StartMember, LetGo}]
    assert told.index(Hold) < told.index(StopMember) < told.index(Begin) < told.index(StartMember)
    assert told.index(StartMember) < told.index(LetGo)
    assert len(alive(made)) == 2
    assert not made.platform.observe(made.desired[NAME]).held
    # From here on nodes are told the secret that was made, and not one that somebody may have brought.
    (fact,) = (
        place for place, step in enumerate(made.steps) if isinstance(step, Record) and step.fact == RENEWED
    )
    assert all(place > fact for place, step in enumerate(made.steps) if isinstance(step, StartMember))


def test_controller_may_die_after_any_step() -> None:
    made = running()
    made.operate(NAME, VERB, **AGREED)
    prefixes = []
    while made.operations:
        prefixes.append(made.fork())
        watch(made)
    for prefix in prefixes:
        prefix.restart_controller()
        assert end(prefix) == "Succeeded"
        assert len(alive(prefix)) == 2
        assert not prefix.platform.observe(prefix.desired[NAME]).held


@pytest.mark.parametrize("passes", [0, 1, 5, 20])
def test_cancelled_at_any_time_it_ends_with_every_node_up(passes: int) -> None:
    made = running()
    made.operate(NAME, VERB, **AGREED)
    for _ in range(passes):
        made.tick()
    if made.operations:
        made.cancel(NAME)
    assert end(made) in {"Succeeded", "Cancelled"}
    assert len(alive(made)) == 2
    assert not made.platform.observe(made.desired[NAME]).held


def test_refused_by_accident_and_where_there_is_no_such_secret() -> None:
    made = running()
    assert asked(made, AGREED) == []
    assert asked(made, {}) == ["downtime-is-agreed"]
    assert asked(running(shares=False), AGREED) == ["nodes-share-a-secret"]


@pytest.mark.parametrize("tick", range(1, 40, 2))
def test_cancelled_before_the_secret_is_touched_nobody_gets_another_one(tick: int) -> None:
    made = running()
    operation = made.operate(NAME, VERB, **AGREED)
    for _ in range(tick):
        watch(made)
    if not made.operations:
        return
    begun = work(made) is not None
    if not begun:
        assert PLANNERS[VERB].too_late(made.view(NAME), operation) is None
    made.cancel(NAME)
    made.tick()
    if begun and made.operations:
        assert PLANNERS[VERB].too_late(made.view(NAME), operation) is not None
    assert end(made) == ("Succeeded" if begun else "Cancelled")
    assert (work(made) is not None) is begun
    assert not made.outcomes[NAME].view.seen.held
    assert made.serving(NAME) == 2

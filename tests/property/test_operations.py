"""Every operation ends well from wherever it is interrupted.

Every prefix of the plan of every verb there is is replayed, with any member lost at that point, with the controller
lost, and cancelled: the executor checks the invariants before and after each step, the operation ends, and what is
not left alone on purpose is well again. ``tests/simulation`` has the controller die within each step, too.
"""

from __future__ import annotations

import functools

import pytest

from telamon.plan.operations.registry import PLANNERS
from telamon.platforms.memory.parts import Fault
from telamon.state.classify import UP
from tests.support.acts import ACTS, COMPONENT, RELEASES, Act
from tests.support.replay import alive, can_happen, forks, in_turn
from tests.support.stacks import World, database, product, world

WHOLE = [act for act in (*ACTS, *RELEASES) if not act.cancelled]


def asked(act: Act) -> World:
    """A world that runs, in which the operation was just accepted."""
    made = world(database(2), product())
    act.prepare(made)
    made.run()
    if act.first:
        act.precede(made)
        made.run_until(lambda: not made.operations)
    made.steps.clear()
    act.ask(made)
    return made


@functools.cache
def prefixes(number: int) -> tuple[World, ...]:
    """The world after 0, 1, 2 … steps of an operation, up to its end; to be forked before anything is done."""
    return tuple(forks(asked(WHOLE[number])))


def expect_an_end(made: World, act: Act) -> None:
    """The operation ends, and whoever is not left alone on purpose is well again."""
    made.tick()
    made.run_until(lambda: not made.operations)
    assert f"{act.verb}-{act.component}-1" in made.endings
    if made.outcomes[COMPONENT].view.is_paused():
        return
    made.heal()
    for outcome in made.outcomes.values():
        assert all(condition in UP for _, _, condition in outcome.view.kept())
    releases = {member.release for member in made.platform.living(COMPONENT)}
    assert releases == {made.executors[COMPONENT].memory.release}


def test_every_verb_there_is_is_replayed() -> None:
    assert {act.verb for act in WHOLE} == set(PLANNERS)


@pytest.mark.parametrize("number", range(len(WHOLE)), ids=[str(act) for act in WHOLE])
def test_undisturbed_it_succeeds(number: int) -> None:
    act, made = WHOLE[number], prefixes(number)[-1]
    assert made.endings[f"{act.verb}-{act.component}-1"].ending == "Succeeded"
    assert len(prefixes(number)) > 1


@pytest.mark.parametrize("number", range(len(WHOLE)), ids=[str(act) for act in WHOLE])
def test_every_prefix_with_any_member_lost_in_some_way(number: int) -> None:
    for place, prefix in enumerate(prefixes(number)):
        for component, member, fault in in_turn(prefix, place):
            lose(WHOLE[number], prefix, component, member=member, fault=fault)


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", range(len(WHOLE)), ids=[str(act) for act in WHOLE])
@pytest.mark.parametrize("fault", list(Fault))
def test_every_prefix_with_any_member_lost_in_any_way(number: int, fault: Fault) -> None:
    for prefix in prefixes(number):
        for component, member in alive(prefix):
            if can_happen(fault, prefix.desired[component]):
                lose(WHOLE[number], prefix, component, member=member, fault=fault)


def lose(act: Act, prefix: World, component: str, *, member: str, fault: Fault) -> None:
    """Have something happen to a member, and see that it ends well."""
    made = prefix.fork()
    assert made.platform.strike(component, member, fault=fault)
    expect_an_end(made, act)


@pytest.mark.parametrize("number", range(len(WHOLE)), ids=[str(act) for act in WHOLE])
def test_every_prefix_cancelled(number: int) -> None:
    for prefix in prefixes(number):
        made = prefix.fork()
        if made.operations:
            made.cancel(WHOLE[number].component)
        expect_an_end(made, WHOLE[number])


@pytest.mark.parametrize("number", range(len(WHOLE)), ids=[str(act) for act in WHOLE])
def test_controller_may_die_after_any_step(number: int) -> None:
    act = WHOLE[number]
    for prefix in prefixes(number):
        made = prefix.fork()
        made.restart_controller()
        expect_an_end(made, act)
        assert made.endings[f"{act.verb}-{act.component}-1"].ending == "Succeeded"

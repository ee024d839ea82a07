"""The standing operation ends well from wherever it is interrupted.

Every prefix of every plan is replayed with any member lost in any way at that point: the executor checks the
invariants before and after each step, and the world must end as it was desired.
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telamon.plan.step import Drain, StartMember, StopMember
from telamon.platforms.memory.parts import Fault
from telamon.state.world import Life
from tests.support.stacks import World, companion, database, edge, product, without_members, world


def first_start() -> World:
    """A stack that was never started."""
    return world()


def changed_configuration() -> World:
    """A running stack whose product gets a new configuration."""
    stack = world()
    stack.run()
    stack.desired["tracker"] = product(3, revision="r2", objects="o2")
    stack.steps.clear()
    return stack


def shut_down() -> World:
    """A running stack that is to stop."""
    stack = world()
    stack.run()
    stack.desired = {name: without_members(desired) for name, desired in stack.desired.items()}
    stack.steps.clear()
    return stack


PLANS = {"first start": first_start, "changed configuration": changed_configuration, "shut down": shut_down}


def prefixes(name: str) -> list[World]:
    """The world after 0, 1, 2 … steps of the undisturbed plan, up to its end."""
    stack = PLANS[name]()
    found = [copy.deepcopy(stack)]
    while not stack.settled():
        before = len(stack.steps)
        stack.tick()
        if len(stack.steps) > before:
            found.append(copy.deepcopy(stack))
    return found


def expect_desired(stack: World) -> None:
    """Everything that is desired serves, in its revision; nothing else lives."""
    for name, desired in stack.desired.items():
        view = stack.outcomes[name].view
        alive = {member.name: member for member in view.seen.members if member.life is not Life.ABSENT}
        assert set(alive) == {member.name for member in desired.members}
        assert all(alive[member.name].revision == member.revision for member in desired.members)
        assert len(view.serving()) == len(desired.members)


@pytest.mark.parametrize("plan", PLANS)
def test_plan_ends_as_desired(plan: str) -> None:
    stack = PLANS[plan]()
    stack.run()
    expect_desired(stack)


# By component too, so that each of them stays far below the time limit of one test on a machine that does much else.
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize(
    ("component", "count"), [("tracker", 3), ("tracker-helper", 2), ("database", 1), ("edge", 2)]
)
def test_every_prefix_with_any_member_lost(plan: str, fault: Fault, component: str, count: int) -> None:
    for prefix in prefixes(plan):
        for ordinal in range(count):
            stack = copy.deepcopy(prefix)
            if not stack.platform.strike(component, f"{component}-{ordinal}", fault=fault):
                continue
            stack.run()
            expect_desired(stack)


@pytest.mark.parametrize("plan", PLANS)
def test_controller_may_die_after_any_step(plan: str) -> None:
    for stack in prefixes(plan):
        stack.restart_controller()
        stack.run()
        expect_desired(stack)


def test_two_controllers_in_a_row_set_up_once() -> None:
    stack = world()
    stack.run()
    assert stack.calls("set-up") == 1
    stack.restart_controller()
    stack.run()
    assert stack.calls("set-up") == 1
    assert stack.calls("service-account") == 1


def test_second_pass_does_nothing() -> None:
    stack = world()
    stack.run()
    stack.steps.clear()
    stack.run()
    assert stack.steps == []


def test_only_one_node_lives_until_set_up_is_done() -> None:
    stack = world(database(), product())
    while not stack.settled():
        stack.tick()
        view = stack.outcomes["tracker"].view
        living = [member for member in view.seen.members if member.life is Life.ALIVE]
        assert view.is_set_up() or len(living) <= 1


def test_members_are_replaced_one_at_a_time_while_another_serves() -> None:
    stack = world()
    stack.run()
    stack.desired["tracker"] = product(2, revision="r2")
    while not (stack.tick() or stack.settled()):
        pass
    while not stack.settled():
        stack.tick()
        assert stack.serving("tracker") >= 1
    drained = [step.member for step in stack.steps if isinstance(step, Drain)]
    assert drained == ["tracker-0", "tracker-1"]


def test_a_drain_comes_before_every_voluntary_stop() -> None:
    stack = changed_configuration()
    stack.run()
    drained = set()
    for step in stack.steps:
        if isinstance(step, Drain):
            drained.add(step.member)
        if isinstance(step, StopMember) and not step.failure:
            assert step.member in drained


def test_shutdown_stops_the_database_last() -> None:
    stack = shut_down()
    stack.run()
    stops = [step.component for step in stack.steps if isinstance(step, StopMember)]
    assert stops.index("database") > max(n for n, name in enumerate(stops) if name == "tracker")


def test_member_that_keeps_failing_is_tried_ever_more_rarely() -> None:
    stack = world()
    stack.run()
    stack.steps.clear()
    starts = []
    for _ in range(6):
        stack.platform.strike("tracker", "tracker-1", fault=Fault.ERROR)
        before = len(stack.steps)
        while not any(isinstance(step, StartMember) for step in stack.steps[before:]):
            stack.tick()
        starts.append(stack.clock.now())
    gaps = [later - sooner for sooner, later in itertools.pairwise(starts)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 20
    assert stack.serving("tracker") >= 1


def test_paused_component_is_left_alone() -> None:
    paused = replace(product(), paused=True)
    stack = world(database(), paused)
    for _ in range(40):
        stack.tick()
    assert stack.outcomes["tracker"].view.seen.members == ()


@settings(max_examples=60, deadline=None)
@given(
    strikes=st.lists(
        st.tuples(
            st.integers(0, 200),
            st.sampled_from(["tracker", "tracker-helper", "database", "edge"]),
            st.integers(0, 1),
            st.sampled_from(list(Fault)),
        ),
        max_size=12,
    ),
    deaths=st.sets(st.integers(0, 200), max_size=4),
)
def test_any_history_of_faults_heals(strikes: list[tuple[int, str, int, Fault]], deaths: set[int]) -> None:
    stack = world(database(), edge(), product(), companion())
    for tick in range(201):
        for when, component, ordinal, fault in strikes:
            if when == tick:
                stack.platform.strike(component, f"{component}-{ordinal}", fault=fault)
        if tick in deaths:
            stack.restart_controller()
        stack.tick()
    stack.run(seconds=5_000.0)
    expect_desired(stack)

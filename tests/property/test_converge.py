"""The standing operation ends well from wherever it is interrupted.

Every prefix of every plan is replayed with any member lost in any way at that point: the executor checks the
invariants before and after each step, and the world must end as it was desired. What is asked for by an operation is
replayed likewise by ``test_operations.py`` beside this file.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telamon.desired.component import ComponentDesired
from telamon.plan.step import Drain, StartMember, StopMember
from telamon.platforms.memory.parts import Fault
from telamon.state.world import ComponentKind, Life
from tests.support.replay import alive, can_happen, forks, in_turn
from tests.support.stacks import World, companion, database, edge, members, product, without_members, world


def running(*components: ComponentDesired) -> World:
    """A stack that runs."""
    stack = world(*components)
    stack.run()
    stack.steps.clear()
    return stack


def first_start() -> World:
    """A stack that was never started."""
    return world()


def first_start_with_standby() -> World:
    """The same, with a standby of the database."""
    return world(database(2), edge(), product(), companion())


def changed_configuration() -> World:
    """A running stack whose product gets a new configuration."""
    stack = running()
    stack.desired["tracker"] = product(revision="r2", objects="o2")
    return stack


def changed_everywhere() -> World:
    """A running stack all of whose components get a new configuration at once."""
    stack = running(database(2), edge(), product(), companion())
    stack.desired["tracker"] = product(revision="r2", objects="o2")
    for other in (database(2), edge(), companion()):
        changed = tuple(replace(member, revision="r2") for member in other.members)
        stack.desired[other.name] = replace(other, members=changed, objects="o2")
    return stack


def changed_release() -> World:
    """A running stack whose companion gets another release: nothing but a restart is needed for that."""
    stack = running()
    changed = members("tracker-helper", 2, revision="r2", release="1.1.0")
    stack.desired["tracker-helper"] = replace(companion(), members=changed)
    return stack


def grown() -> World:
    """A running stack whose product gets a third member."""
    stack = running()
    stack.desired["tracker"] = product(3)
    return stack


def shrunk() -> World:
    """A running stack whose product loses its third member, and must take it out of its registry by hand."""
    stack = running(database(), edge(), replace(product(3), forgets=True), companion())
    stack.desired["tracker"] = replace(product(2), forgets=True)
    return stack


def standby_added() -> World:
    """A running stack whose database gets a standby."""
    stack = running()
    stack.desired["database"] = database(2)
    return stack


def standby_removed() -> World:
    """A running stack whose database loses its standby."""
    stack = running(database(2), edge(), product(), companion())
    stack.desired["database"] = database(1)
    return stack


def product_added() -> World:
    """A running stack that gets another product."""
    stack = running()
    stack.desire(*both_products(), companion())
    return stack


def product_removed() -> World:
    """A running stack of two products that loses the one that has a companion."""
    stack = running(*both_products(), companion())
    stack.desire(database(), edge(), another())
    return stack


def shut_down() -> World:
    """A running stack that is to stop."""
    stack = running(database(2), edge(), product(), companion())
    stack.desired = {name: without_members(desired) for name, desired in stack.desired.items()}
    return stack


def another() -> ComponentDesired:
    """A second product."""
    return replace(
        product(), name="wiki", product="wiki", members=members("wiki", 2), login="wiki", login_turn=None
    )


def both_products() -> tuple[ComponentDesired, ...]:
    """What a stack of two products is made of."""
    return (replace(database(), required_by=("tracker", "wiki")), edge(), product(), another())


PLANS = {
    "first start": first_start,
    "first start with a standby": first_start_with_standby,
    "changed configuration": changed_configuration,
    "changed everywhere": changed_everywhere,
    "changed release": changed_release,
    "grown": grown,
    "shrunk": shrunk,
    "standby added": standby_added,
    "standby removed": standby_removed,
    "product added": product_added,
    "product removed": product_removed,
    "shut down": shut_down,
}


LONG = ("first start with a standby", "changed everywhere", "product added")
"""Plans of which each member is lost in one way at each point, a different one each time; `make test-all` tries all."""


@functools.cache
def prefixes(name: str) -> tuple[World, ...]:
    """The world after 0, 1, 2 … steps of the undisturbed plan, up to its end; to be forked before anything is done."""
    return tuple(forks(PLANS[name]()))


def expect_desired(stack: World) -> None:
    """Everything that is desired serves, in its revision; nothing else lives."""
    for name, desired in stack.desired.items():
        view = stack.outcomes[name].view
        living = {member.name: member for member in view.seen.members if member.life is not Life.ABSENT}
        assert set(living) == {member.name for member in desired.members}
        for member in desired.members:
            assert living[member.name].revision == member.revision
            assert living[member.name].release == member.release
        assert {member.name for member in view.fit()} == set(living)
        # Of database servers one serves, and the others could take over at once.
        alone = desired.kind is ComponentKind.DATABASE and desired.members
        assert len(view.serving()) == (1 if alone else len(desired.members))


def lose(prefix: World, component: str, *, member: str, fault: Fault) -> None:
    """Have something happen to a member, and see that all ends as desired."""
    stack = prefix.fork()
    assert stack.platform.strike(component, member, fault=fault)
    stack.run()
    expect_desired(stack)


@pytest.mark.parametrize("plan", PLANS)
def test_plan_ends_as_desired(plan: str) -> None:
    stack = PLANS[plan]()
    stack.run()
    expect_desired(stack)


@pytest.mark.parametrize("plan", PLANS)
def test_plan_is_replayed_from_its_begin_to_its_end(plan: str) -> None:
    steps = [prefix.steps for prefix in prefixes(plan)]
    assert [len(taken) for taken in steps] == list(range(len(steps)))
    assert len(steps) > 2


@pytest.mark.parametrize("plan", [plan for plan in PLANS if plan not in LONG])
@pytest.mark.parametrize("fault", list(Fault))
def test_every_prefix_with_any_member_lost_in_any_way(plan: str, fault: Fault) -> None:
    for prefix in prefixes(plan):
        for component, member in alive(prefix):
            if can_happen(fault, prefix.desired[component]):
                lose(prefix, component, member=member, fault=fault)


@pytest.mark.exhaustive
@pytest.mark.parametrize("plan", LONG)
@pytest.mark.parametrize("fault", list(Fault))
def test_every_prefix_of_a_long_plan_with_any_member_lost_in_any_way(plan: str, fault: Fault) -> None:
    test_every_prefix_with_any_member_lost_in_any_way(plan, fault)


@pytest.mark.parametrize("plan", LONG)
def test_every_prefix_of_a_long_plan_with_any_member_lost_in_some_way(plan: str) -> None:
    for place, prefix in enumerate(prefixes(plan)):
        for component, member, fault in in_turn(prefix, place):
            lose(prefix, component, member=member, fault=fault)


@pytest.mark.parametrize("plan", PLANS)
def test_controller_may_die_after_any_step(plan: str) -> None:
    for prefix in prefixes(plan):
        stack = prefix.fork()
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

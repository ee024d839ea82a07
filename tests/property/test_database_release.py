"""A newer minor release of the database goes from server to server, whatever happens in the middle of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telamon.plan.step import Drain, Step, StopMember, Wait
from telamon.products.release import Way
from telamon.state.world import Life
from tests.property.test_database_history import FIRST, SECOND, Site, pass_
from tests.support.stacks import World, database, product, world

OLD, NEW = "17.9", "17.10"


def site(release: str = OLD) -> Site:
    """Two servers of a release, one in sync with the other."""
    return Site(world(database(2, release=release))).up()


def ask(made: World, release: str) -> None:
    """Name other programs in the stack file."""
    made.desired["database"] = database(2, revision=f"r-{release}", release=release)


def releases(made: World) -> set[str | None]:
    """What the servers run."""
    return {member.release for member in made.outcomes["database"].view.seen.members}


def in_force(made: World) -> str | None:
    """The release that the data count as being of."""
    return made.executors["database"].memory.release


def stops(made: World) -> list[str]:
    """Servers that were stopped, in order."""
    return [
        step.member for step in made.steps if isinstance(step, StopMember) and step.component == "database"
    ]


def test_the_standby_goes_first_and_the_primary_hands_over() -> None:
    made = site()
    assert in_force(made.world) == OLD
    made.world.steps.clear()
    ask(made.world, NEW)
    pass_(made)
    made.heal()
    assert stops(made.world)[:2] == [SECOND, FIRST]
    assert (made.primary, releases(made.world), in_force(made.world)) == (SECOND, {NEW}, NEW)


@pytest.mark.parametrize("fault", ["crash", "hang", "cut", "controller"])
@pytest.mark.parametrize("victim", [FIRST, SECOND])
@pytest.mark.parametrize("distance", range(0, 24, 6))
def test_nothing_acknowledged_is_lost_whatever_dies_in_the_middle(
    fault: str, victim: str, distance: int
) -> None:
    made = site()
    ask(made.world, NEW)
    pass_(made, distance)
    made.strike(fault, victim)
    pass_(made, 20)
    made.heal()
    assert (releases(made.world), in_force(made.world)) == ({NEW}, NEW)


@pytest.mark.parametrize("distance", range(0, 12, 3))
def test_whoever_thinks_better_of_it_on_the_way_goes_back(distance: int) -> None:
    made = site()
    ask(made.world, NEW)
    pass_(made, distance)
    assert in_force(made.world) == OLD
    ask(made.world, OLD)
    made.heal()
    assert (releases(made.world), in_force(made.world)) == ({OLD}, OLD)


@pytest.mark.parametrize(("release", "why"), [("17.9", "taken back"), ("16.14", "major"), ("18.1", "major")])
def test_neither_an_older_release_nor_another_major_one_stops_a_server(release: str, why: str) -> None:
    made = site(NEW)
    made.world.steps.clear()
    ask(made.world, release)
    pass_(made)
    assert stops(made.world) == []
    assert releases(made.world) == {NEW}
    assert made.write()
    decision = made.world.outcomes["database"].decision
    assert isinstance(decision, Wait)
    assert why in decision.message
    ask(made.world, NEW)
    made.heal()


def test_data_that_nobody_serves_are_not_given_to_an_older_release() -> None:
    made = site(NEW)
    desired = made.world.desired["database"]
    made.world.desired["database"] = replace(desired, members=())
    made.world.run()
    ask(made.world, OLD)
    for _ in range(40):
        made.world.tick()
    assert {member.life for member in made.world.outcomes["database"].view.seen.members} <= {
        Life.ABSENT,
        Life.EXITED,
    }
    ask(made.world, NEW)
    made.heal()


@pytest.mark.parametrize(("way", "verb"), [(Way.ROLLING, "upgrade"), (Way.DOWNTIME, "major-upgrade")])
def test_a_product_changes_its_release_after_its_database(way: Way, verb: str) -> None:
    made = world(database(2, release=OLD), product(2))
    made.run()
    made.steps.clear()
    ask(made, NEW)
    made.ask_for_release("tracker", "1.1.0", way=way)
    made.operate("tracker", verb, to="1.1.0")
    made.run(seconds=5_000.0)
    assert {found.ending for found in made.endings.values()} == {"Succeeded"}
    assert releases(made) == {NEW}

    def of_the_product(step: Step) -> bool:
        return step.component == "tracker" and isinstance(step, Drain | StopMember)

    first = next(number for number, step in enumerate(made.steps) if of_the_product(step))
    assert [
        step for step in made.steps[first:] if isinstance(step, StopMember) and step.component == "database"
    ] == []
    assert set(stops(made)) == {FIRST, SECOND}

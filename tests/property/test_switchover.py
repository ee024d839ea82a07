"""A switchover loses nothing and ends, whatever happens in the middle of it."""

from __future__ import annotations

import pytest

from telamon.plan.operation import Running
from telamon.plan.operations.registry import refusals
from telamon.plan.step import Finished
from telamon.plan.view import View
from telamon.platforms.memory.parts import Fault
from tests.property.test_database_history import FIRST, SECOND, Site, pass_
from tests.support.stacks import database, world


def ask(site: Site, member: str = "") -> Running:
    """Ask for it."""
    return site.world.operate("database", "switchover", member=member)


def finish(site: Site) -> Finished:
    """Go on under writes until it has ended."""
    for _ in range(400):
        site.tick()
        if not site.world.operations:
            return next(iter(site.world.endings.values()))
    raise AssertionError(f"no end: {site.world.outcomes['database'].decision}")


def asked(site: Site, member: str = "") -> list[str]:
    """The guards that refuse it now."""
    view = site.world.outcomes["database"].view
    view = View(view.desired, view.seen, site.world.executors["database"].memory, site.world.clock.now())
    return [found.guard for found in refusals(view, Running("switchover", "switchover", member))]


@pytest.mark.parametrize("member", ["", SECOND])
def test_standby_takes_over_and_the_old_primary_follows(member: str) -> None:
    site = Site().up()
    ask(site, member)
    assert finish(site).ending == "Succeeded"
    assert site.primary == SECOND
    site.heal()
    assert site.servers.kept(FIRST) == site.servers.kept(SECOND)


def test_there_and_back() -> None:
    site = Site().up()
    for chosen in (SECOND, FIRST):
        site.world.endings.clear()
        ask(site, chosen)
        assert finish(site).ending == "Succeeded"
        assert site.primary == chosen
    site.heal()


@pytest.mark.parametrize("fault", ["crash", "hang", "cut", "controller"])
@pytest.mark.parametrize("victim", [FIRST, SECOND])
@pytest.mark.parametrize("distance", range(0, 14, 2))
def test_any_fault_in_the_middle(fault: str, victim: str, distance: int) -> None:
    site = Site().up()
    ask(site)
    pass_(site, distance)
    site.strike(fault, victim)
    pass_(site, 20)
    site.servers.cut.clear()
    finished = finish(site) if site.world.operations else next(iter(site.world.endings.values()))
    assert finished.ending in {"Succeeded", "Failed"}
    site.heal()


def test_cancelled_before_it_began_changes_nothing() -> None:
    site = Site().up()
    ask(site)
    site.world.tick()
    site.world.cancel("database")
    assert finish(site).ending == "Cancelled"
    assert site.primary == FIRST
    site.heal()


def test_refused_without_a_standby_that_has_everything() -> None:
    alone = Site(world(database())).world
    alone.run()
    assert asked(Site(alone)) == ["standby-has-everything"]
    site = Site().up()
    assert asked(site) == []
    assert asked(site, FIRST) == ["is-not-primary-already"]
    assert asked(site, "database-7") == ["member-is-known", "standby-has-everything"]
    site.strike("cut", SECOND)
    pass_(site)
    assert asked(site) == ["standby-has-everything"]


def test_standby_lost_meanwhile_ends_it_and_the_primary_goes_on() -> None:
    site = Site().up()
    ask(site)
    site.world.tick()
    site.world.platform.strike("database", SECOND, fault=Fault.CRASH)
    pass_(site, 1)
    assert finish(site).ending in {"Failed", "Succeeded"}
    site.heal()

"""Operations that somebody asks for in a maintenance window: they begin there, once, and hold nothing up before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telamon.desired.windows import Window, gate
from telamon.errors import NotReadyError, RefusedError
from telamon.operator.operations import Operations, Wish
from telamon.plan.operation import Running
from telamon.plan.view import View
from telamon.platforms.memory.clock import ManualClock
from telamon.platforms.memory.store import MemoryStore
from telamon.state.world import Life
from tests.support.stacks import database, product, world

NAME = "tracker"
WISH = Wish("restart", NAME, "", {"in-window": "yes"})
HOUR = 3_600.0


def running() -> tuple[Operations, View]:
    """What keeps operations, and a product that runs, an hour before its window opens."""
    made = world(database(), product(2))
    made.run()
    begin = int(made.clock.now() % 86_400 // 60) + 60
    window = Window(frozenset(range(7)), begin % 1_440, HOUR)
    view = made.outcomes[NAME].view
    view = replace(view, desired=replace(view.desired, windows=(window,)), now=made.clock.now())
    return Operations(MemoryStore(), made.clock), view


def opened(operations: Operations, view: View) -> View:
    """The same when the window has opened."""
    found = gate(view.desired.windows, view.now)
    assert found is not None
    assert isinstance(operations.clock, ManualClock)
    operations.clock.sleep(found.until - view.now + 1)
    return replace(view, now=found.until + 1)


def ask(operations: Operations, view: View, wish: Wish = WISH) -> str:
    """Ask for it. Returns its name."""
    return operations.accept(wish, view, stack="acme", generation=1).metadata.name


def test_it_begins_once_the_window_opens_and_others_go_before() -> None:
    operations, view = running()
    name = ask(operations, view)
    status = operations.get(name).status
    assert (status.phase, "begins in the maintenance window that opens" in status.message) == (
        "Pending",
        True,
    )
    assert operations.let_in(view) is None
    assert operations.active(NAME) is None
    other = ask(operations, view, Wish("backup", NAME, "", {}))
    active = operations.active(NAME)
    assert active is not None
    assert active.name == other
    later = opened(operations, view)
    assert operations.let_in(replace(later, operation=active)) is None
    operations._write(operations._stored(other), {"phase": "Succeeded"})
    begun = operations.let_in(later)
    assert begun is not None
    assert (begun.name, begun.since) == (name, operations.clock.now())
    assert operations.active(NAME) == begun
    assert operations.let_in(later) is None


def test_another_controller_goes_on_waiting_and_goes_on_with_what_has_begun() -> None:
    operations, view = running()
    name = ask(operations, view)
    successor = Operations(operations.store, operations.clock)
    assert successor.active(NAME) is None
    later = opened(operations, view)
    begun = successor.let_in(later)
    assert begun is not None
    assert begun.name == name
    third = Operations(operations.store, operations.clock)
    assert third.active(NAME) == begun
    assert third.let_in(later) is None


def test_several_begin_in_the_order_in_which_they_were_asked_for() -> None:
    operations, view = running()
    names = [ask(operations, view), ask(operations, view)]
    later = opened(operations, view)
    found: list[str] = []
    for _ in names:
        begun = operations.let_in(later)
        assert begun is not None
        found.append(begun.name)
        operations._write(operations._stored(begun.name), {"phase": "Succeeded"})
    assert found == names


def test_a_guard_that_refuses_then_holds_it_until_it_does_not() -> None:
    operations, view = running()
    name = ask(operations, view)
    later = opened(operations, view)
    down = later.seen.members[1].with_(life=Life.EXITED)
    hurt = later.with_seen(later.seen.with_member(down))
    assert operations.let_in(hurt) is None
    assert "Exited" in operations.get(name).status.message
    assert operations.let_in(later) is not None


def test_it_begins_at_once_where_the_stack_file_names_no_window_any_more() -> None:
    operations, view = running()
    name = ask(operations, view)
    begun: Running | None = operations.let_in(replace(view, desired=replace(view.desired, windows=())))
    assert begun is not None
    assert begun.name == name


def test_cancelled_before_it_begins_it_never_does() -> None:
    operations, view = running()
    name = ask(operations, view)
    assert operations.cancel(name).status.phase == "Cancelled"
    assert operations.let_in(opened(operations, view)) is None
    with pytest.raises(NotReadyError, match="has ended"):
        operations.cancel(name)


def test_refused_where_there_is_no_window() -> None:
    operations, view = running()
    with pytest.raises(RefusedError) as caught:
        ask(operations, replace(view, desired=replace(view.desired, windows=())))
    assert caught.value.guard == "window-is-named"
    assert operations.all() == ()

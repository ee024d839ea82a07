"""The least busy go first, where that is clear; otherwise the order stays, and a plan does not turn back and forth."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from telamon.plan.busy import CLEARLY, least_busy_first
from telamon.plan.step import Drain
from telamon.state.world import MemberState
from tests.support.stacks import product, world


def order(*loads: float | None) -> list[int]:
    members = [MemberState(f"m-{number}", number, load=load) for number, load in enumerate(loads)]
    return [member.ordinal for member in least_busy_first(members)]


def test_the_least_busy_goes_first() -> None:
    assert order(50.0, 10.0) == [1, 0]
    assert order(50.0, 30.0, 10.0) == [2, 1, 0]


def test_about_as_busy_keeps_the_order() -> None:
    assert order(50.0, 48.0) == [0, 1]
    assert order(50.0, 50.0, 49.0) == [0, 1, 2]
    assert order(0.1, 0.0) == [0, 1]


def test_where_somebody_is_unknown_the_order_stays() -> None:
    assert order(50.0, None) == [0, 1]
    assert order(None, 1.0) == [0, 1]
    assert order(50.0, 1.0, None) == [0, 1, 2]


@given(st.lists(st.floats(1.0, 1_000.0), min_size=1, max_size=8), st.floats(0.9, 1.1))
def test_nobody_is_left_out_and_what_is_not_clear_changes_nothing(loads: list[float], noise: float) -> None:
    assert sorted(order(*loads)) == list(range(len(loads)))
    first = order(*loads)[0]
    assert first == 0 or loads[first] < loads[0] * CLEARLY
    assert order(100.0, *[100.0 * noise] * 3) == [0, 1, 2, 3]


def drained(loads: dict[str, float]) -> list[str]:
    made = world(*[part for part in world().desired.values() if part.name != "tracker"], product(3))
    made.run()
    made.platform.loads |= loads
    made.steps.clear()
    made.ask_for_release("tracker", "1.1.0")
    made.operate("tracker", "upgrade", to="1.1.0")
    made.run()
    assert {member.release for member in made.outcomes["tracker"].view.serving()} == {"1.1.0"}
    return [step.member for step in made.steps if isinstance(step, Drain)]


def test_an_upgrade_begins_with_the_least_busy_node() -> None:
    loads = {"tracker-0": 40.0, "tracker-1": 20.0, "tracker-2": 5.0}
    assert drained(loads)[0] == "tracker-2"
    assert drained({})[0] == "tracker-0"

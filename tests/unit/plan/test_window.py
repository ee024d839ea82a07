"""What waits for a maintenance window, what does not, and when one is open whatever clocks are put to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from telamon.desired.component import LoginTurn
from telamon.desired.windows import Window, gate, when, windows_of
from telamon.model.care import MaintenanceSpec
from telamon.operator.report import Lane, Transitions, stack_status
from telamon.plan.preview import unfold
from telamon.plan.step import Step, StopMember, Wait
from telamon.plan.view import View
from telamon.platforms.memory.parts import Fault
from telamon.state.world import Life
from tests.support.stacks import World, companion, database, product, world

NAME, HELPER = "tracker", "tracker-helper"
HOUR = 3_600.0
ALL = frozenset(range(7))
WHOLE_DAY = 1440
BERLIN = "Europe/Berlin"


def at(text: str, zone: str = "UTC") -> float:
    """An instant of a wall clock."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def window(
    start: str = "02:00", *, hours: float = 2, days: frozenset[int] = ALL, zone: str = BERLIN
) -> Window:
    """A window."""
    return Window(days, 60 * int(start[:2]) + int(start[3:]), hours * HOUR, zone)


# ------------------------------------------------------------------------------------------ when it is open


def test_it_opens_and_closes_by_the_wall_clock_of_its_zone() -> None:
    saturday = (window(days=frozenset({5})),)
    shut = gate(saturday, at("2026-01-09T12:00", BERLIN))
    assert shut is not None
    assert (shut.open, when(shut.until, shut.timezone)) == (False, "Sat 10 Jan 02:00 Europe/Berlin")
    inside = gate(saturday, at("2026-01-10T02:00", BERLIN))
    assert inside is not None
    assert (inside.open, inside.until) == (True, at("2026-01-10T04:00", BERLIN))
    after = gate(saturday, at("2026-01-10T04:00", BERLIN))
    assert after is not None
    assert (after.open, after.until) == (False, at("2026-01-17T02:00", BERLIN))


def test_it_goes_on_over_midnight_and_into_the_next_one() -> None:
    friday = window("23:00", hours=3, days=frozenset({4}))
    found = gate((friday,), at("2026-01-10T01:00", BERLIN))
    assert found is not None
    assert (found.open, found.until) == (True, at("2026-01-10T02:00", BERLIN))
    found = gate((friday, window("01:30", hours=1, days=frozenset({5}))), at("2026-01-10T01:00", BERLIN))
    assert found is not None
    assert (found.open, found.until) == (True, at("2026-01-10T02:30", BERLIN))


@pytest.mark.parametrize(
    ("start", "day", "opens"),
    [
        # 29 March 2026: 02:00 becomes 03:00. 25 October 2026: 03:00 becomes 02:00.
        ("02:30", "2026-03-29", "2026-03-29T01:30+00:00"),
        ("03:30", "2026-03-29", "2026-03-29T01:30+00:00"),
        ("01:30", "2026-03-29", "2026-03-29T00:30+00:00"),
        ("02:30", "2026-10-25", "2026-10-25T00:30+00:00"),
        ("03:30", "2026-10-25", "2026-10-25T02:30+00:00"),
    ],
)
def test_clocks_that_are_put_forward_or_back(start: str, day: str, opens: str) -> None:
    begin = datetime.fromisoformat(opens).timestamp()
    found = gate((window(start, hours=2),), at(f"{day}T00:10", BERLIN))
    assert found is not None
    assert (found.open, found.until) == (False, begin)
    for moment, is_open in ((begin, True), (begin + 2 * HOUR - 1, True), (begin + 2 * HOUR, False)):
        found = gate((window(start, hours=2),), moment)
        assert found is not None
        assert found.open is is_open


@given(
    instant=st.floats(1_700_000_000, 1_900_000_000),
    start=st.integers(0, 1439),
    length=st.integers(15, 1440),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    zone=st.sampled_from(
        ["UTC", BERLIN, "America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu"]
    ),
)
def test_what_it_says_holds_until_when_it_says(
    instant: float, start: int, length: int, days: frozenset[int], zone: str
) -> None:
    assume(length < WHOLE_DAY or days != ALL)
    windows = (Window(days, start, 60.0 * length, zone),)
    found = gate(windows, instant)
    assert found is not None
    assert instant < found.until <= instant + timedelta(days=8).total_seconds()
    before, after = gate(windows, found.until - 0.5), gate(windows, found.until)
    assert before is not None
    assert after is not None
    assert before.open is found.open or found.until - instant < 1
    assert after.open is not found.open


def test_a_window_that_is_open_all_week_does_not_close_within_the_week() -> None:
    always = (Window(ALL, 0, 60.0 * WHOLE_DAY),)
    found = gate(always, 1_700_000_000.0)
    assert found is not None
    assert found.open
    assert found.until > 1_700_000_000.0 + timedelta(days=7).total_seconds()


def test_a_stack_file_without_windows_or_with_an_unknown_zone_holds_nothing_back() -> None:
    assert gate((), 0.0) is None
    assert gate((window(zone="Atlantis/Capital"),), 0.0) is None
    spec = {"windows": [{"days": ["sat", "sun"], "start": "22:15", "duration": "90m", "timezone": BERLIN}]}
    made = windows_of(MaintenanceSpec.model_validate(spec, strict=False))
    assert made == (Window(frozenset({5, 6}), 22 * 60 + 15, 5_400.0, BERLIN),)


# ------------------------------------------------------------------------------------------ what waits


def running(*, opens: float = HOUR) -> World:
    """A stack that runs, with a window that opens later."""
    shared = replace(product(2), login_turn=LoginTurn("_tracker_a", (HELPER,)))
    made = world(database(2), shared, replace(companion(), login=NAME))
    made.run()
    begin = datetime.fromtimestamp(made.clock.now() + opens, UTC)
    every_day = Window(ALL, begin.hour * 60 + begin.minute, HOUR, "UTC")
    for name, desired in made.desired.items():
        made.desired[name] = replace(desired, windows=(every_day,))
    made.steps.clear()
    return made


def change(made: World, *names: str) -> None:
    """Change settings that need a restart."""
    for name in names:
        desired = made.desired[name]
        changed = tuple(replace(member, revision="r2") for member in desired.members)
        made.desired[name] = replace(desired, members=changed)


def stopped(steps: list[Step]) -> set[str]:
    """Components of which a member was stopped."""
    return {step.component for step in steps if isinstance(step, StopMember)}


def revisions(made: World) -> set[str | None]:
    """What all members run with."""
    return {member.revision for name in made.desired for member in made.platform.living(name)}


def waits(made: World) -> Mapping[str, str]:
    """What components wait for."""
    decisions = {name: outcome.decision for name, outcome in made.outcomes.items()}
    return {name: found.reason for name, found in decisions.items() if isinstance(found, Wait)}


def test_changed_settings_wait_until_it_opens_and_then_come_into_force() -> None:
    made = running()
    change(made, *made.desired)
    for _ in range(200):
        made.tick()
    assert made.steps == []
    assert waits(made) == dict.fromkeys(made.desired, "AwaitsWindow")
    made.run(seconds=3 * HOUR)
    assert revisions(made) == {"r2"}


def test_members_that_are_out_of_rotation_for_it_are_finished_when_it_closes() -> None:
    made = running(opens=120)
    made.desired[NAME] = replace(
        made.desired[NAME], windows=tuple(replace(one, length=61.0) for one in made.desired[NAME].windows)
    )
    change(made, NAME)
    drained = None
    while drained is None:
        made.tick()
        drained = next((member for member in made.platform.living(NAME) if not member.admitted), None)
    made.clock.sleep(120)
    made.run_until(lambda: waits(made).get(NAME) == "AwaitsWindow")
    assert len(made.serving_members(NAME)) == 2
    assert revisions(made) == {"r1", "r2"}


def test_healing_never_waits() -> None:
    made = running()
    change(made, NAME)
    made.tick()
    assert made.platform.strike(NAME, f"{NAME}-0", fault=Fault.CRASH)
    made.platform.strike(HELPER, f"{HELPER}-1", fault=Fault.HANG)
    made.run_until(lambda: made.serving(NAME) == 2 and made.serving(HELPER) == 2 and "r2" in revisions(made))
    lives = {member.life for member in made.platform.living(NAME)}
    assert lives == {Life.ALIVE}
    assert revisions(made) == {"r1", "r2"}


def test_what_a_person_asks_for_goes_at_once_and_companions_go_with_it() -> None:
    made = running()
    made.operate(NAME, "rotate-database-password")
    made.run_until(lambda: not made.operations)
    assert next(iter(made.endings.values())).ending == "Succeeded"
    assert {member.login for name in (NAME, HELPER) for member in made.platform.living(name)} == {
        "_tracker_a"
    }
    again = running()
    again.operate(NAME, "restart")
    again.run_until(lambda: not again.operations)
    assert next(iter(again.endings.values())).ending == "Succeeded"


def test_another_operation_lets_nothing_through_that_waits() -> None:
    made = running()
    change(made, NAME)
    made.operate(NAME, "backup")
    made.run_until(lambda: not made.operations)
    assert [finished.ending for finished in made.endings.values()] == ["Succeeded"]
    assert stopped(made.steps) == set()


def test_plan_and_status_tell_until_when() -> None:
    made = running()
    change(made, NAME)
    made.tick()
    views: dict[str, View] = {name: outcome.view for name, outcome in made.outcomes.items()}
    preview = unfold(views)
    assert preview.steps == ()
    (left,) = preview.waits
    opens = when(made.clock.now() + HOUR, "UTC")[:10]
    assert (left.component, left.reason) == (NAME, "AwaitsWindow")
    assert opens in left.message
    lanes = {name: Lane(outcome, 1, {}) for name, outcome in made.outcomes.items()}
    now = datetime.fromtimestamp(made.clock.now(), UTC)
    status = stack_status(lanes, generation=1, now=now, transitions=Transitions(), urls={})
    conditions = {found.type: found for found in status.conditions}
    assert (conditions["Ready"].status, conditions["AwaitsWindow"].status) == ("True", "True")
    assert opens in conditions["AwaitsWindow"].message

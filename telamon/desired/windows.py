"""Maintenance windows: times that come round, as instants.

A window opens at a time of the wall clock and stays open for a length of time that passes everywhere alike. Where
clocks are put forward over its beginning, that time does not exist, and it opens as much later as the clocks were put;
where they are put back over it, the first of the two counts. Source: PEP 495, "Local Time Disambiguation".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from telamon.model.care import MaintenanceSpec
from telamon.model.zones import UNIVERSAL, zone

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AHEAD = 8
"""Days to look ahead: each weekday comes round within seven, and the wall clock may be a day ahead."""
BEHIND = 2
"""Days to look back: a window stays open for a day at most."""


@dataclass(frozen=True)
class Window:
    """One of them.

    Attributes:
        days: of the week on which it opens; Monday is 0.
        start: minutes after midnight, on the wall clock.
        length: seconds for which it stays open.
        timezone: where the wall clock hangs, as IANA names it.
    """

    days: frozenset[int]
    start: int
    length: float
    timezone: str = UNIVERSAL


@dataclass(frozen=True)
class Gate:
    """How windows stand at an instant.

    Attributes:
        open: whether one of them is open.
        until: instant at which that changes, seconds; of windows that leave no gap, how far was looked ahead.
        timezone: of the window that makes the change.
    """

    open: bool
    until: float
    timezone: str


def windows_of(spec: MaintenanceSpec) -> tuple[Window, ...]:
    """The windows of a stack file."""
    return tuple(
        Window(
            frozenset(DAYS.index(day) for day in window.days),
            60 * int(window.start[:2]) + int(window.start[3:]),
            window.duration.seconds,
            window.timezone,
        )
        for window in spec.windows
    )


def gate(windows: tuple[Window, ...], now: float) -> Gate | None:
    """How windows stand.

    Args:
        windows: all of them.
        now: instant, seconds.

    Returns:
        ``None`` where there is no window, or no zone of theirs is known here: nothing then waits.
    """
    times = sorted(found for window in windows for found in _times(window, now))
    if not times:
        return None
    end, where = now, ""
    for begin, closes, name in times:
        # One that begins before another ends goes on from it.
        if begin <= end < closes:
            end, where = closes, name
    if where:
        return Gate(open=True, until=end, timezone=where)
    begin, _, name = next(found for found in times if found[0] > now)
    return Gate(open=False, until=begin, timezone=name)


def when(instant: float, timezone: str) -> str:
    """An instant as the wall clock shows it, for people."""
    shown = datetime.fromtimestamp(instant, zone(timezone) or UTC)
    return f"{shown:%a} {shown.day} {shown:%b} {shown:%H:%M} {timezone}"


def _times(window: Window, now: float) -> Iterator[tuple[float, float, str]]:
    """Begin, end and zone of each time that a window is open around an instant."""
    rules = zone(window.timezone)
    if rules is None:
        return
    today = datetime.fromtimestamp(now, rules).date()
    for offset in range(-BEHIND, AHEAD + 1):
        begin = _begin(window, today + timedelta(days=offset), rules)
        if begin is not None:
            yield begin, begin + window.length, window.timezone


def _begin(window: Window, day: date, rules: tzinfo) -> float | None:
    if day.weekday() not in window.days:
        return None
    hour, minute = divmod(window.start, 60)
    return datetime.combine(day, time(hour, minute), rules).timestamp()

"""Pictures of a run as SVG within a page: answers over time, and percentiles by phase. Both on a logarithmic scale."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from telamon.proof.drill.outcome import Seen

WIDTH, HEIGHT = 720, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 34, 26
LOWEST, HIGHEST = 1.0, 20_000.0
"""Milliseconds at the lower and the upper edge."""
LEVELS: Final = (1, 10, 100, 1000, 10_000)
PHASES: Final = ("before", "during", "after")

Point = Sequence[float | None]


def over_time(seen: Seen, *, marks: Mapping[str, float]) -> str:
    """Median and longest answer, failures, and what happened when.

    Args:
        seen: by the users of one product.
        marks: instants after the first fault, by name; those that never came are infinite.
    """
    points = [point for point in seen.load.series if point[0] is not None]
    first = min((float(point[0] or 0.0) for point in points), default=0.0)
    last = max((float(point[0] or 0.0) for point in points), default=1.0)
    across = _Across(first, max(last, first + 1.0))
    failed = sum(int(point[2] or 0) for point in points)
    said = f"Median and longest answer for each quarter of a second; {failed} requests failed."
    known = {"fault": 0.0, **{name: at for name, at in marks.items() if math.isfinite(at)}}
    parts = (
        *_span(across, known),
        *_levels(),
        *_seconds(across),
        *_marks(across, known),
        _line("longest", across, points, column=4),
        _line("median", across, points, column=3),
        *_failures(across, points),
    )
    return _svg(f"Answers over time, {seen.product}", said, parts)


def by_phase(seen: Seen) -> str:
    """Percentiles before, during and after, side by side.

    Args:
        seen: by the users of one product.
    """
    names = list(next(iter(seen.percentiles.values()), {}))
    group = (WIDTH - LEFT - RIGHT) / max(len(names), 1)
    width = min(group / 4, 46.0)
    bars: list[str] = [*_levels()]
    told: list[str] = []
    for number, name in enumerate(names):
        middle = LEFT + (number + 0.5) * group
        bars.append(_text(middle, HEIGHT - 8, name, anchor="middle"))
        for place, phase in enumerate(PHASES):
            value = seen.percentiles.get(phase, {}).get(name, math.nan)
            if not math.isfinite(value):
                continue
            x, top = middle + (place - 1.5) * width, _down(value * 1000)
            height = max(HEIGHT - BOTTOM - top, 1.0)
            bars.append(
                f'<rect class="{phase}" x="{x:.1f}" y="{top:.1f}" width="{width - 3:.1f}" height="{height:.1f}"/>'
            )
            bars.append(_text(x + (width - 3) / 2, top - 4, _short(value * 1000), anchor="middle"))
            told.append(f"{phase} {name} {_short(value * 1000)} ms")
    return _svg(f"Percentiles by phase, {seen.product}", "; ".join(told), bars)


class _Across:
    """Where instants are."""

    def __init__(self, first: float, last: float) -> None:
        self.first, self.last = first, last

    def __call__(self, instant: float) -> float:
        share = (instant - self.first) / (self.last - self.first)
        return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)


def _down(milliseconds: float) -> float:
    held = min(max(milliseconds, LOWEST), HIGHEST)
    share = math.log10(held / LOWEST) / math.log10(HIGHEST / LOWEST)
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _svg(title: str, said: str, parts: Sequence[str]) -> str:
    label = html.escape(f"{title}. {said}", quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _levels() -> Iterator[str]:
    for milliseconds in LEVELS:
        y = _down(milliseconds)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(LEFT - 6, y + 4, f"{milliseconds:,}", anchor="end")


def _seconds(across: _Across) -> Iterator[str]:
    span = across.last - across.first
    step = next((step for step in (5, 10, 20, 30, 60, 120) if span / step <= 9), 300)
    for instant in range(math.ceil(across.first / step) * step, math.floor(across.last) + 1, step):
        yield _text(across(instant), HEIGHT - 8, f"{instant} s", anchor="middle")


def _span(across: _Across, marks: Mapping[str, float]) -> Iterator[str]:
    """What lies between the first fault and the end of the last."""
    begin, end = across(0.0), across(marks.get("fault over", 0.0))
    if end - begin > 1:
        height = HEIGHT - TOP - BOTTOM
        yield f'<rect class="span" x="{begin:.1f}" y="{TOP}" width="{end - begin:.1f}" height="{height}"/>'


def _marks(across: _Across, marks: Mapping[str, float]) -> Iterator[str]:
    """Lines with names; a name that would lie over another one moves up a line, then is left to the table."""
    ends = [-math.inf, -math.inf]
    for name, instant in sorted(marks.items(), key=lambda mark: mark[1]):
        x = across(instant)
        yield f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{HEIGHT - BOTTOM}"/>'
        row = next((row for row, end in enumerate(ends) if x >= end), None)
        if row is not None:
            room = len(name) * 6.0 + 8
            left = min(x, WIDTH - RIGHT - room)
            ends[row] = left + room
            yield _text(left + 2, TOP - 8 - row * 13, name)


def _line(name: str, across: _Across, points: Sequence[Point], *, column: int) -> str:
    """A line that is broken where nothing was answered."""
    steps: list[str] = []
    pen = "M"
    for point in points:
        instant, value = point[0], point[column]
        if instant is None or value is None:
            pen = "M"
            continue
        steps.append(f"{pen}{across(instant):.1f} {_down(value):.1f}")
        pen = "L"
    return f'<path class="{name}" d="{"".join(steps)}"/>'


def _failures(across: _Across, points: Sequence[Point]) -> Iterator[str]:
    for point in points:
        if point[0] is not None and point[2]:
            x = across(point[0])
            bottom = HEIGHT - BOTTOM
            yield f'<line class="broken-off" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom - 14}"/>'


def _short(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}" if milliseconds >= 10 else f"{milliseconds:.1f}"


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'

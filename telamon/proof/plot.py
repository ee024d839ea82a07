"""A small picture of a run: what answers took over time, what failed, and what happened when."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence

WIDTH, HEIGHT = 860, 250
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 30, 34
LOWEST, HIGHEST = 1.0, 10_000.0
"""Milliseconds at the lower and the upper edge; the scale is logarithmic."""
STYLE = (
    "text{font:11px system-ui,sans-serif;fill:#333}"
    ".grid{stroke:#ddd}.median{fill:none;stroke:#1f6f8b;stroke-width:1.4}"
    ".longest{fill:none;stroke:#d98b1f;stroke-width:1}.failed{stroke:#b3261e;stroke-width:2}"
    ".mark{stroke:#555;stroke-dasharray:4 3}"
)

Point = Sequence[float | None]


class Scale:
    """Where instants and milliseconds are in the picture.

    Args:
        first: earliest instant, in seconds after the fault.
        last: latest.
    """

    def __init__(self, first: float, last: float) -> None:
        self.first = first
        self.last = max(last, first + 1)

    def x(self, instant: float) -> float:
        """Across."""
        return LEFT + (instant - self.first) / (self.last - self.first) * (WIDTH - LEFT - RIGHT)

    def y(self, milliseconds: float) -> float:
        """Down."""
        held = min(max(milliseconds, LOWEST), HIGHEST)
        share = math.log10(held / LOWEST) / math.log10(HIGHEST / LOWEST)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def draw(title: str, points: Sequence[Point], *, marks: Mapping[str, float]) -> str:
    """Draw a run as SVG.

    Args:
        title: what it is.
        points: instant, requests, failed, median and longest in milliseconds; as
            :class:`telamon.proof.summary.Load` has them.
        marks: instants by name; those that never came are infinite.
    """
    instants = [point[0] for point in points if point[0] is not None]
    scale = Scale(min(instants, default=0.0), max(instants, default=1.0))
    failed = sum(point[2] or 0 for point in points)
    said = (
        f"Median and longest answer per quarter of a second, in milliseconds. {failed:.0f} requests failed."
    )
    named = f'<title id="t">{html.escape(title)}</title><desc id="d">{said}</desc>'
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="t d">{named}',
        f'<style>{STYLE}</style><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, 18, f"{title}: median (blue), longest (orange), failed (red); milliseconds"),
        *_grid(scale),
        *_marks(scale, marks),
        _line("longest", scale, points, column=4),
        _line("median", scale, points, column=3),
        *_failures(scale, points),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _grid(scale: Scale) -> Iterator[str]:
    for milliseconds in (1, 10, 100, 1000, 10_000):
        y = scale.y(milliseconds)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(LEFT - 6, y + 4, f"{milliseconds:,}", anchor="end")
    for instant in range(math.ceil(scale.first / 5) * 5, math.floor(scale.last) + 1, 5):
        yield _text(scale.x(instant), HEIGHT - 14, f"{instant} s", anchor="middle")


def _marks(scale: Scale, marks: Mapping[str, float]) -> Iterator[str]:
    for name, instant in {"fault": 0.0, **marks}.items():
        if not math.isfinite(instant) or not scale.first <= instant <= scale.last or not marks:
            continue
        x = scale.x(instant)
        yield f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        yield _text(x + 3, TOP + 10, name)


def _line(name: str, scale: Scale, points: Sequence[Point], *, column: int) -> str:
    """A line that is broken where nothing was answered."""
    steps = []
    pen = "M"
    for point in points:
        instant, value = point[0], point[column]
        if instant is None or value is None:
            pen = "M"
            continue
        steps.append(f"{pen}{scale.x(instant):.1f} {scale.y(value):.1f}")
        pen = "L"
    return f'<path class="{name}" d="{"".join(steps)}"/>'


def _failures(scale: Scale, points: Sequence[Point]) -> Iterator[str]:
    for point in points:
        if point[0] is not None and point[2]:
            x = scale.x(point[0])
            yield f'<line class="failed" x1="{x:.1f}" x2="{x:.1f}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM - 12}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'

"""What is refused of a maintenance window, and with which remedy."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator

import pytest

from telamon.products.registry import registry
from telamon.stackfile.reader import read

FILE = """
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {{name: acme}}
spec:
  domain: acme.example
  products: {{jira: {{version: 11.3.1}}}}
  maintenance:
    windows:
      - {{{window}}}
"""


@pytest.mark.parametrize(
    ("window", "says"),
    [
        ("start: '02:00', duration: 1h, timezone: Europe/Berlim", "no time zone is called Europe/Berlim"),
        ("start: '02:00', duration: 1h, timezone: ../etc/passwd", "is not a time zone"),
        ("start: '24:00', duration: 1h", "is not a time of day"),
        ("start: '2:00', duration: 1h", "is not a time of day"),
        ("start: '02:00', duration: 5m", "5m"),
        ("start: '02:00', duration: 25h", "1d1h"),
        ("start: '02:00'", "duration"),
        ("days: [], start: '02:00', duration: 1h", "days"),
        ("days: [sunday], start: '02:00', duration: 1h", "sunday"),
    ],
)
def test_a_window_that_cannot_be_is_refused_where_it_stands(window: str, says: str) -> None:
    found = read(FILE.format(window=window).encode(), source="stack.yaml", registry=registry())
    assert len(found.problems) == 1
    problem = found.problems[0]
    assert says in f"{problem}"
    assert problem.line is not None


def test_the_nearest_time_zone_is_named() -> None:
    text = FILE.format(window="start: '02:00', duration: 1h, timezone: Europe/Berlim")
    found = read(text.encode(), source="stack.yaml", registry=registry())
    assert "Europe/Berlin" in str(found.problems[0].remedy)


@pytest.fixture
def no_zones() -> Iterator[None]:
    """A machine without a table of time zones."""
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()


@pytest.mark.usefixtures("no_zones")
def test_a_machine_without_time_zones_is_told_apart_from_a_wrong_name() -> None:
    text = FILE.format(window="start: '02:00', duration: 1h, timezone: Europe/Berlin")
    (problem,) = read(text.encode(), source="stack.yaml", registry=registry()).problems
    assert "this machine knows no time zones" in problem.message
    assert "tzdata" in problem.remedy
    universal = FILE.format(window="start: '02:00', duration: 1h, timezone: UTC")
    assert not read(universal.encode(), source="stack.yaml", registry=registry()).problems


def test_a_time_that_other_readers_would_take_for_a_number_is_told_apart() -> None:
    text = FILE.format(window="start: 02:00, duration: 1h, days: [sat]")
    (problem,) = read(text.encode(), source="stack.yaml", registry=registry()).problems
    assert problem.rule == "ambiguous-value"
    quoted = read(text.replace("02:00", "'02:00'").encode(), source="stack.yaml", registry=registry())
    assert quoted.require().spec.maintenance.windows[0].start == "02:00"

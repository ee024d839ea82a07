"""Which releases are known, and which were probably meant."""

from __future__ import annotations

import pytest

from telamon.products.registry import registry
from telamon.products.release import is_known, nearest_known, numbers

NEWEST = ("11.3.5", "11.2.1", "10.3.20", "9.12.34")


@pytest.mark.parametrize(
    ("release", "known"),
    [
        ("11.3.5", True),
        ("11.3.0", True),
        ("11.3.6", False),
        ("11.4.0", False),
        ("10.3.7", True),
        ("8.0.0", False),
    ],
)
def test_a_release_is_known_up_to_the_newest_of_its_line(release: str, known: bool) -> None:
    assert is_known(release, NEWEST) is known


@pytest.mark.parametrize(
    ("release", "nearest"),
    [
        ("11.3.999", ("11.3.5", "11.2.1", "10.3.20")),
        ("10.4.0", ("10.3.20", "11.3.5", "11.2.1")),
        ("1.13.5", ("9.12.34", "10.3.20", "11.3.5")),
    ],
)
def test_the_same_line_is_nearest_and_then_the_lines_beside_it(
    release: str, nearest: tuple[str, ...]
) -> None:
    assert nearest_known(release, NEWEST) == nearest


@pytest.mark.parametrize("name", sorted(registry()))
def test_known_releases_are_one_a_line_and_the_newest_comes_first(name: str) -> None:
    newest = [numbers(release) for release in registry()[name].newest_releases]
    assert all(len(found) == 3 for found in newest)
    assert newest == sorted(newest, reverse=True)
    assert len({found[:2] for found in newest}) == len(newest)

"""How large machines are by the name of their type."""

from __future__ import annotations

import pytest

from telamon.desired.terraform.ground import MACHINES, SYSTEM
from telamon.desired.terraform.sizes import size_of_type


@pytest.mark.parametrize(
    ("name", "cores", "gibibytes"),
    [
        ("m7i.large", 2, 8),
        ("m7i.xlarge", 4, 16),
        ("m7i-flex.2xlarge", 8, 32),
        ("c6gn.4xlarge", 16, 32),
        ("r8g.12xlarge", 48, 384),
    ],
)
def test_a_name_tells_cores_and_memory(name: str, cores: int, gibibytes: int) -> None:
    size = size_of_type(name)
    assert size is not None
    assert (size[0].millicores, size[1].count) == (cores * 1000, gibibytes << 30)


@pytest.mark.parametrize("name", ["t3.large", "m4.large", "m7i.metal-24xl", "x2idn.16xlarge", "m7i"])
def test_of_other_types_nobody_guesses(name: str) -> None:
    assert size_of_type(name) is None


def test_it_agrees_with_what_the_ground_chooses_from() -> None:
    for name, gibibytes in MACHINES:
        size = size_of_type(name)
        assert size is not None
        assert size[1].count == gibibytes << 30
    assert size_of_type(SYSTEM[0]) is not None

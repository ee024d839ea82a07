"""What is rendered for AWS, held against files that people read; TELAMON_WRITE_GOLDENS=1 writes them anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from telamon.desired.terraform.render import files, layers
from tests.support.golden import matches
from tests.support.ground import example, products

FOLDER = Path(__file__).with_name("terraform")
READ = (
    "cluster/cluster.tf.json",
    "cluster/machines.tf.json",
    "data/database.tf.json",
    "data/terraform.tf.json",
    "deploy-role/data.json",
    "edge/cdn.tf.json",
    "network/routes.tf.json",
    "operations/revert.tf.json",
)
"""Files that are read in review whenever they change."""


def test_an_address_that_goes_is_seen() -> None:
    """A changed name destroys what is there and makes it anew, unless telamon/desired/terraform/moves.py knows it."""
    stack = example()
    addresses = [
        f"{layer.name}/{resource.address}"
        for layer in layers(stack, products(stack))
        for resource in layer.resources
    ]
    matches(FOLDER / "addresses.txt", "\n".join(sorted(addresses)))


@pytest.mark.parametrize("name", READ)
def test_a_file_is_as_it_was_read(name: str) -> None:
    stack = example()
    text = files(stack, products(stack))[name]
    matches(FOLDER / name.replace("/", "_"), text.rstrip("\n"))

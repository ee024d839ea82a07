"""A host for each test, and somebody who asks it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.hosting import Rig


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A host that ends with the test."""
    made = Rig.fresh()
    yield made
    made.host.end()


@pytest.fixture
def client(rig: Rig) -> Iterator[httpx.Client]:
    """A client of the rig's host."""
    with rig.client() as made:
        yield made

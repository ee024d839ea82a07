"""A real control plane for the tests of this folder, started once, in a network of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from telamon.platforms.kubernetes.api import Api
from testbed.control_plane import ControlPlane, control_plane
from testbed.network import PrivateNetwork
from testbed.parts import Cache, PartMissingError


@pytest.fixture(scope="session")
def network() -> Iterator[PrivateNetwork]:
    """A network namespace; the test is skipped where none can be made."""
    try:
        made = PrivateNetwork()
    except PartMissingError as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture(scope="session")
def plane(network: PrivateNetwork) -> Iterator[ControlPlane]:
    """A control plane; the test is skipped where its programs were not built."""
    with network.inside():
        running = control_plane(Cache.of())
        try:
            made = running.__enter__()
        except PartMissingError as error:
            pytest.skip(str(error))
    yield made
    running.__exit__(None, None, None)


@pytest.fixture
def api(network: PrivateNetwork, plane: ControlPlane) -> Iterator[Api]:
    """The API server, as somebody with every right; the test runs inside the network."""
    with network.inside():
        made = Api(plane.kubeconfig())
        yield made
        made.close()

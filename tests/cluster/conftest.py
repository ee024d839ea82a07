"""A real control plane for the tests of this folder, started once, in a network of its own."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from telamon.desired.kubernetes.components import components
from telamon.desired.kubernetes.render import bundles
from telamon.platforms.clock import SteadyClock
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.platform import KubernetesPlatform
from telamon.platforms.kubernetes.records import KubernetesRecords
from telamon.wiring.ground import static_network
from testbed.client import Client
from testbed.control_plane import ControlPlane, control_plane
from testbed.machines import Machines
from testbed.network import Network, private_network
from testbed.parts import Cache, PartMissingError
from tests.cluster.given import GIVEN, guest
from tests.cluster.harness import OPERATOR, ClusterHarness, stack
from tests.cluster.operators import Installed, installed
from tests.support.manifests import site_of

HERE = Path(__file__).parent
PROGRAMS = {
    image: (sys.executable, "-m", module)
    for image, module in (
        ("atlassian/jira-software", "understudy.jira"),
        ("atlassian/confluence", "understudy.confluence"),
        ("atlassian/bitbucket", "understudy.bitbucket"),
    )
}
"""Stand-ins for images."""
LONG = frozenset(
    {
        "test_crash_is_not_a_stop",
        "test_killed_at_once",
        "test_objects_and_database_are_made_once",
        "test_one_that_runs_is_not_forgotten",
        "test_started_twice_it_lives_once",
        "test_stopped_twice_it_is_gone_and_counts_as_asked",
        "test_unknown_member_is_refused",
    }
)
"""Tests of the common suite whose promises are kept on the way by others here."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave part of the common suite to the full run: each of its tests takes seconds on a cluster."""
    for item in items:
        if item.path.parent != HERE:
            continue
        if item.name in LONG:
            item.add_marker(pytest.mark.exhaustive)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(400))


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """A network namespace; the test is skipped where none can be made."""
    try:
        made = private_network()
    except PartMissingError as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture(scope="session")
def plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A control plane; the test is skipped where its programs were not built, or another cluster is to be taken."""
    if GIVEN is not None:
        pytest.skip(
            "looks at an API server from within, or brings pods that are processes; TELAMON_CLUSTER names another"
        )
    network: Network = request.getfixturevalue("network")
    with network.inside():
        running = control_plane(Cache.of())
        try:
            made = running.__enter__()
        except PartMissingError as error:
            pytest.skip(str(error))
    yield made
    running.__exit__(None, None, None)


@pytest.fixture
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    """The API server, as somebody with every right; the test runs inside the network of one that is ours."""
    if GIVEN is not None:
        with guest(Path(GIVEN)) as theirs:
            yield theirs
        return
    network: Network = request.getfixturevalue("network")
    plane: ControlPlane = request.getfixturevalue("plane")
    with network.inside():
        made = Api(plane.kubeconfig())
        yield made
        made.close()


@pytest.fixture(scope="session")
def machines(network: Network, plane: ControlPlane) -> Iterator[Machines]:
    """Nodes."""
    with network.inside():
        admin = plane.authority.client("machines", groups=("system:masters",))
        client = Client(plane.server, str(plane.authority.certificate), pair=admin)
        made = Machines(client, plane.folder, PROGRAMS)
    yield made
    made.close()


@pytest.fixture
def cluster(plane: ControlPlane, api: Api, machines: Machines, tmp_path: Path) -> Iterator[Installed]:
    """A cluster on which the operator is installed, with processes in place of containers."""
    with installed(plane, api, tmp_path) as made:
        yield made


@pytest.fixture
def harness(
    request: pytest.FixtureRequest, plane: ControlPlane, api: Api, machines: Machines
) -> Iterator[ClusterHarness]:
    """An application of which nothing is there but its namespaces, in namespaces of its own."""
    name = f"t-{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]}"
    known = site_of(stack(name))
    rendered = bundles(known)
    part = next(part for part in components(known, rendered) if part.desired.name == "tiny")
    operated = {id(item) for item in (*part.objects, *part.preparing)}
    for bundle in rendered:
        for item in bundle.objects:
            if id(item) not in operated:
                api.apply(item, over=None)
    operator = plane.kubeconfig(OPERATOR, groups=())
    own = Api(operator)
    records = KubernetesRecords(own, f"{name}-tiny", name)
    platform = KubernetesPlatform(
        own, name, SteadyClock(), records=records, network=static_network, parts=[part]
    )
    yield ClusterHarness(platform, part.desired, machines, part, operator)
    platform.close()
    for bundle in rendered[1:]:
        found = api.get(Kind("v1", "Namespace"), bundle.name)
        if found is not None:
            api.delete(found)

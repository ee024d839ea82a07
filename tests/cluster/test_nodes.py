"""Real kubelets: what is rendered runs on them, and nothing of them is left.

What a cluster of somebody else may be taken for is told in :mod:`tests.cluster.given`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.facts import Facts
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import site
from telamon.platforms.kubernetes.api import Api, Kind
from testbed.cluster import Cluster, Wanted
from testbed.keeper import GROUND
from testbed.network import PODS
from testbed.parts import PartMissingError
from tests.cluster.given import GIVEN, guest, ours
from tests.cluster.support import until
from tests.support.manifests import products, stack_of
from tests.understudy.jirasupport import ADMIN, walk
from tests.understudy.support import NodeProcess, PostgreSQL, cleaned

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

RELEASE = "11.3.1"
BOTH = ("jira-0", "jira-1")
POD = Kind("v1", "Pod")
UP = 90.0
"""Seconds for whatever a loaded machine takes a while for."""
STACK = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  environment: staging
  domain: acme.example
  products:
    jira:
      version: RELEASE
      nodes: 2
      resources: {cpu: 100m, memory: 512Mi}
      env: {UNDERSTUDY_START_SECONDS: "0", UNDERSTUDY_LINK_SECONDS: "0.5", UNDERSTUDY_STOP_SECONDS: "0.2"}
  platform: {kind: kubernetes}
  database: {kind: external, host: HOST, port: PORT, tls: disable, admin: {secret: admin}}
  edge: {driver: nginx, className: nginx, tls: {kind: disabled}}
  storage: {shared: {kind: csi, storageClass: shared}}
"""


@dataclass
class Bed:
    """A cluster with real nodes.

    Attributes:
        api: its API server.
        cluster: it, where it is ours.
    """

    api: Api
    cluster: Cluster | None

    def is_ready(self, kind: Kind, name: str, *, namespace: str = "") -> bool:
        """Whether the condition `Ready` of an object holds."""
        found = self.api.get(kind, name, namespace=namespace) or {}
        conditions = found.get("status", {}).get("conditions") or ()
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    def pod(self, name: str, *, namespace: str) -> Mapping[str, Any]:
        """A pod; nothing where it is not there."""
        return self.api.get(POD, name, namespace=namespace) or {}


@contextmanager
def new_cluster() -> Iterator[Cluster]:
    """A cluster that is not there yet, in a folder of a short path; it is down at the end."""
    with tempfile.TemporaryDirectory(prefix="tb-") as name:
        cluster = Cluster(Path(name) / "c")
        try:
            yield cluster
        finally:
            cluster.down()


def brought_up(cluster: Cluster, wanted: Wanted) -> subprocess.Popen[bytes]:
    """Bring it up; the test is skipped where that cannot be."""
    try:
        return cluster.up(wanted, lambda _: None)
    except PartMissingError as error:
        pytest.skip(str(error))


def bed_of(wanted: Wanted) -> Iterator[Bed]:
    """A cluster of our own, for a fixture; at the end nothing is left of it."""
    with new_cluster() as cluster:
        keeper = brought_up(cluster, wanted)
        try:
            with cluster.network().inside():
                api = Api(cluster.kubeconfig)
                yield Bed(api, cluster)
                api.close()
        finally:
            cluster.down()
            keeper.wait()
        assert cluster.left() == ()


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    """A cluster; at the end nothing is left of one that was made."""
    if GIVEN is not None:
        with guest(Path(GIVEN)) as api:
            yield Bed(api, None)
        return
    yield from bed_of(Wanted(images={"jira": [RELEASE], "postgres": ["17"]}, tied=True))


def database_beside() -> Iterator[PostgreSQL]:
    """A PostgreSQL beside the cluster, which pods reach, for a fixture."""
    server = PostgreSQL.make(address=GROUND, asked=PODS)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def postgres(bed: Bed) -> Iterator[PostgreSQL]:
    """A PostgreSQL beside the cluster."""
    yield from database_beside()


def test_nodes_take_pods(bed: Bed) -> None:
    nodes = bed.api.list(Kind("v1", "Node"), namespace="", labels={})
    assert nodes
    for node in nodes:
        assert bed.is_ready(Kind("v1", "Node"), str(node["metadata"]["name"]))
        assert node["status"]["nodeInfo"]["kubeletVersion"].startswith("v1.")


def secret(name: str, namespace: str, **values: str) -> dict[str, Any]:
    """A secret that somebody has to bring."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}


def let_in(namespace: str) -> dict[str, Any]:
    """A policy by which the test itself reaches the pods of a namespace, as nobody else beside the cluster does."""
    metadata = {"name": "test", "namespace": namespace}
    peers = [{"ipBlock": {"cidr": f"{GROUND}/32"}}]
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": peers}]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def install(
    bed: Bed,
    server: PostgreSQL,
    text: str = STACK,
    *,
    amended: Callable[[Object], Object] = lambda item: item,
) -> None:
    """Apply what is rendered of a stack, and the secrets that it needs.

    Args:
        bed: the cluster.
        server: its database.
        text: the stack file, with words for what is not known before.
        amended: what a site changes in an object that is rendered.
    """
    text = text.replace("RELEASE", RELEASE).replace("HOST", server.address).replace("PORT", str(server.port))
    with server.connect("postgres") as connection:
        connection.execute("ALTER ROLE postgres PASSWORD 'of-the-admin'")
    secrets = [
        secret("admin", "acme-database", username="postgres", password="of-the-admin"),
        secret("acme-jira-database", "acme-database", password="of-jira"),
        secret("acme-jira-database", "acme-jira", password="of-jira"),
    ]
    stack = stack_of(text)
    assert bed.cluster is not None
    known = site(stack, products(stack), facts=Facts(), digests=bed.cluster.digests())
    objects = [item for bundle in bundles(known) for item in bundle.objects]
    first = [item for item in objects if item["kind"] in {"Namespace", "PriorityClass", "ServiceAccount"}]
    rest = [item for item in objects if item not in first]
    for item in (*first, *secrets, let_in("acme-jira"), *rest):
        bed.api.apply(amended(item), over=None)


def settle(bed: Bed) -> None:
    """Go through the set-up, and wait until both pods form one cluster."""
    until(lambda: member(bed, "jira-0").status()[1] == "FIRST_RUN", within=UP)
    with cleaned([member(bed, "jira-0")]) as (node,):
        walk(node)
    until(lambda: bed.is_ready(POD, "jira-0", namespace="acme-jira"), within=UP)
    # A node that was up during the set-up of another has to be started again.
    before = bed.pod("jira-1", namespace="acme-jira")
    bed.api.delete(before, grace=1)
    await_another(bed, before)
    until(lambda: all(members(member(bed, name)) == set(BOTH) for name in BOTH), within=UP)


def await_another(bed: Bed, before: Mapping[str, Any]) -> None:
    """Wait until another pod of the same name is ready."""
    name, namespace = before["metadata"]["name"], before["metadata"]["namespace"]

    def is_another() -> bool:
        found = bed.pod(name, namespace=namespace)
        return bool(found) and found["metadata"]["uid"] != before["metadata"]["uid"]

    until(is_another, within=UP)
    until(lambda: bed.is_ready(POD, name, namespace=namespace), within=UP)


def member(bed: Bed, name: str) -> NodeProcess:
    """A member of the issue tracker, on the address of its pod."""
    address = str(bed.pod(name, namespace="acme-jira").get("status", {}).get("podIP", ""))
    return NodeProcess("understudy.jira", address, 8080, {}, Path("unused"))


def members(node: NodeProcess) -> set[str]:
    """Who is active in the cluster, as a member tells it."""
    try:
        with httpx.Client(base_url=node.url, auth=ADMIN, timeout=5, trust_env=False) as client:
            answer = client.get("/rest/api/2/cluster/nodes")
    except httpx.TransportError:
        return set()
    if answer.status_code != 200:
        return set()
    return {each["nodeId"] for each in answer.json() if each["state"] == "ACTIVE"}


@ours
def test_pods_of_a_rendered_stack_form_one_cluster(bed: Bed, postgres: PostgreSQL) -> None:
    install(bed, postgres)
    settle(bed)
    first, second = (bed.pod(name, namespace="acme-jira") for name in BOTH)
    assert "@sha256:" in second["spec"]["containers"][0]["image"]
    assert first["spec"]["nodeName"] != second["spec"]["nodeName"]


def traces(cluster: Cluster) -> list[str]:
    """What the machine itself knows of a cluster: processes in its cgroups or with its folder, mounts, links."""
    words = (str(cluster.folder), f"telamon-testbed-{cluster.name}")
    found = [
        line for line in Path("/proc/self/mounts").read_text().splitlines() if any(map(line.count, words))
    ]
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            said = (process / "cgroup").read_text() + (process / "cmdline").read_text(errors="replace")
            found += [process.name] if any(map(said.count, words)) else []
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    return [*found, *(line for line in links.splitlines() if cluster.name in line)]


@ours
def test_nothing_is_left_of_one_that_is_killed_while_it_comes_up() -> None:
    with new_cluster() as cluster:
        command = [sys.executable, "-m", "testbed", "up", "--nodes", "1", "--folder", str(cluster.folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as coming:
            assert coming.stdout is not None
            assert coming.stderr is not None
            line = coming.stdout.readline()
            if not line:
                pytest.skip(coming.stderr.read())
            assert "API server" in line
            # A node is starting now.
            coming.kill()
        keeper = cluster.keeper()
        assert keeper
        os.kill(keeper, signal.SIGKILL)
        # The kernel alone ends all the rest; what then stays are files, and cgroups in which nothing runs.
        until(lambda: not traces(cluster), within=UP)
        assert cluster.down()
        assert cluster.left() == ()
        assert cluster.down() == ()


@ours
@pytest.mark.exhaustive
def test_two_clusters_at_once_do_not_meet() -> None:
    with ExitStack() as stack:
        names = []
        for number in range(2):
            cluster = stack.enter_context(new_cluster())
            keeper = brought_up(cluster, Wanted(nodes=number + 1, tied=True))
            stack.callback(keeper.wait)
            stack.callback(cluster.down)
            # From the machine, over the link of each.
            api = Api(cluster.kubeconfig)
            stack.callback(api.close)
            nodes = api.list(Kind("v1", "Node"), namespace="", labels={})
            names.append({str(node["metadata"]["name"]) for node in nodes})
        assert names == [{"node-0"}, {"node-0", "node-1"}]


@ours
@pytest.mark.exhaustive
def test_a_node_that_dies_is_lost_and_its_pods_leave_their_services(bed: Bed) -> None:
    assert bed.cluster is not None
    slices = Kind("discovery.k8s.io/v1", "EndpointSlice")
    node = Kind("v1", "Node")

    def serving() -> set[str]:
        of_dns = {"kubernetes.io/service-name": "kube-dns"}
        found = bed.api.list(slices, namespace="kube-system", labels=of_dns)
        endpoints = [each for item in found for each in item.get("endpoints") or ()]
        return {str(each["nodeName"]) for each in endpoints if each["conditions"]["ready"]}

    until(lambda: serving() == {"node-0", "node-1"}, within=UP)
    os.kill(bed.cluster.node("node-1"), signal.SIGKILL)
    until(lambda: not bed.is_ready(node, "node-1"), within=UP)
    until(lambda: serving() == {"node-0"}, within=UP)
    assert bed.is_ready(node, "node-0")

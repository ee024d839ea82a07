"""Network policies by real packets: what a kernel lets through between real pods is what `telamon reach` works out.

Three opinions meet here: the upstream suite's table, the engine's intervals, and rules of nftables that are written out
one by one and share no code with the engine.
"""

from __future__ import annotations

import ipaddress
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest

from telamon.platforms.kubernetes.api import Api, Kind
from telamon.reach.model import PROTOCOLS, Workload, policy_of
from telamon.reach.solve import solve
from testbed.cluster import Wanted
from testbed.images import PAUSE_IMAGE
from testbed.network import PODS, Network
from testbed.processes import end_with_parent
from tests.cluster.given import ours
from tests.cluster.prober import SERVED
from tests.cluster.support import until
from tests.cluster.test_nodes import brought_up, new_cluster
from tests.unit.reach.cases import NAMES, TRUTH, pods, policy, random_policies

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(900), ours]

RANDOM_SETS = 60
SOON = 0.4
"""Seconds within which a quiet machine answers all."""
POD = Kind("v1", "Pod")
POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy")
Flow = tuple[str, str, str, int]
"""Source, target, protocol and port."""


@dataclass
class Prober:
    """Somebody inside of the network of a pod."""

    workload: Workload
    process: subprocess.Popen[str]

    def ask(self, addresses: Sequence[str], *, within: float) -> None:
        """Let it try all flows to addresses, and wait for their answers."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([within, addresses]) + "\n")
        self.process.stdin.flush()

    def told(self) -> list[tuple[str, str, int]]:
        """Which of them were answered."""
        assert self.process.stdout is not None
        return [
            (address, protocol, port)
            for address, protocol, port in json.loads(self.process.stdout.readline())
        ]


@dataclass
class Ground:
    """Nine pods on two nodes, as the upstream suite has them."""

    api: Api
    probers: Sequence[Prober]

    @property
    def workloads(self) -> list[Workload]:
        """The pods as the engine reads them."""
        return [each.workload for each in self.probers]

    def impose(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Let these be all policies that there are."""
        wanted = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in documents}
        for namespace in NAMES:
            for item in self.api.list(POLICY, namespace=namespace, labels={}):
                if (namespace, item["metadata"]["name"]) not in wanted:
                    self.api.delete(item)
        for document in documents:
            found = {"apiVersion": POLICY.version, **document}
            metadata = document["metadata"]
            seen = self.api.get(POLICY, metadata["name"], namespace=metadata["namespace"])
            if seen is not None:
                self.api.delete(seen)
            self.api.create(found)

    def passing(self, *, within: float) -> set[Flow]:
        """Every flow between two different pods that is answered within seconds."""
        names = {each.workload.address: each.workload.name for each in self.probers}
        for each in self.probers:
            each.ask([address for address in names if address != each.workload.address], within=within)
        return {
            (each.workload.name, names[address], protocol, port)
            for each in self.probers
            for address, protocol, port in each.told()
        }


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A cluster of the upstream suite's pods, each with somebody in its network."""
    with new_cluster() as cluster:
        keeper = brought_up(cluster, Wanted(tied=True))
        running: list[subprocess.Popen[str]] = []
        try:
            with cluster.network().inside():
                api = Api(cluster.kubeconfig)
                made(api)
                probers = []
                for name in names():
                    found = api.get(POD, name[1], namespace=name[0]) or {}
                    network = Network.of(cluster.pod(str(found["metadata"]["uid"])))
                    with network.inside():
                        running.append(prober())
                    network.close()
                    probers.append(Prober(workload(name, found), running[-1]))
                yield Ground(api, probers)
                api.close()
        finally:
            for process in running:
                process.kill()
                process.communicate()
            cluster.down()
            keeper.wait()
        assert cluster.left() == ()


def names() -> list[tuple[str, str]]:
    """Namespace and name of every pod."""
    return [(pod.namespace, pod.labels["pod"]) for pod in pods()]


def prober() -> subprocess.Popen[str]:
    """Somebody in the network in which this is called."""
    return subprocess.Popen(
        (sys.executable, "-m", "tests.cluster.prober"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509 - no thread of ours holds a lock that it would need.
    )


def made(api: Api) -> None:
    """Make the namespaces and the pods, and wait until each has an address."""
    for name, labels in NAMES.items():
        metadata = {"name": name, "labels": dict(labels)}
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, over=None)
    for number, pod in enumerate(pods()):
        ports = [
            {"name": name, "protocol": protocol, "containerPort": port}
            for name, (protocol, port) in pod.ports.items()
        ]
        container = {"name": "pause", "image": PAUSE_IMAGE, "imagePullPolicy": "Never", "ports": ports}
        metadata = {"name": pod.labels["pod"], "namespace": pod.namespace, "labels": dict(pod.labels)}
        # Neighbours as well as pods on different nodes are in every namespace.
        spec = {
            "nodeName": f"node-{number % 2}",
            "containers": [container],
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
        }
        until(lambda: api.get(Kind("v1", "ServiceAccount"), "default", namespace=pod.namespace))  # noqa: B023
        api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, over=None)
    for namespace, name in names():
        until(lambda: address(api.get(POD, name, namespace=namespace)), within=90)  # noqa: B023


def address(pod: Mapping[str, Any] | None) -> str:
    """The address of a pod that runs; "" before."""
    status = (pod or {}).get("status", {})
    return str(status.get("podIP", "")) if status.get("phase") == "Running" else ""


def workload(name: tuple[str, str], found: Mapping[str, Any]) -> Workload:
    """A pod as the engine reads it."""
    pod = next(each for each in pods() if (each.namespace, each.labels["pod"]) == name)
    title = f"{pod.namespace}/{pod.labels['pod']}"
    return Workload(title, pod.namespace, NAMES[pod.namespace], pod.labels, pod.ports, address(found))


def worked_out(ground: Ground, documents: Sequence[Mapping[str, Any]]) -> set[Flow]:
    """The flows that `telamon reach` takes for allowed."""
    everyone = ground.workloads
    return {
        (everyone[source].name, everyone[target].name, protocol, port)
        for (source, target), allowed in solve(everyone, [policy_of(each) for each in documents])
        .matrix()
        .items()
        for protocol, ports in zip(PROTOCOLS, allowed, strict=True)
        for port in SERVED
        if port in ports
    }


def let_through(ground: Ground, wanted: set[Flow]) -> None:
    """Wait until exactly these flows pass: nodes take policies up a moment after they are written.

    What is kept back is known by no answer alone, so that on a busy machine an answer is waited for ever longer.
    """
    seen: list[set[Flow]] = []

    def is_so() -> bool:
        seen.append(ground.passing(within=SOON * 2 ** min(len(seen), 5)))
        return seen[-1] == wanted

    try:
        until(is_so, within=90)
    except AssertionError as error:
        more, less = sorted(seen[-1] - wanted), sorted(wanted - seen[-1])
        raise AssertionError(f"{error}; passing against the policies: {more}; kept back: {less}") from error


def addressed(document: dict[str, Any], dice: random.Random, among: Sequence[Workload]) -> dict[str, Any]:
    """A random policy whose addresses are those that these pods have."""
    for side, direction in (("from", "ingress"), ("to", "egress")):
        for rule in document["spec"].get(direction, ()):
            for peer in rule.get(side, ()):
                if "ipBlock" in peer:
                    one = ipaddress.ip_address(dice.choice(among).address)
                    blocks = ["0.0.0.0/0", PODS, *(around(one, length) for length in (24, 29, 31))]
                    peer["ipBlock"] = block(dice.choice(blocks), dice, among)
    return document


def block(cidr: str, dice: random.Random, among: Sequence[Workload]) -> dict[str, Any]:
    """A range of addresses but for some of pods, which an API server takes only from within the range."""
    whole = ipaddress.ip_network(cidr)
    chosen = [ipaddress.ip_address(each.address) for each in dice.sample(list(among), dice.randrange(4))]
    but = [
        around(each, 32 if whole.prefixlen > 29 else dice.choice((30, 32)))
        for each in chosen
        if each in whole
    ]
    return {"cidr": cidr, "except": but}


def around(one: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int) -> str:
    """The range of a length in which an address is."""
    return str(ipaddress.ip_network(f"{one}/{length}", strict=False))


def test_without_policies_everybody_reaches_everybody(ground: Ground) -> None:
    ground.impose([])
    wanted = worked_out(ground, [])
    assert len(wanted) == 9 * 8 * len(SERVED) * len(PROTOCOLS)
    let_through(ground, wanted)


@pytest.mark.parametrize(
    ("spec", "protocol", "port", "apart"), [case[1:] for case in TRUTH], ids=[case[0] for case in TRUTH]
)
def test_the_upstream_table(
    ground: Ground, spec: dict[str, Any], protocol: str, port: int, apart: set[str]
) -> None:
    others = [f"{each.address}/32" for each in ground.workloads if each.namespace != "x"]
    documents = [policy(deepcopy(spec))]
    for rule in documents[0]["spec"].get("egress", ()):
        for peer in rule.get("to", ()):
            if "ipBlock" in peer:
                peer["ipBlock"] = {"cidr": PODS, "except": others}
    ground.impose(documents)
    wanted = worked_out(ground, documents)
    everyone = [each.name for each in ground.workloads]
    every = {f"{one} {other}" for one in everyone for other in everyone if one != other}
    assert {f"{flow[0]} {flow[1]}" for flow in wanted if flow[2:] == (protocol, port)} == every - apart
    let_through(ground, wanted)


@pytest.mark.parametrize("seed", range(RANDOM_SETS))
def test_random_policies(ground: Ground, seed: int) -> None:
    dice = random.Random(seed)
    documents = [addressed(each, dice, ground.workloads) for each in random_policies(seed, 1 + seed % 6)]
    ground.impose(documents)
    let_through(ground, worked_out(ground, documents))

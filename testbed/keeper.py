"""Keeps a cluster: control plane, nodes and what they need: ``python -m testbed.keeper FOLDER``.

It is process 1 of a process namespace, in a network of its own: when it dies, from whatever cause, the kernel ends
everything that it has started, mounts and networks with it. What is left are files and empty cgroups.

Steps: a bridge that every node hangs on; the control plane on the bridge's address; the nodes, side by side; what a
cluster has beside its nodes (:mod:`testbed.addons`); then volumes are made as they are claimed
(:mod:`testbed.volumes`), and nodes that were lost brought back as somebody asks, until the end.

Source: pid_namespaces(7), veth(4), ip-link(8); Kubernetes, "Using Node Authorization" (names of kubelets' users).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from testbed.addons import DNS, POLICY_USER, addons
from testbed.certificates import Pair
from testbed.client import Client
from testbed.control_plane import ControlPlane, NotStartedError, Shape, start
from testbed.gateway import NAMESPACE as GATEWAY_NAMESPACE
from testbed.network import Network
from testbed.node import NodeSettings
from testbed.packages import search_paths, unpacked
from testbed.parts import Cache, PartMissingError
from testbed.processes import Children
from testbed.volumes import Volumes

GROUND: Final = "172.31.250.1"
"""Address of the API server and of whatever tests run beside the cluster; that of nodes is in the same network."""
PORT: Final = 6443
LINK: Final = "machine"
"""Interface of the keeper's network that leads to the machine."""
DNS_PATH: Final = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
GATEWAY_PATH: Final = f"/apis/apps/v1/namespaces/{GATEWAY_NAMESPACE}/deployments/envoy-gateway"
PROXY_USER: Final = "system:kube-proxy"
BACK: Final = ".back"
"""Ending of the file, called after a lost node, by which somebody asks for its return."""
UP_WITHIN: Final = 480.0
"""Seconds until something is ready; on a quiet machine none takes ten, on one that does much else minutes."""


@dataclass(frozen=True)
class Plan:
    """What a cluster is to be, as it is written into a file.

    Attributes:
        name: of it; its cgroup and its link are called after it.
        nodes: how many.
        link: address of the API server on the link to the machine.
        images: archives for every node.
        gateway: the objects of Envoy Gateway, as a file; "" for a cluster without it.
    """

    name: str
    nodes: int
    link: str
    images: tuple[str, ...]
    gateway: str = ""

    @property
    def cgroup(self) -> str:
        """Of the whole cluster."""
        return f"/telamon-testbed-{self.name}"


class Keeper:
    """A cluster, from inside of it.

    Args:
        folder: for all its files.
        plan: what it is to be.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder = folder
        self._plan = plan
        self._cache = Cache.of()
        self._children = Children(folder)
        self._nodes = Children(folder)
        self._network = Network.of(os.getpid())
        self._began = time.monotonic()

    def keep(self) -> str:
        """Bring it up, and keep it until something essential ends. Returns what."""
        self._ground()
        with ExitStack() as stack:
            plane = self._control_plane()
            client = Client(plane.server, str(plane.authority.certificate), pair=_pair(plane))
            stack.callback(client.close)
            names = [self._node(number, plane) for number in range(self._plan.nodes)]
            for item in addons():
                client.apply(item)
            self._await_nodes(client, names)
            self._await(lambda: _serves(client.ask("GET", DNS_PATH)), "DNS")
            if self._plan.gateway:
                self._gateway(plane, client)
            volumes = Volumes(client, self._folder / "volumes", nodes=names)
            self._tell("ready", kubeconfig=str(self._kubeconfig(plane)))
            # A node may be lost, as machines are; a cluster lives as long as its control plane does.
            while not (ended := self._children.ended()):
                volumes.look()
                self._bring_back(plane)
                threading.Event().wait(0.3)
            return ended

    def _ground(self) -> None:
        """The bridge between the nodes, and the ways to their pods."""
        ip = self._network.ip
        ip("link", "set", "lo", "up")
        ip("link", "add", "nodes", "type", "bridge")
        ip("addr", "add", f"{GROUND}/24", "dev", "nodes")
        ip("link", "set", "nodes", "up")
        self._network.set("ipv4/ip_forward", "1")
        for number in range(self._plan.nodes):
            ip("route", "add", _pods(number), "via", _address(number))

    def _control_plane(self) -> ControlPlane:
        plane = start(
            self._folder,
            self._children,
            cache=self._cache,
            shape=Shape(GROUND, PORT, (self._plan.link,)),
        )
        self._tell("API server is ready")
        return plane

    def _kubeconfig(self, plane: ControlPlane) -> Path:
        """One that works from the machine, over the link."""
        inside = json.loads(plane.kubeconfig().read_text(encoding="utf-8"))
        inside["clusters"][0]["cluster"]["server"] = f"https://{self._plan.link}:{PORT}"
        path = self._folder / "kubeconfig"
        path.write_text(json.dumps(inside, indent=2), encoding="utf-8")
        path.chmod(0o600)
        return path

    def _gateway(self, plane: ControlPlane, client: Client) -> None:
        """Envoy Gateway, and a balancer before the nodes."""
        kubeconfig = str(plane.kubeconfig())
        nodes = [_address(number) for number in range(self._plan.nodes)]
        self._children.start("front", (sys.executable, "-m", "testbed.front", kubeconfig, *nodes))
        client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": GATEWAY_NAMESPACE}})
        # Kinds that are thousands of lines are nobody's field to merge: they are taken whole.
        verb = ("apply", "--server-side", "--force-conflicts", "--filename", self._plan.gateway)
        command = (str(self._cache.find("kubectl")), "--kubeconfig", kubeconfig, *verb)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotStartedError(f"Envoy Gateway: {done.stderr.strip()[-1000:]}")
        self._await(lambda: _serves(client.ask("GET", GATEWAY_PATH)), "Envoy Gateway")

    def _node(self, number: int, plane: ControlPlane) -> str:
        """Start a node; it comes up by itself."""
        name = f"node-{number}"
        folder = self._folder / name
        folder.mkdir()
        root = unpacked(self._cache)
        programs = {each: str(self._cache.find(each)) for each in ("kubelet", "kube-proxy")}
        programs |= {each: str(root / "usr/bin" / each) for each in ("containerd", "ctr")}
        programs |= {"nft": str(root / "usr/sbin/nft"), "policies": sys.executable}
        kubelet = plane.kubeconfig(f"system:node:{name}", groups=("system:nodes",))
        users = {"kube-proxy": PROXY_USER, "policies": POLICY_USER}
        kubeconfigs = {each: str(plane.kubeconfig(user, groups=())) for each, user in users.items()}
        settings = NodeSettings(
            name=name,
            zone=f"zone-{number}",
            folder=str(folder),
            address=_address(number),
            pods=_pods(number),
            dns=DNS,
            cgroup=f"{self._plan.cgroup}/{name}",
            programs=programs,
            plugins=str(root / "usr/lib/cni"),
            environment=search_paths(root),
            images=self._plan.images,
            pause="telamon.dev/testbed/pause:1",
            authority=str(plane.authority.certificate),
            kubeconfigs={"kubelet": str(kubelet), **kubeconfigs},
        )
        network = self._cable(number)
        command = ("unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc")
        with network.inside():
            # The node outlives neither of us: it is told of our end, and it lives in our process namespace.
            self._nodes.start(name, (*command, sys.executable, "-m", "testbed.node", settings.write()))
        network.close()
        return name

    def _bring_back(self, plane: ControlPlane) -> None:
        """Start again what was lost and is asked for, with an empty disk, as a machine comes that was mended."""
        for number in range(self._plan.nodes):
            name = f"node-{number}"
            asked = self._folder / f"{name}{BACK}"
            if not asked.exists() or not self._nodes.has_ended(name):
                continue
            asked.unlink()
            self._nodes.forget(name)
            # With its network the other end of its cable goes as well, some time after it.
            with contextlib.suppress(PartMissingError):
                self._network.ip("link", "delete", name)
            shutil.rmtree(self._folder / name)
            self._node(number, plane)

    def _cable(self, number: int) -> Network:
        """A network for a node, on the bridge."""
        network = Network.made()
        near = f"node-{number}"
        self._network.ip(
            "link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", str(network.path)
        )
        self._network.ip("link", "set", near, "master", "nodes", "up")
        network.ip("addr", "add", f"{_address(number)}/24", "dev", "eth0")
        network.ip("link", "set", "eth0", "up")
        network.ip("route", "add", "default", "via", GROUND)
        for other in range(self._plan.nodes):
            if other != number:
                network.ip("route", "add", _pods(other), "via", _address(other))
        network.set("ipv4/ip_forward", "1")
        network.set("bridge/bridge-nf-call-iptables", "1")
        return network

    def _await_nodes(self, client: Client, names: list[str]) -> None:
        for name in names:
            self._await(partial(_is_ready, client, name), name)

    def _await(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something is ready, as long as nothing has gone down."""
        ends = time.monotonic() + UP_WITHIN
        while not holds():
            failed = [each.read_text(encoding="utf-8").strip() for each in self._folder.glob("*/failed")]
            ended = self._children.ended() or self._nodes.ended()
            if failed or ended:
                raise NotStartedError("; ".join(failed) or ended)
            if time.monotonic() > ends:
                raise NotStartedError(f"{what} is not ready within {UP_WITHIN:.0f} s")
            threading.Event().wait(0.2)
        self._tell(f"{what} is ready")

    def _tell(self, what: str, **more: str) -> None:
        """A line for whoever waits outside."""
        line = {"what": what, "seconds": round(time.monotonic() - self._began, 1), **more}
        with (self._folder / "told").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _pair(plane: ControlPlane) -> Pair:
    return plane.authority.client("testbed", groups=("system:masters",))


def _is_ready(client: Client, name: str) -> bool:
    nodes = client.ask("GET", "/api/v1/nodes").get("items") or ()
    conditions = [
        condition
        for node in nodes
        if node["metadata"]["name"] == name
        for condition in node.get("status", {}).get("conditions") or ()
    ]
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _serves(deployment: Mapping[str, Any]) -> bool:
    """Whether all replicas are available."""
    return bool(deployment.get("status", {}).get("availableReplicas", 0) >= deployment["spec"]["replicas"])


def _address(number: int) -> str:
    return f"172.31.250.{10 + number}"


def _pods(number: int) -> str:
    return f"10.244.{number}.0/24"


def main() -> int:
    """Keep a cluster until it ends; what ended it is in its folder."""
    folder = Path(sys.argv[1])
    plan = Plan(**json.loads((folder / "plan.json").read_text(encoding="utf-8")))
    try:
        why = Keeper(folder, plan).keep()
    except (PartMissingError, NotStartedError, OSError, ValueError) as error:
        why = str(error)
    (folder / "failed").write_text(f"{why}\n", encoding="utf-8")
    return 1


if __name__ == "__main__":
    sys.exit(main())

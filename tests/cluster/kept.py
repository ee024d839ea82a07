"""A Stack that the operator keeps as pods on real nodes, brought there by the command line, used through the gateway.

Everything here speaks as people do: the command line is a process of its own, secrets are brought as somebody brings
them, and users come by the address that the balancer has given to the front door.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from telamon.desired.kubernetes.facts import Facts
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE, site
from telamon.desired.kubernetes.wanted import wanted_secrets
from telamon.platforms.kubernetes.api import ENDPOINT_SLICE, Kind
from telamon.platforms.kubernetes.store import OPERATION, STACK
from telamon.products.registry import registry
from telamon.proof.repository import Account
from telamon.proof.stage import Place
from telamon.proof.workload import Target
from telamon.stackfile.lock import lock_text
from testbed.gateway import ENVOY_IMAGE, NAMESPACE
from testbed.images import RECIPES
from testbed.packages import search_paths, unpacked
from testbed.parts import Cache
from tests.cluster.support import until
from tests.cluster.test_nodes import Bed
from tests.support.desk import Result
from tests.support.manifests import products, stack_of
from tests.understudy.support import PostgreSQL

TAG: Final = "1"
"""Of the operator's image."""
NAME: Final = "acme"
SPACE: Final = "acme-jira"
HOST: Final = "jira.acme.example"
FRONT: Final = "127.80.0.1"
"""Where users of this machine come in; what arrives there is sent on to the front door's own address."""
UP: Final = 240.0
"""Seconds for whatever takes a loaded machine a while."""
TEXT: Final = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  environment: staging
  domain: acme.example
  products:
    jira:
      version: RELEASE
      nodes: NODES
      resources: {cpu: 100m, memory: 512Mi}
      env: {UNDERSTUDY_START_SECONDS: "1", UNDERSTUDY_LINK_SECONDS: "0.5", UNDERSTUDY_STOP_SECONDS: "0.5"}
  platform: {kind: kubernetes}
  database: {kind: external, host: HOST, port: PORT, tls: disable, admin: {secret: admin}}
  edge: {driver: gateway, tls: {kind: disabled}}
  storage:
    local: {storageClass: LOCAL}
    shared: {kind: csi, storageClass: shared}
"""
_TIMES: Final = 20
"""Answers in a row after which the front door counts as open: each comes by a connection of its own."""
_PROXY: Final = Kind("gateway.envoyproxy.io/v1alpha1", "EnvoyProxy")
_REDIRECT: Final = """\
add table ip users
flush table ip users
add chain ip users output {{ type nat hook output priority -100 ; }}
add rule ip users output ip daddr {front} tcp dport 80 dnat to {address}:80
"""


@dataclass
class Kept:
    """The stack, and whoever looks after it.

    Attributes:
        bed: the cluster.
        server: of the database.
        folder: of the stack file.
        local: class of the volumes of nodes' own homes.
        release: that the file asks for.
        nodes: that the file asks for.
    """

    bed: Bed
    server: PostgreSQL
    folder: Path
    local: str
    release: str
    nodes: int = 2
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)

    # ------------------------------------------------------------------------------------------------ the command line

    def telamon(self, *words: str) -> Result:
        """Run the command line against the cluster."""
        assert self.bed.cluster is not None
        command = (sys.executable, "-m", "telamon", *words, "--kubeconfig", str(self.bed.cluster.kubeconfig))
        done = subprocess.run((*command, "-o", "json"), capture_output=True, text=True, check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    def write(self) -> Path:
        """Write the stack file, as it is to be now, and its lock. Returns the file."""
        file = self.folder / "stack.yaml"
        file.write_text(self._text(), encoding="utf-8")
        assert self.bed.cluster is not None
        lock = lock_text(self.bed.cluster.digests())
        (self.folder / "stack.lock.yaml").write_text(lock, encoding="utf-8")
        return file

    def up(self, *words: str) -> Result:
        """Bring the cluster to what the file says now."""
        return self.telamon("up", str(self.write()), *words)

    def install(self) -> Result:
        """Install the operator."""
        assert self.bed.cluster is not None
        name = RECIPES["telamon"].image
        digest = self.bed.cluster.digests()[f"{name}:{TAG}"]
        return self.telamon("install", "--image", f"{name}@{digest}")

    # ---------------------------------------------------------------------------------------------- what people bring

    def bring(self) -> None:
        """Bring the secrets, and name the image of the proxies, as a site with a registry of its own does."""
        with self.server.connect("postgres") as connection:
            connection.execute(f"ALTER ROLE postgres PASSWORD '{self.password}'")
        given = self._given()
        stack = stack_of(self._text())
        assert self.bed.cluster is not None
        known = site(stack, products(stack), facts=Facts(), digests=self.bed.cluster.digests())
        for wish in wanted_secrets(known, bundles(known)):
            values = {key: given.get((wish.name, key), _value(wish.name, key)) for key in wish.keys}
            metadata = {"name": wish.name, "namespace": wish.namespace}
            item = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}
            if wish.type:
                item["type"] = wish.type
            self.bed.api.apply(item, over=None)
        for proxies in self.bed.api.list(_PROXY, namespace=known.edge_namespace, labels={}):
            container = {"envoyDaemonSet": {"container": {"image": ENVOY_IMAGE}}}
            self.bed.api.change(proxies, {"spec": {"provider": {"kubernetes": container}}})

    def open_front(self) -> None:
        """Let users of this machine in, at an address of its own: load goes nowhere else."""
        until(self._address, within=UP)
        cache = Cache.of()
        root = unpacked(cache)
        subprocess.run(
            (str(root / "usr/sbin/nft"), "-f", "-"),
            env={**os.environ, **search_paths(root)},
            input=_REDIRECT.format(front=FRONT, address=self._address()),
            text=True,
            check=True,
        )
        # Its proxies are made anew once their image is known: for a while nobody answers, or one that is about to go.
        until(lambda: all(self._answers() for _ in range(_TIMES)), within=UP)

    def place(self) -> Place:
        """The product, as its users reach it."""
        account = Account("root", self.password)
        return Place(registry()["jira"], f"http://{HOST}", Target(address=FRONT, port=80, host=HOST), account)

    # -------------------------------------------------------------------------------------------------- how it stands

    def stack(self) -> Mapping[str, Any]:
        """The Stack as it is."""
        return self.bed.api.get(STACK, NAME, namespace=OPERATOR_NAMESPACE) or {}

    def conditions(self) -> dict[str, str]:
        """Its conditions that were told of its spec as it is, each with its status."""
        found = self.stack()
        generation = found.get("metadata", {}).get("generation")
        told = found.get("status", {}).get("conditions") or ()
        return {each["type"]: each["status"] for each in told if each.get("observedGeneration") == generation}

    def until_ready(self) -> None:
        """Wait until it is as it is desired."""
        try:
            until(lambda: self.conditions().get("Ready") == "True", within=UP)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.stack().get('status')}") from error

    def members(self) -> dict[str, tuple[str, str]]:
        """State and version of each member, as the operator tells them."""
        found = self.stack().get("status", {}).get("members") or ()
        return {str(each["name"]): (str(each["state"]), str(each.get("version"))) for each in found}

    def serve(self) -> bool:
        """Whether exactly the nodes that are asked for serve, with the release that is asked for."""
        names = [f"jira-{number}" for number in range(self.nodes)]
        return self.members() == dict.fromkeys(names, ("Serving", self.release))

    def pod(self, name: str) -> Mapping[str, Any]:
        """A pod of the product; nothing where it is not there."""
        return self.bed.pod(name, namespace=SPACE)

    def endpoints(self) -> set[str]:
        """Pods that the service sends users to."""
        labels = {"kubernetes.io/service-name": "jira"}
        found = self.bed.api.list(ENDPOINT_SLICE, namespace=SPACE, labels=labels)
        ready = [each for item in found for each in item.get("endpoints") or () if _is_ready(each)]
        return {str(each["targetRef"]["name"]) for each in ready}

    def phase(self, operation: str) -> str:
        """Where an operation stands."""
        found = self.bed.api.get(OPERATION, operation, namespace=SPACE) or {}
        return str(found.get("status", {}).get("phase", ""))

    def _given(self) -> dict[tuple[str, str], str]:
        """Values of secrets that have to be of a form, or that somebody logs in by; by name and key."""
        return {
            ("admin", "username"): "postgres",
            ("admin", "password"): self.password,
            (f"{NAME}-jira-admin", "username"): "root",
            (f"{NAME}-jira-admin", "password"): self.password,
        }

    def _text(self) -> str:
        words = {
            "RELEASE": self.release,
            "NODES": str(self.nodes),
            "HOST": self.server.address,
            "PORT": str(self.server.port),
            "LOCAL": self.local,
        }
        text = TEXT
        for word, value in words.items():
            text = text.replace(word, value)
        return text

    def _answers(self) -> bool:
        """Whether the front door sends a user on to the product."""
        try:
            given = httpx.get(f"http://{FRONT}/status", headers={"host": HOST}, timeout=5.0, trust_env=False)
        except httpx.TransportError:
            return False
        return given.status_code == httpx.codes.OK

    def _address(self) -> str:
        """What the balancer has given to the front door; "" before."""
        for service in self.bed.api.list(Kind("v1", "Service"), namespace=NAMESPACE, labels={}):
            if service["spec"].get("type") == "LoadBalancer":
                given = service["status"]["loadBalancer"].get("ingress") or ()
                return str(given[0]["ip"]) if given else ""
        return ""


def _value(name: str, key: str) -> str:
    return "somebody@example.com" if key == "email" else f"{name}-{key}"


def _is_ready(endpoint: Mapping[str, Any]) -> bool:
    return (endpoint.get("conditions") or {}).get("ready") is not False

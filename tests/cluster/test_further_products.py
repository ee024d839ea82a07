"""Products besides the issue tracker on a real API server, with processes of the stand-ins as containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from psycopg.sql import SQL, Identifier

from telamon.model.stack import Stack
from telamon.naming import LABEL_COMPONENT
from telamon.platforms.kubernetes.api import ENDPOINT_SLICE, Api, Kind
from telamon.platforms.kubernetes.pods import release
from tests.cluster.operators import Installed
from tests.cluster.support import until
from tests.support.manifests import stack_of
from tests.understudy.gitserver import SearchServer
from tests.understudy.support import PostgreSQL

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(900)]

UP = 150.0
"""Seconds for whatever a loaded machine takes a while for."""
TEXT = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: NAME}
spec:
  environment: dev
  domain: acme.example
  products:
    PRODUCT:
      version: RELEASE
      nodes: NODES
      env: {QUICKLY}
      companions: {COMPANIONS}
  platform: {kind: kubernetes}
  database: {kind: external, host: 127.0.0.1, port: PORT, tls: disable, admin: {secret: admin}}
  edge: {driver: nginx, className: nginx, tls: {kind: disabled}}
  storage: {shared: {kind: csi, storageClass: shared}}
"""
QUICKLY = """\
UNDERSTUDY_START_SECONDS: "0", UNDERSTUDY_LINK_SECONDS: "0.5", UNDERSTUDY_STOP_SECONDS: "0.2", \
UNDERSTUDY_UPGRADE_SECONDS: "0.5"\
"""

SEARCH = 'opensearch: {external: {url: "URL", credentials: {secret: search}}}'
"""A search cluster of others: no names of a cluster are known where pods are processes of this machine."""


@dataclass(frozen=True)
class Case:
    """A product, and two releases of it of which the second rolls out over the first.

    Attributes:
        product: its name.
        old: the release that is set up.
        new: the other one.
        more: what its stand-in is told besides, to be quick.
        companions: that it has, of others.
    """

    product: str
    old: str
    new: str
    more: str = ""
    companions: str = ""

    def stack(self, server: PostgreSQL, search: SearchServer, *, nodes: int = 2, version: str = "") -> Stack:
        """A small stack of it alone, which is called after it."""
        words = {"NAME": f"own-{self.product}", "PORT": str(server.port), "PRODUCT": self.product}
        words |= {"COMPANIONS": self.companions.replace("URL", search.url)}
        words |= {"RELEASE": version or self.old, "NODES": str(nodes), "QUICKLY": f"{QUICKLY}{self.more}"}
        text = TEXT
        for word, value in words.items():
            text = text.replace(word, value)
        return stack_of(text)


CASES = (
    Case("confluence", "10.2.7", "10.2.8", ', UNDERSTUDY_REBUILD_SECONDS: "0.5"'),
    Case("bitbucket", "9.4.16", "9.4.17", companions=SEARCH),
)


@pytest.fixture
def postgres(api: Api) -> Iterator[PostgreSQL]:
    """A PostgreSQL in the network of the cluster, with the role and the database that a job would make."""
    server = PostgreSQL.make()
    with server.connect("postgres") as connection:
        connection.autocommit = True
        for case in CASES:
            connection.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(case.product)))
            made = SQL("CREATE DATABASE {} OWNER {}")
            connection.execute(made.format(Identifier(case.product), Identifier(case.product)))
    yield server
    server.stop()


@pytest.fixture
def search(api: Api, tmp_path: Path) -> Iterator[SearchServer]:
    """A search cluster of others, in the network of the cluster."""
    server = SearchServer.make(tmp_path)
    server.start()
    yield server
    server.stop()


class Kept:
    """A stack of one product that the operator keeps.

    Args:
        cluster: it is in.
        case: the product.
        server: its database.
        search: a search cluster.
    """

    def __init__(self, cluster: Installed, case: Case, *, server: PostgreSQL, search: SearchServer) -> None:
        self.cluster = cluster
        self.case = case
        self._server = server
        self._search = search
        self.name = f"own-{case.product}"
        self.namespace = f"{self.name}-{case.product}"

    def prepare(self) -> None:
        """Apply what whoever installs it applies, for three nodes, and the secrets that somebody brings."""
        self.cluster.prepare_for(self.case.stack(self._server, self._search, nodes=3))
        metadata = {"name": "search", "namespace": self.namespace}
        login = {"username": "admin", "password": self._search.password}
        item = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": login}
        self.cluster.api.apply(item, over=None)

    def ask_for(self, *, nodes: int = 2, version: str = "") -> None:
        """Write the Stack."""
        self.cluster.write(self.case.stack(self._server, self._search, nodes=nodes, version=version))

    def members(self) -> dict[str, tuple[str, str]]:
        """State and version of each member of the product, as the operator tells them."""
        found: list[Mapping[str, Any]] = self.cluster.stack(self.name).get("status", {}).get("members", [])
        names = self.named(99)
        return {
            str(each["name"]): (str(each["state"]), str(each.get("version")))
            for each in found
            if each["name"] in names
        }

    def named(self, nodes: int) -> set[str]:
        """Names of so many members."""
        return {f"{self.case.product}-{number}" for number in range(nodes)}

    def serve(self, nodes: int, version: str) -> bool:
        """Whether exactly so many members serve, of that version."""
        return self.members() == dict.fromkeys(self.named(nodes), ("Serving", version))

    def endpoints(self) -> set[str]:
        """Pods that the service sends users to."""
        labels = {"kubernetes.io/service-name": self.case.product}
        found = self.cluster.api.list(ENDPOINT_SLICE, namespace=self.namespace, labels=labels)
        return {str(each["targetRef"]["name"]) for item in found for each in item.get("endpoints") or ()}

    def ends(self, operation: str, phase: str = "Succeeded") -> None:
        """Wait until an operation stands where it is to end."""
        product = self.case.product
        until(lambda: self.cluster.phase(self.name, operation, component=product) == phase, within=UP)

    def perform(self, verb: str, *, member: str) -> None:
        """Ask for an operation on a member, and wait for its end."""
        product = self.case.product
        self.cluster.operation(self.name, f"{verb}-it", component=product, member=member, verb=verb)
        self.ends(f"{verb}-it")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.product)
def test_a_product_is_set_up_upgraded_and_scaled(
    cluster: Installed, postgres: PostgreSQL, search: SearchServer, case: Case
) -> None:
    product, kept = case.product, Kept(cluster, case, server=postgres, search=search)
    kept.prepare()
    cluster.start()
    kept.ask_for()
    cluster.until_ready(kept.name, within=UP)
    until(lambda: kept.serve(2, case.old), within=UP)
    token = cluster.api.get(Kind("v1", "Secret"), f"{kept.name}-{product}-token", namespace=kept.namespace)
    assert token is not None
    assert token["data"]["token"]

    # Node by node to the next release; somebody else serves all the time.
    kept.ask_for(version=case.new)

    def upgraded() -> bool:
        assert kept.endpoints()
        return kept.serve(2, case.new)

    until(upgraded, within=UP)
    kept.ends(f"upgrade-{product}-1")
    pods = cluster.api.list(Kind("v1", "Pod"), namespace=kept.namespace, labels={LABEL_COMPONENT: product})
    assert {release(pod) for pod in pods} == {case.new}

    kept.perform("quarantine", member=f"{product}-1")
    assert kept.endpoints() == {f"{product}-0"}
    kept.perform("release", member=f"{product}-1")

    kept.ask_for(version=case.new, nodes=3)
    until(lambda: kept.endpoints() == kept.named(3), within=UP)
    kept.ask_for(version=case.new)
    until(lambda: kept.serve(2, case.new), within=UP)
    cluster.until_ready(kept.name, within=UP)
    cluster.operation(kept.name, "refused", component=product, verb="backup")
    kept.ends("refused", "Failed")

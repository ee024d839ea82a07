"""All products with their companions, and an application of somebody's own, in one Stack on real nodes.

What all of them have in common with a stack of one product is in :mod:`tests.cluster.kept`.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from telamon.errors import TelamonError
from telamon.platforms.kubernetes.api import Kind
from telamon.platforms.rest import Password, perform
from telamon.products.base import Endpoint, FrontAddress, Identity
from telamon.products.registry import registry
from telamon.proof import measure
from telamon.proof.generator import Generator
from telamon.proof.history.checker import check
from telamon.proof.history.reading import history_of
from telamon.proof.record import Record
from telamon.proof.repository import Account
from telamon.proof.stage import Place, Script, Staged, stage
from telamon.proof.workload import Target
from testbed.certificates import Authority
from testbed.gateway import NAMESPACE
from testbed.images import RECIPES
from tests.cluster.harness import APPLICATION
from tests.cluster.kept import FRONT, NAME, TAG, Kept
from tests.cluster.test_nodes import let_in

RELEASES: Final = {"jira": "11.3.1", "confluence": "10.2.7", "bitbucket": "9.4.16"}
"""Of the products."""
SEARCH: Final = "2.19.1"
"""Release of OpenSearch that a stack has where nobody names one."""
PORTS: Final = {"jira": 8080, "confluence": 8090, "bitbucket": 7990}
RATE: Final = 4.0
"""Requests a second for each product: what is asked is whether the products hold together, not how much they carry."""
SESSIONS: Final = 6
LONGEST: Final = 900.0
"""Seconds of load; every test ends it long before."""
TEXT: Final = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  environment: staging
  domain: acme.example
  products:
    jira:
      version: 11.3.1
      nodes: 2
      resources: {cpu: 100m, memory: 512Mi}
      env: {QUICKLY}
    confluence:
      version: 10.2.7
      nodes: 2
      resources: {cpu: 100m, memory: 512Mi}
      env: {QUICKLY}
      companions: {synchrony: {nodes: 2, resources: {cpu: 100m, memory: 256Mi, heap: 128Mi}}}
    bitbucket:
      version: 9.4.16
      nodes: 2
      resources: {cpu: 100m, memory: 768Mi}
      env: {QUICKLY}
      companions: {opensearch: {nodes: 1, resources: {cpu: 100m, memory: 512Mi, heap: 256Mi}}}
    tiny:
      version: "1.0"
      nodes: 2
      resources: {cpu: 100m, memory: 256Mi}
      volumes: [{name: program, mountPath: /program, configMap: program}]
      profile:
        image: IMAGE
        command: [python3, /program/application.py, "${address}:${port.http}"]
        ports: {http: 8000}
        status: {path: /status, reader: {kind: json, field: state, states: {RUNNING: [RUNNING]}}}
        database: none
        stickyCookie: node
        startTimeout: 60s
        stopGrace: 10s
  platform: {kind: kubernetes}
  database: {kind: external, host: HOST, port: PORT, tls: disable, admin: {secret: admin}}
  edge: {driver: gateway, tls: {kind: disabled}}
  storage:
    local: {storageClass: LOCAL}
    shared: {kind: csi, storageClass: shared}
"""
_QUICKLY: Final = (
    'UNDERSTUDY_START_SECONDS: "1", UNDERSTUDY_LINK_SECONDS: "0.5", UNDERSTUDY_STOP_SECONDS: "0.5"'
)
_OWNER: Final = "gateway.envoyproxy.io/owning-gateway-name"


@dataclass
class Whole(Kept):
    """The stack, and whoever looks after it.

    Attributes:
        search: password of OpenSearch's administrator, of the strength that its image demands.
    """

    search: str = field(default_factory=lambda: f"Aa1.{secrets.token_urlsafe(12)}", repr=False)

    def bring(self) -> None:
        """Bring the secrets, the program of the application, and a way for the test to the nodes themselves."""
        super().bring()
        metadata = {"name": "program", "namespace": f"{NAME}-tiny"}
        data = {APPLICATION.name: APPLICATION.read_text(encoding="utf-8")}
        program = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        for item in (program, *(let_in(f"{NAME}-{product}") for product in RELEASES)):
            self.bed.api.apply(item, over=None)

    def place_of(self, product: str) -> Place:
        """A product, as its users reach it.

        Args:
            product: its name.
        """
        host = f"{product}.acme.example"
        companions = frozenset(registry()[product].companions)
        target = Target(address=FRONT, port=80, host=host)
        return Place(
            registry()[product],
            f"http://{host}",
            target,
            Account("root", self.password),
            companions=companions,
        )

    def serve(self) -> bool:
        """Whether exactly the nodes that are asked for serve, with the release that is asked for."""
        wanted = {f"{name}-{n}": ("Serving", release) for name, release in RELEASES.items() for n in range(2)}
        wanted |= {f"tiny-{n}": ("Serving", "1.0") for n in range(2)}
        return wanted.items() <= self.members().items()

    def listed(self, product: str, by: str) -> set[str]:
        """Members of a product's cluster, as one of them lists them; nothing where it does not answer.

        Args:
            product: its name.
            by: which member is asked.
        """
        address = str(self.bed.pod(by, namespace=f"{NAME}-{product}").get("status", {}).get("podIP", ""))
        if not address:
            return set()
        person = Password("root", self.password)
        try:
            seen = perform(
                registry()[product].membership(),
                endpoint=Endpoint(address, PORTS[product]),
                front=FrontAddress("http", f"{product}.acme.example", 80, ""),
                credentials={Identity.ADMINISTRATOR: person, Identity.SERVICE_ACCOUNT: person},
                on_note=lambda _: None,
                cancelled=lambda: False,
            )
        except TelamonError:
            return set()
        return {each.node_id for each in seen or () if each.alive and each.active}

    def are_one(self) -> bool:
        """Whether every member of every product lists all members of it."""
        return all(
            self.listed(product, f"{product}-{n}") == {f"{product}-0", f"{product}-1"}
            for product in RELEASES
            for n in range(2)
        )

    def _given(self) -> dict[tuple[str, str], str]:
        given = super()._given()
        for product in RELEASES:
            admin = f"{NAME}-{product}-admin"
            given |= {(admin, "username"): "root", (admin, "password"): self.password}
        given[f"{NAME}-bitbucket-search", "password"] = self.search
        name = "bitbucket-opensearch"
        with tempfile.TemporaryDirectory() as folder:
            authority = Authority(Path(folder))
            pair = authority.server(name, addresses=(), names=(name, f"{name}.{NAME}-bitbucket.svc"))
            for key, file in (
                ("ca.crt", authority.certificate),
                ("tls.crt", pair.certificate),
                ("tls.key", pair.key),
            ):
                given[f"{NAME}-{name}-tls", key] = file.read_text(encoding="ascii")
        return given

    def _text(self) -> str:
        words = {
            "QUICKLY": _QUICKLY,
            "IMAGE": f"{RECIPES['telamon'].image}:{TAG}",
            "HOST": self.server.address,
            "PORT": str(self.server.port),
            "LOCAL": self.local,
        }
        text = TEXT
        for word, value in words.items():
            text = text.replace(word, value)
        return text

    def _address(self) -> str:
        # Git by SSH has a front door of its own.
        for service in self.bed.api.list(Kind("v1", "Service"), namespace=NAMESPACE, labels={_OWNER: "web"}):
            given = service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
            return str(given[0]["ip"]) if given else ""
        return ""


def staged(whole: Whole) -> dict[str, Staged]:
    """Make the users of every product and what they need, through the front door."""
    script = Script("users", "USERS", rate=RATE, seconds=LONGEST, sessions=SESSIONS, forgetful=0.0)
    return {product: stage(whole.place_of(product), script) for product in RELEASES}


@contextmanager
def users(whole: Whole, made: Mapping[str, Staged], name: str) -> Iterator[dict[str, Record]]:
    """Users of every product who keep asking while the block lasts; what is given is filled at its end.

    Args:
        whole: the stack.
        made: they and what they need.
        name: of the run.
    """
    records: dict[str, Record] = {}
    with ExitStack() as stack:
        generators = {}
        for product, each in made.items():
            plan = each.plan.model_copy(update={"name": f"{name}-{product}"})
            generator = Generator(plan, whole.folder, secrets=each.secrets)
            generators[product] = stack.enter_context(generator)
        yield records
        for generator in generators.values():
            generator.ask_to_end()
        records |= {product: generator.finish() for product, generator in generators.items()}


def figures(records: Mapping[str, Record]) -> dict[str, dict[str, object]]:
    """What is written down of a run: for each product what was sent, what failed, and what was wrong."""
    return {
        product: {
            "sent": len(record.samples),
            "failed": sum(measure.failures(record.samples).values()),
            "wrong": len(anomalies(record)),
        }
        for product, record in records.items()
    }


def anomalies(record: Record) -> list[str]:
    """What is wrong with what was acknowledged and read."""
    return [f"{each.fault}: {each.thing}: {each.words}" for each in check(history_of(record)).anomalies]


def found(whole: Whole, words: str) -> int:
    """How many files a search for code finds, as a user asks for it."""
    body = {"query": words, "entities": {"code": {"start": 0, "limit": 25}}}
    answer = httpx.post(
        f"http://{FRONT}/rest/search/latest/search",
        json=body,
        headers={"host": "bitbucket.acme.example"},
        auth=("root", whole.password),
        timeout=10.0,
        trust_env=False,
    )
    return len(answer.json()["code"]["values"]) if answer.status_code == httpx.codes.OK else 0


def asked(product: str, path: str) -> int:
    """With which code the front door answers, on the host of a product; 0 where it does not."""
    try:
        headers = {"host": f"{product}.acme.example"}
        return httpx.get(f"http://{FRONT}{path}", headers=headers, timeout=5.0, trust_env=False).status_code
    except httpx.TransportError:
        return 0

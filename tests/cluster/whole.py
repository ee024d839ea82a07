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
from typing import Any, Final

import httpx

from telamon.errors import TelamonError
from telamon.platforms.kubernetes.api import Kind
from telamon.platforms.rest import Password, perform
from telamon.products.base import Endpoint, FrontAddress, Identity
from telamon.products.registry import registry
from telamon.proof.repository import Account
from telamon.proof.stage import Place, Script, Staged, stage
from telamon.proof.workload import Target
from testbed.certificates import Authority
from testbed.gateway import NAMESPACE
from testbed.images import RECIPES
from tests.cluster.harness import APPLICATION
from tests.cluster.kept import FRONT, NAME, TAG, Kept
from tests.cluster.test_nodes import let_in
from tests.cluster.users import Met, users

RELEASES: Final = {"jira": "11.3.1", "confluence": "10.2.7", "bitbucket": "9.4.16"}
"""Of the products."""
NEXT: Final = {"jira": "11.3.2", "confluence": "10.2.8", "bitbucket": "9.4.17"}
"""Those that they are brought to node by node."""
SEARCH: Final = "2.19.1"
"""Release of OpenSearch that a stack has where nobody names one."""
PORTS: Final = {"jira": 8080, "confluence": 8090, "bitbucket": 7990}
RATE: Final = 50 / 3
"""Requests a second for each product."""
SESSIONS: Final = 8
CLAIM: Final = "backups"
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
      version: RELEASE-OF-jira
      nodes: NODES
      resources: {cpu: 100m, memory: 512Mi}
      env: {QUICKLY}
    confluence:
      version: RELEASE-OF-confluence
      nodes: NODES
      resources: {cpu: 100m, memory: 512Mi}
      env: {QUICKLY}
      companions: {synchrony: {nodes: 2, resources: {cpu: 100m, memory: 256Mi, heap: 128Mi}}}
    bitbucket:
      version: RELEASE-OF-bitbucket
      nodes: NODES
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
  backup: {destination: {kind: claim, claim: CLAIM}, recent: 2h}
"""
_QUICKLY: Final = (
    'UNDERSTUDY_START_SECONDS: "1", UNDERSTUDY_LINK_SECONDS: "0.5", UNDERSTUDY_STOP_SECONDS: "0.5"'
)
_OWNER: Final = "gateway.envoyproxy.io/owning-gateway-name"


@dataclass
class Whole(Kept):
    """The stack, and whoever looks after it.

    Attributes:
        releases: that the file asks for, by product.
        search: password of OpenSearch's administrator, of the strength that its image demands.
    """

    releases: dict[str, str] = field(default_factory=lambda: dict(RELEASES))
    search: str = field(default_factory=lambda: f"Aa1.{secrets.token_urlsafe(12)}", repr=False)

    def bring(self) -> None:
        """Bring secrets, room for backups, the program of the application, and a way for the test to the nodes."""
        super().bring()
        metadata = {"name": "program", "namespace": f"{NAME}-tiny"}
        data = {APPLICATION.name: APPLICATION.read_text(encoding="utf-8")}
        program = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        for item in (program, *(let_in(f"{NAME}-{product}") for product in RELEASES)):
            self.bed.api.apply(item, over=None)
        for product in RELEASES:
            self.bed.api.apply(_claim(f"{NAME}-{product}"), over=None)

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
        wanted = {
            f"{name}-{n}": ("Serving", release)
            for name, release in self.releases.items()
            for n in range(self.nodes)
        }
        wanted |= {f"tiny-{n}": ("Serving", "1.0") for n in range(2)}
        found = self.members()
        nodes = {name for name in found if name.rpartition("-")[0] in {*RELEASES, "tiny"}}
        return nodes == wanted.keys() and wanted.items() <= found.items()

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
        members = {product: {f"{product}-{n}" for n in range(self.nodes)} for product in RELEASES}
        return all(
            self.listed(product, name) == names for product, names in members.items() for name in names
        )

    def _given(self) -> dict[tuple[str, str], str]:
        given = super()._given()
        for product in RELEASES:
            admin = f"{NAME}-{product}-admin"
            given |= {(admin, "username"): "root", (admin, "password"): self.password}
        given |= of_search(self.search)
        return given

    def _text(self) -> str:
        words = {
            "QUICKLY": _QUICKLY,
            "IMAGE": f"{RECIPES['telamon'].image}:{TAG}",
            "HOST": self.server.address,
            "PORT": str(self.server.port),
            "LOCAL": self.local,
            "NODES": str(self.nodes),
            "CLAIM": CLAIM,
            **{f"RELEASE-OF-{product}": release for product, release in self.releases.items()},
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


def of_search(password: str) -> dict[tuple[str, str], str]:
    """What somebody brings for a repository host's own search: by name of the secret and key.

    Args:
        password: of its administrator, of the strength that its image demands.
    """
    given = {(f"{NAME}-bitbucket-search", "password"): password}
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


def _claim(namespace: str) -> dict[str, Any]:
    """Room for the backups of a product, as somebody makes it."""
    spec = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "shared",
        "resources": {"requests": {"storage": "1Gi"}},
    }
    metadata = {"name": CLAIM, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def staged(whole: Whole) -> dict[str, Staged]:
    """Make the users of every product and what they need, through the front door."""
    script = Script("users", "USERS", rate=RATE, seconds=LONGEST, sessions=SESSIONS, forgetful=0.0)
    return {product: stage(whole.place_of(product), script) for product in RELEASES}


@contextmanager
def crowds(whole: Whole, made: Mapping[str, Staged], name: str) -> Iterator[dict[str, Met]]:
    """Users of every product who keep asking while the block lasts; at its end what they met is read.

    Args:
        whole: the stack.
        made: they and what they need, by product.
        name: of the run.
    """
    with ExitStack() as stack:
        yield {
            product: stack.enter_context(users(whole, each, f"{name}-{product}", product=product))
            for product, each in made.items()
        }


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


def asked(product: str, path: str, password: str = "") -> int:
    """With which code the front door answers, on the host of a product; 0 where it does not.

    Args:
        product: its name.
        path: that is asked for.
        password: of the administrator; "" for somebody who is not logged in.
    """
    try:
        answer = httpx.get(
            f"http://{FRONT}{path}",
            headers={"host": f"{product}.acme.example"},
            auth=("root", password) if password else None,
            timeout=5.0,
            trust_env=False,
        )
    except httpx.TransportError:
        return 0
    return answer.status_code


def written(whole: Whole, product: str, title: str) -> str:
    """Have the administrator write something in the place of :func:`staged`. Returns the path at which it is read.

    Args:
        whole: the stack.
        product: where.
        title: of the issue, the page or the repository.
    """
    place, name = _WRITES[product]
    answer = httpx.post(
        f"http://{FRONT}{place}",
        json=_body(product, title),
        headers={"host": f"{product}.acme.example"},
        auth=("root", whole.password),
        timeout=10.0,
        trust_env=False,
    )
    assert answer.is_success, answer.text
    return f"{place}/{answer.json()[name]}"


_WRITES: Final = {
    "jira": ("/rest/api/2/issue", "key"),
    "confluence": ("/rest/api/content", "id"),
    "bitbucket": ("/rest/api/latest/projects/USERS/repos", "slug"),
}
"""Where something is made, and which name in the answer it is read by. Source: the products' REST APIs."""


def _body(product: str, title: str) -> dict[str, Any]:
    match product:
        case "jira":
            fields = {"project": {"key": "USERS"}, "issuetype": {"name": "Task"}, "summary": title}
            return {"fields": fields}
        case "confluence":
            text = {"storage": {"value": f"<p>{title}</p>", "representation": "storage"}}
            return {"type": "page", "title": title, "space": {"key": "USERS"}, "body": text}
        case _:
            return {"name": title, "scmId": "git"}

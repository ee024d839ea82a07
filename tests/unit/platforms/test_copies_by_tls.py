"""How nodes that hold copies are asked: with a password, which goes to whoever shows the right certificate alone."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from telamon.platforms.calls.looks import CloseLooks
from telamon.platforms.clock import SteadyClock
from telamon.products.base import Endpoint, SecretValue
from telamon.state.world import Copies
from testbed.certificates import Authority
from tests.support.searching import AUTHORITY, PASSWORD, Vault, copies_told

NAME = "bitbucket-opensearch.acme-bitbucket.svc"


@dataclass
class Node:
    """A search node."""

    endpoint: Endpoint
    authority: str
    health: dict[str, Any]
    heard: list[str] = field(default_factory=list)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """One that is known by the name of its service."""
    made: list[Node] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made[0].heard.append(self.headers.get("Authorization", ""))
            body = json.dumps(made[0].health).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    authority = Authority(tmp_path)
    pair = authority.server("node", addresses=(), names=(NAME,))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        green = {"status": "green", "number_of_nodes": 1, "unassigned_shards": 0}
        made.append(Node(Endpoint("127.0.0.1", server.server_port), authority.certificate.read_text(), green))
        yield made[0]
        server.shutdown()
        thread.join()


@pytest.fixture
def looks() -> Iterator[CloseLooks]:
    """Who looks."""
    made = CloseLooks(SteadyClock())
    yield made
    made.close()


def secrets(node: Node) -> Vault:
    """What the operator may read."""
    return Vault({PASSWORD: "sesame", AUTHORITY: node.authority})


def told(looks: CloseLooks, node: Node, *, vault: Vault, name: str = NAME, others: int = 0) -> Copies:
    """What is known of the copies once the node was asked, or cannot be."""
    return copies_told(looks, node.endpoint, vault=vault, name=name, others=others)


def test_a_green_cluster_is_asked_with_the_password_under_its_own_name(looks: CloseLooks, node: Node) -> None:
    assert told(looks, node, vault=secrets(node)) == Copies(whole=True)
    assert node.heard == ["Basic YWRtaW46c2VzYW1l"]


def test_one_that_is_not_green_tells_what_is_missing(looks: CloseLooks, node: Node) -> None:
    node.health |= {"status": "yellow", "unassigned_shards": 2}
    copies = told(looks, node, vault=secrets(node))
    assert (copies.whole, "2 shards" in copies.detail) == (False, True)


def test_a_cluster_that_counts_other_nodes_than_run_is_not_whole(looks: CloseLooks, node: Node) -> None:
    node.health |= {"number_of_nodes": 2}
    copies = told(looks, node, vault=secrets(node))
    assert (copies.whole, copies.detail) == (False, "bitbucket-opensearch-0 counts 2 nodes, and 1 run")


def test_a_node_that_has_not_told_yet_speaks_against_it(looks: CloseLooks, node: Node) -> None:
    node.health |= {"number_of_nodes": 2}
    copies = told(looks, node, vault=secrets(node), others=1)
    assert (copies.whole, copies.detail) == (False, "other-0 has not told of them yet")


@pytest.mark.parametrize("wrong", ["name", "authority"])
def test_a_stranger_is_not_given_the_password(
    looks: CloseLooks, node: Node, tmp_path: Path, wrong: str
) -> None:
    vault, name = secrets(node), NAME
    if wrong == "name":
        name = "bitbucket-opensearch.elsewhere.svc"
    else:
        (tmp_path / "another").mkdir()
        vault.values[AUTHORITY] = Authority(tmp_path / "another").certificate.read_text()
    copies = told(looks, node, vault=vault, name=name)
    assert (copies.whole, "certificate is not trusted" in copies.detail) == (False, True)
    assert node.heard == []


@pytest.mark.parametrize("missing", [PASSWORD, AUTHORITY])
def test_a_secret_that_is_missing_is_named(looks: CloseLooks, node: Node, missing: SecretValue) -> None:
    vault = secrets(node)
    del vault.values[missing]
    copies = told(looks, node, vault=vault)
    assert (copies.whole, missing.secret in copies.detail) == (False, True)
    assert node.heard == []

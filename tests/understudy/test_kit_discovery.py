"""Nodes that ask the API server of Kubernetes who else is there."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from testbed.certificates import Authority
from understudy.kit.discovery import Discovery, Neighbours
from understudy.kit.errors import LinkError, SettingsError
from understudy.kit.settings import Endpoint, Environment

PATH = "/api/v1/namespaces/acme-wiki/endpoints/wiki-peers"
TWO = {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "notReadyAddresses": [{"ip": "10.0.0.2"}]}]}
OWN = Endpoint("10.0.0.1", 5801)


class ApiServer(ThreadingHTTPServer):
    """Answers one path to whoever shows the token of the account."""

    status = 200
    answer: Mapping[str, Any] = TWO


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: ApiServer

    def do_GET(self) -> None:
        known = (self.path, self.headers["Authorization"]) == (PATH, "Bearer of-the-account")
        data = json.dumps(self.server.answer).encode()
        self.send_response(self.server.status if known else 401)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    """An API server by TLS, and the folder of an account beside it."""
    authority = Authority(tmp_path)
    pair = authority.server("server", addresses=("127.0.0.1",), names=("localhost",))
    (tmp_path / "token").write_text("of-the-account\n", encoding="ascii")
    (tmp_path / "ca.crt").write_bytes(authority.certificate.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with ApiServer(("127.0.0.1", 0), Handler) as made:
        made.socket = context.wrap_socket(made.socket, server_side=True)
        thread = threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def discovery(server: ApiServer, account: Path) -> Discovery:
    """As an image is told."""
    variables = {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(server.server_port),
        "KUBERNETES_NAMESPACE": "acme-wiki",
        "HAZELCAST_KUBERNETES_SERVICE_NAME": "wiki-peers",
        "UNDERSTUDY_ACCOUNT": str(account),
    }
    environment = Environment(variables)
    found = Discovery.read(environment, port=5801)
    environment.check()
    return found


def test_pods_that_are_not_ready_are_found_as_well(server: ApiServer, tmp_path: Path) -> None:
    neighbours = Neighbours(frozenset(), discovery(server, tmp_path))
    assert neighbours.endpoints() == {OWN, Endpoint("10.0.0.2", 5801)}
    assert not neighbours.lonely(OWN)


@pytest.mark.parametrize("status", [403, 404])
def test_one_who_may_not_ask_or_finds_no_service_starts_alone(
    server: ApiServer, tmp_path: Path, status: int
) -> None:
    server.status = status
    assert Neighbours(frozenset(), discovery(server, tmp_path)).endpoints() == frozenset()


def test_an_api_server_in_trouble_says_nothing_of_who_is_there(server: ApiServer, tmp_path: Path) -> None:
    server.status = 500
    with pytest.raises(LinkError, match="answers 500"):
        Neighbours(frozenset(), discovery(server, tmp_path)).endpoints()


def test_one_without_a_token_cannot_ask(server: ApiServer, tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="cannot be asked"):
        Neighbours(frozenset(), discovery(server, tmp_path / "nowhere")).endpoints()


def test_those_that_are_listed_are_all_where_nobody_is_asked() -> None:
    other = Endpoint("10.0.0.2", 5801)
    assert Neighbours(frozenset({OWN, other}), None).endpoints() == {OWN, other}
    assert not Neighbours(frozenset({OWN, other}), None).lonely(OWN)
    assert Neighbours(frozenset({OWN}), None).lonely(OWN)


def test_what_is_not_told_is_named() -> None:
    environment = Environment({})
    Discovery.read(environment, port=5801)
    with pytest.raises(SettingsError, match=r"KUBERNETES_SERVICE_HOST.*HAZELCAST_KUBERNETES_SERVICE_NAME"):
        environment.check()

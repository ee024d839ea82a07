"""The status of a node that speaks TLS, with a certificate that nobody here knows."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from telamon.platforms.probing import StatusProbe
from telamon.products.base import Endpoint, FrontAddress
from telamon.products.registry import registry
from telamon.state.phase import Phase
from testbed.certificates import Authority

FRONT = FrontAddress("https", "git.acme.example", 443, "")


class Locked(BaseHTTPRequestHandler):
    """Asks for a password, as a search server does that is up."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Endpoint]:
    """A node with a certificate of another name, by an authority of its own."""
    pair = Authority(tmp_path).server("server", addresses=("127.0.0.9",), names=("elsewhere",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Locked) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield Endpoint("127.0.0.1", server.server_port)
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("encrypted", "phase"), [(True, Phase.RUNNING), (False, Phase.UNREACHABLE)])
def test_it_is_told_from_one_that_does_not_run(node: Endpoint, encrypted: bool, phase: Phase) -> None:
    companion = registry()["bitbucket"].companions["opensearch"]
    # As long as a loaded machine takes, for an answer is what is asked for here.
    with StatusProbe(companion, endpoint=node, front=FRONT, timeout=30, encrypted=encrypted) as probe:
        assert probe.phase() is phase

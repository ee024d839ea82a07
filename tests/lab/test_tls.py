"""A front door with TLS, a context path, websockets and a listener that passes TCP on."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telamon import wiring
from telamon.platforms.lab import facts as machine_facts
from tests.lab.support import strike, tiny_stack, until
from tests.lab.world import World, kept

PROFILE = {
    "ports": {"http": 8000, "banner": 8001},
    "environment": {
        "TINY_NODE": "${node.name}",
        "TINY_DATABASE": "${database.url}",
        "TINY_BANNER": "${port.banner}",
    },
    "websockets": ["/echo"],
    "tcp": [{"name": "banner", "port": "banner", "listen": 8101, "expect": "TINY-1.0"}],
}


@pytest.fixture(scope="module")
def world(module_root: Path) -> Iterator[World]:
    """A lab with everything that the plain one leaves out."""
    with kept(
        module_root, tiny_stack(profile=PROFILE, edge={"tls": {"kind": "lab"}}, contextPath="/app")
    ) as made:
        yield made


def trusting(world: World) -> ssl.SSLContext:
    """What a browser is that was told to trust the lab."""
    return ssl.create_default_context(cadata=wiring.certificate(world.root))


def get(
    world: World, path: str, *, host: str = "", accept: str = "*/*"
) -> tuple[http.client.HTTPResponse, str]:
    """Ask the front door."""
    address, port = world.front()
    connection = http.client.HTTPSConnection(address, port, context=trusting(world), timeout=10)
    connection.request("GET", path, headers={"Host": host or f"{address}:{port}", "Accept": accept})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


def told(text: str) -> dict[str, Any]:
    """What the application saw of a request."""
    found: dict[str, Any] = json.loads(text)
    return found


def test_the_lab_authority_vouches_for_every_address(world: World) -> None:
    facts = machine_facts.load(world.root)
    assert facts is not None
    assert world.parts.urls(world.stack)["tiny"].startswith("https://")
    answer, text = get(world, "/app/page")
    assert answer.status == 200
    headers = told(text)["headers"]
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-host"] == headers["host"] == "{}:{}".format(*world.front())
    by_name = http.client.HTTPSConnection("127.0.0.1", facts.front_port, context=trusting(world), timeout=10)
    raw = socket.create_connection(("127.0.0.1", facts.front_port))
    by_name.sock = trusting(world).wrap_socket(raw, server_hostname="tiny.acme.localhost")
    by_name.request("GET", "/app/", headers={"Host": f"tiny.acme.localhost:{facts.front_port}"})
    assert by_name.getresponse().status == 200
    by_name.close()


def test_context_path_is_matched_whole_and_the_root_leads_there(world: World) -> None:
    assert get(world, "/app")[0].status == 200
    assert get(world, "/apple")[0].status == 404
    answer, _ = get(world, "/")
    assert (answer.status, (answer.getheader("Location") or "").endswith("/app/")) == (302, True)


def test_connection_of_a_websocket_stays_open(world: World) -> None:
    raw = socket.create_connection(world.front())
    with trusting(world).wrap_socket(raw, server_hostname=world.front()[0]) as connection:
        connection.sendall(
            b"GET /app/echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        lines = connection.makefile("rb")
        assert lines.readline().startswith(b"HTTP/1.1 101")
        while lines.readline().strip():
            pass
        for word in (b"one\n", b"two\n"):
            connection.sendall(word)
            assert lines.readline() == word


def test_slow_page_is_waited_for(world: World) -> None:
    begun = time.monotonic()
    answer, text = get(world, "/app/slow?2.5")
    assert answer.status == 200, text
    assert time.monotonic() - begun >= 2.5


def banner(world: World) -> str:
    """What the passed-on listener says first; "" where it says nothing."""
    facts = machine_facts.load(world.root)
    assert facts is not None
    with socket.create_connection(
        (world.front()[0], facts.tcp_ports["tiny/banner"]), timeout=10
    ) as connection:
        return connection.makefile().readline().strip()


def test_tcp_goes_to_nodes_that_speak(world: World) -> None:
    assert {until(lambda: banner(world)) for _ in range(8)} <= {"TINY-1.0 tiny-0", "TINY-1.0 tiny-1"}
    strike(world.pid("tiny-0"), signal.SIGSTOP)
    until(lambda: [banner(world) for _ in range(4)] == ["TINY-1.0 tiny-1"] * 4)
    world.settle()


def test_nobody_serves_and_people_are_told(world: World) -> None:
    world.host.end()
    for name in ("tiny-0", "tiny-1"):
        world.platform.drain("tiny", name)
    answer, text = get(world, "/app/", accept="text/html")
    assert (answer.status, answer.getheader("Retry-After")) == (503, "5")
    assert "<h1>One moment, please</h1>" in text
    answer, text = get(world, "/app/", accept="application/json")
    assert (answer.status, answer.getheader("Retry-After")) == (503, "5")
    assert "<" not in text
    world.restart_host()

"""A balancer whose members are all too slow for its checks: users are served all the same, unless they are kept out."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from telamon.desired.lab.clusters import discovery, eds_cluster, file_source, http_health, load_assignment
from telamon.desired.lab.data import Rotation
from telamon.desired.lab.listeners import FrontHost, FrontRoute, http_listener, virtual_host
from telamon.platforms.lab import admin
from telamon.platforms.lab.machine import balancer
from telamon.platforms.lab.traffic import Traffic
from telamon.products.base import Endpoint, HealthMatch, Route
from tests.lab.support import until

APP = "app"
SERVED, KEPT_OUT = {(200, None)}, {(503, "5")}


class Member(ThreadingHTTPServer):
    """A member that answers users at once, and says how it is when it may."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Pages)
        self.prompt = threading.Event()
        self.prompt.set()

    @property
    def place(self) -> Endpoint:
        host, port = self.socket.getsockname()
        return Endpoint(host, port)


class Pages(BaseHTTPRequestHandler):
    """Its pages."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, Member)
        if self.path == "/status":
            self.server.prompt.wait()
        # The balancer has hung up on a check that waited.
        with suppress(ConnectionError):
            self.send_response(200)
            self.send_header("Content-Length", "7")
            self.end_headers()
            self.wfile.write(b"RUNNING")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Stand:
    """A balancer before two members."""

    members: tuple[Member, ...]
    traffic: Traffic
    rotations: tuple[Rotation, ...]
    socket: str

    def prompt(self, prompt: bool) -> None:
        """Have the members say how they are at once, or not at all, until the balancer has found that out."""
        for member in self.members:
            if prompt:
                member.prompt.set()
            else:
                member.prompt.clear()
        until(lambda: self.found() == {prompt})

    def found(self) -> set[bool]:
        """How the balancer finds the members."""
        return set((admin.members(self.socket) or {}).get(APP, {}).values())

    def asked(self) -> set[tuple[int, str | None]]:
        """Status of some answers, and after how many seconds users are told to come again."""
        _, text = admin.ask(self.socket, "/listeners?format=json")
        place = json.loads(text)["listener_statuses"][0]["local_address"]["socket_address"]
        found = set()
        for _ in range(20):
            connection = http.client.HTTPConnection(place["address"], place["port_value"], timeout=30)
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
            found.add((answer.status, answer.getheader("Retry-After")))
            connection.close()
        return found


@pytest.fixture
def stand(root: Path) -> Iterator[Stand]:
    with ExitStack() as stack:
        members = tuple(stack.enter_context(Member()) for _ in range(2))
        for member in members:
            threading.Thread(target=member.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            stack.callback(member.shutdown)
            stack.callback(member.prompt.set)
        places = {f"{APP}-{number}": member.place for number, member in enumerate(members)}
        socket = str(root / "balancer.sock")
        bootstrap = configure(root, places, socket)
        argv = [str(balancer()), "-c", str(bootstrap), "--concurrency", "1", "--disable-hot-restart"]
        with (root / "balancer.log").open("wb") as log:
            process = stack.enter_context(subprocess.Popen(argv, stdout=log, stderr=log))
        stack.callback(process.kill)
        made = Stand(members, Traffic(root), (Rotation(APP, APP, f"{APP}.json", places),), socket)
        until(lambda: made.found() == {True})
        yield made


def configure(root: Path, places: dict[str, Endpoint], socket: str) -> Path:
    """Write what the balancer reads; the port is the system's choice."""
    membership, clusters, listeners = (root / f"{name}.json" for name in (APP, "clusters", "listeners"))
    health = http_health(HealthMatch("/status", "RUNNING"), context_path="", host=APP)
    cluster = eds_cluster(APP, membership=str(membership), health=health, http=True)
    host = FrontHost(APP, APP, APP, f"http://{APP}", "", (FrontRoute(Route("/"), "/", APP),))
    hosts = [virtual_host(host, domains=["*"])]
    front = http_listener("front", Endpoint("127.0.0.1", 0), hosts=hosts, tls=None, shared=False)
    membership.write_text(json.dumps(load_assignment(APP, places)))
    clusters.write_text(json.dumps(discovery([cluster])))
    listeners.write_text(json.dumps(discovery([front])))
    bootstrap = root / "bootstrap.json"
    found = {"cds_config": file_source(str(clusters)), "lds_config": file_source(str(listeners))}
    page = {"address": {"pipe": {"path": socket, "mode": 0o600}}}
    node = {"id": APP, "cluster": APP}
    bootstrap.write_text(json.dumps({"node": node, "admin": page, "dynamic_resources": found}))
    return bootstrap


def test_members_that_are_all_too_slow_for_checks_serve_on(stand: Stand) -> None:
    stand.prompt(False)
    assert stand.asked() == SERVED
    stand.prompt(True)
    assert stand.asked() == SERVED


def test_users_who_are_kept_out_stay_out_however_slow_the_members_are(stand: Stand) -> None:
    stand.prompt(False)
    stand.traffic.hold(stand.rotations, held=True, balancers=[stand.socket])
    until(lambda: stand.asked() == KEPT_OUT)
    stand.traffic.hold(stand.rotations, held=False, balancers=[stand.socket])
    until(lambda: stand.asked() == SERVED)

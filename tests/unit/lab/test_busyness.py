"""How busy members are, from what balancers have counted: over some seconds, of all balancers together."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from telamon.desired.component import Upgrade
from telamon.desired.lab.data import LabComponent, Rotation
from telamon.platforms.lab.busyness import Busyness
from telamon.platforms.memory.clock import ManualClock
from telamon.products.base import Endpoint
from telamon.products.release import Jump, Way
from tests.support.stacks import members, product

PLACES = {f"tracker-{number}": Endpoint(f"127.9.1.{number}", 8090) for number in range(2)}
ROTATION = Rotation("tracker", "tracker", "tracker.json", PLACES)


@dataclass
class Balancer:
    """A balancer's admin page, as far as it counts requests."""

    counted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PLACES, 0))

    def page(self) -> bytes:
        hosts = [
            {
                "address": {
                    "socket_address": {"address": PLACES[member].host, "port_value": PLACES[member].port}
                },
                # A count of nothing is left out, and numbers are text: that is how Envoy writes them.
                "stats": [
                    {"name": "rq_error"},
                    {"name": "rq_total", "value": str(count)} if count else {"name": "-"},
                ],
            }
            for member, count in self.counted.items()
        ]
        return json.dumps({"cluster_statuses": [{"name": "tracker", "host_statuses": hosts}]}).encode()

    @contextmanager
    def serving(self, path: Path) -> Iterator[str]:
        """Answer on a unix socket."""
        balancer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = balancer.page()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self) -> str:
                return "unix"

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """Nobody reads it."""

        with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            yield str(path)
            server.shutdown()
            thread.join()


@dataclass
class Site:
    """A component behind two balancers."""

    part: LabComponent
    balancers: tuple[Balancer, Balancer]
    sockets: tuple[str, ...]
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.busyness = Busyness(self.clock)

    def look(self) -> dict[str, float]:
        return dict(self.busyness.look(self.part, balancers=self.sockets))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    wanted = Upgrade("1.0.0", "1.1.0", Jump(Way.ROLLING), mode=True, members=members("tracker", 2))
    part = LabComponent(replace(product(2), upgrade=wanted), (), rotations=(ROTATION,))
    balancers = (Balancer(), Balancer())
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(one.serving(tmp_path / f"{number}.sock"))
            for number, one in enumerate(balancers)
        ]
        yield Site(part, balancers, (*sockets, str(tmp_path / "gone.sock")))


def test_all_balancers_count_together_over_the_time_between(site: Site) -> None:
    site.balancers[0].counted["tracker-0"] = 1_000
    assert site.look() == {}
    site.clock.sleep(10.0)
    site.balancers[0].counted["tracker-0"] += 30
    site.balancers[1].counted["tracker-0"] += 10
    site.balancers[1].counted["tracker-1"] += 5
    assert site.look() == {"tracker-0": pytest.approx(4.0), "tracker-1": pytest.approx(0.5)}


def test_a_balancer_that_begins_anew_says_nothing_at_first(site: Site) -> None:
    site.balancers[0].counted["tracker-0"] = 1_000
    site.look()
    site.clock.sleep(10.0)
    site.balancers[0].counted["tracker-0"] = 3
    assert site.look() == {}
    site.clock.sleep(10.0)
    site.balancers[0].counted["tracker-0"] = 23
    assert site.look()["tracker-0"] == pytest.approx(2.0)


def test_nobody_is_asked_where_nobody_is_to_be_chosen(site: Site) -> None:
    site.look()
    site.clock.sleep(10.0)
    assert site.look() == {"tracker-0": 0.0, "tracker-1": 0.0}
    site.part = replace(site.part, desired=replace(site.part.desired, upgrade=None))
    assert site.look() == {}

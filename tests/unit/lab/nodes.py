"""A product of a few lines, and a node of it inside the test: no process, no network but loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from telamon.desired.calls import SetupDesired, WorkloadProbe
from telamon.desired.component import ComponentDesired, MemberDesired
from telamon.desired.lab.data import LabComponent, ProcessDesired
from telamon.platforms.lab.tracked import Identity, Process
from telamon.products.base import (
    AccountInputs,
    Endpoint,
    Flow,
    FrontAddress,
    HealthMatch,
    HealthReport,
    IndexKeeper,
    IndexReport,
    NodeSeen,
    Note,
    Port,
    Product,
    Request,
    Response,
    SecretValue,
    SetupInputs,
    SetupOutcome,
    SetupVerdict,
    ask,
)
from telamon.products.base import (
    Identity as As,
)
from telamon.products.rest import as_
from telamon.state.phase import Phase
from telamon.state.world import ComponentKind, Life

FRONT = FrontAddress("http", "127.9.0.1", 8080)


class Little(Product):
    """A product whose node answers whatever the test put there."""

    name = "little"
    title = "Little"
    ports = (Port("http", 8000, public=True),)
    health = HealthMatch("/status", "RUNNING")
    index = IndexKeeper.NODE
    clustered = True

    def read_status(self, response: Response) -> Phase:
        """The word of the node."""
        return Phase(response.document().get("state", "UNREACHABLE"))

    def membership(self) -> Flow[tuple[NodeSeen, ...] | None]:
        """As the node says."""
        found = yield from as_(As.SERVICE_ACCOUNT, Request("GET", "/nodes"))
        return tuple(NodeSeen(name, alive=True, active=True) for name in found.document().get("nodes", []))

    def index_report(self) -> Flow[IndexReport | None]:
        """As the node says."""
        found = yield from ask(Request("GET", "/index", identity=As.SERVICE_ACCOUNT))
        return IndexReport(readable=True, behind=int(found.document().get("behind", 0)))

    def health_checks(self) -> Flow[tuple[HealthReport, ...]]:
        """As the node says."""
        found = yield from ask(Request("GET", "/health", identity=As.SERVICE_ACCOUNT))
        healthy = bool(found.document().get("healthy", True))
        return (HealthReport("database", healthy=healthy, concerns_database=True),)

    def set_up(self, inputs: SetupInputs) -> Flow[SetupOutcome]:
        """One page."""
        yield Note("posted:license")
        found = yield from ask(Request("POST", "/setup", form={"license": inputs.license}))
        verdict = SetupVerdict(found.document().get("verdict", "waiting"))
        return SetupOutcome(verdict, "license", "/setup", f"{len(inputs.posted)} in doubt")

    def make_service_account(self, account: AccountInputs) -> Flow[str | None]:
        """A token of the node's choice."""
        found = yield from ask(Request("POST", "/account", identity=As.ADMINISTRATOR))
        token: str | None = found.document().get("token")
        return token

    def prepare_join(self) -> Flow[bool]:
        """When the node says so."""
        found = yield from ask(Request("POST", "/snapshot", identity=As.SERVICE_ACCOUNT))
        return bool(found.document().get("done", False))


Pages = dict[str, Callable[[Mapping[str, str]], Any]]
"""Path to what answers: a function of the request's headers. A number is a status without a body."""


@contextmanager
def node(pages: Pages) -> Iterator[Endpoint]:
    """A node that answers from a table, which the test may change while it runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            page = pages.get(self.path)
            answer = {} if page is None else page(dict(self.headers.items()))
            data = b"" if isinstance(answer, int) else json.dumps(answer).encode()
            self.send_response(answer if isinstance(answer, int) else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Endpoint("127.0.0.1", server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def component(*endpoints: Endpoint, account: bool = True) -> LabComponent:
    """The product's own nodes, at these places."""

    def secret(key: str) -> SecretValue:
        return SecretValue("little", key)

    processes = tuple(
        ProcessDesired(
            member=f"little-{ordinal}",
            component="little",
            ordinal=ordinal,
            release="1",
            argv=(),
            environment={},
            cwd="/",
            address=str(endpoint),
            probe=WorkloadProbe(endpoint, FRONT),
        )
        for ordinal, endpoint in enumerate(endpoints)
    )
    members = tuple(MemberDesired(process.member, process.ordinal, "r", "1") for process in processes)
    return LabComponent(
        ComponentDesired("little", ComponentKind.PRODUCT, "little", members, account=account),
        processes,
        workload=Little(),
        product=Little(),
        set_up=SetupDesired(
            title="Little",
            base_url=FRONT.url,
            license=secret("license"),
            admin_username=secret("admin"),
            admin_password=secret("admin-password"),
            admin_email=secret("email"),
            admin_name=secret("name"),
            account_username=secret("account"),
            account_password=secret("account-password"),
            account_email=secret("email"),
            account_token=secret("token"),
        ),
    )


def process(name: str, *, started: float, answered: bool = False, pid: int = 7) -> Process:
    """A process as the supervisor sees it."""
    identity = Identity(name, "little", int(name.rpartition("-")[2]), "r", "1", "SIGTERM")
    return Process(identity, pid, 1, Life.ALIVE, started, answered)

"""Real stand-ins, started with exactly the environment that the engine would give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from telamon.errors import TemporaryError
from telamon.model.products import ProductSpec
from telamon.platforms.probing import StatusProbe
from telamon.platforms.rest import Credential, Password, Token, perform
from telamon.products.base import (
    AccountInputs,
    DatabaseLink,
    Endpoint,
    EnvironmentValue,
    Flow,
    FrontAddress,
    Identity,
    NodeContext,
    NodeSeen,
    Peer,
    Product,
    Purpose,
    SecretValue,
    SetupInputs,
    SetupOutcome,
    SetupVerdict,
    Workload,
)
from telamon.products.notes import standing
from tests.understudy.support import NodeProcess, eventually, own_address

T = TypeVar("T")

SECRETS: Mapping[str, str] = {
    Purpose.LICENSE: "LAB-0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
    Purpose.ADMIN_USERNAME: "ada",
    Purpose.ADMIN_PASSWORD: "correct-horse",
    Purpose.ADMIN_EMAIL: "ada@acme.example",
    Purpose.ADMIN_NAME: "Ada L.",
    Purpose.CLUSTER: "one-cluster",
    Purpose.SEARCH_PASSWORD: "Search-1-admin",
}
ACCOUNT = AccountInputs("telamon", "battery-staple", "telamon@acme.example", "Telamon")
FAST: Mapping[str, str] = {
    "UNDERSTUDY_START_SECONDS": "0.2",
    "UNDERSTUDY_STOP_SECONDS": "0.1",
    "UNDERSTUDY_LINK_SECONDS": "0.3",
    "UNDERSTUDY_HEARTBEAT_SECONDS": "0.5",
    "UNDERSTUDY_ALIVE_SECONDS": "2",
}


@dataclass
class Site:
    """One product with its nodes, which share a home and a database.

    Attributes:
        product: how the engine knows it.
        folder: for homes and logs.
        database: JDBC url, user and password.
        spec: its section of a stack file.
        settings: of the stand-ins themselves.
        context_path: path under which it answers.
    """

    product: Product
    folder: Path
    database: Mapping[str, str]
    spec: ProductSpec
    settings: Mapping[str, str] = field(default_factory=dict)
    context_path: str = ""
    addresses: list[str] = field(default_factory=lambda: [own_address() for _ in range(3)])
    companions: Mapping[str, Sequence[Peer]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    token: str | None = None
    processes: list[NodeProcess] = field(default_factory=list)

    @property
    def front(self) -> FrontAddress:
        """The address users would type."""
        return FrontAddress("http", f"{self.product.name}.acme.example", 8080, self.context_path)

    def endpoint(self, ordinal: int, workload: Workload | None = None) -> Endpoint:
        """Where a node listens for HTTP."""
        port = next(port for port in (workload or self.product).ports if port.name == "http")
        return Endpoint(self.addresses[ordinal], port.number)

    def context(self, ordinal: int, nodes: int) -> NodeContext:
        """What the engine tells a node of as many."""
        url = urlsplit(self.database["url"].removeprefix("jdbc:"))
        link = DatabaseLink(
            Endpoint(str(url.hostname), int(url.port or 0)),
            name=url.path.strip("/"),
            user=self.database["user"],
            password=SecretValue("database", "password"),
        )
        ports = {port.name: port.number for port in self.product.ports}
        peers = [
            Peer(
                f"{self.product.name}-{n}",
                {name: Endpoint(self.addresses[n], port) for name, port in ports.items()},
            )
            for n in range(nodes)
            if n != ordinal
        ]
        return NodeContext(
            member=f"{self.product.name}-{ordinal}",
            ordinal=ordinal,
            release=str(self.spec.version),
            bind=self.addresses[ordinal],
            ports=ports,
            local_home=str(self.folder / f"home-{ordinal}"),
            shared_home=str(self.folder / "shared"),
            database=link,
            peers=peers,
            companions=self.companions,
            front=self.front,
            ssh=Endpoint("git.acme.example", 7999),
            secrets={purpose: SecretValue("stack", purpose) for purpose in SECRETS},
            spec=self.spec,
        )

    def start(self, ordinal: int, *, nodes: int = 1) -> NodeProcess:
        """Start a node."""
        node = self.context(ordinal, nodes)
        environment = {name: self.plain(value) for name, value in self.product.environment(node).items()}
        return self._run(self.product, node.bind, environment, node.local_home, ordinal)

    def run_companion(self, workload: Workload, node: NodeContext) -> NodeProcess:
        """Start a node of a companion."""
        environment = {name: self.plain(value) for name, value in workload.environment(node).items()}
        return self._run(workload, node.bind, environment, node.local_home, node.ordinal)

    def _run(
        self, workload: Workload, bind: str, environment: Mapping[str, str], home: str, ordinal: int
    ) -> NodeProcess:
        for folder in (Path(home), self.folder / "shared"):
            folder.mkdir(parents=True, exist_ok=True)
        own = {"UNDERSTUDY_BIND": bind, "UNDERSTUDY_VERSION": str(self.spec.version), "HOSTNAME": "any"}
        process = NodeProcess(
            module=str(workload.stand_in),
            address=bind,
            port=next(port.number for port in workload.ports if port.name == "http"),
            environment={**own, **FAST, **self.settings, **environment},
            log=self.folder / f"{workload.name}-{ordinal}-{len(self.processes)}.log",
            context_path=self.context_path,
        )
        process.start()
        self.processes.append(process)
        return process

    def plain(self, value: EnvironmentValue) -> str:
        """A value of an environment, its secrets put in."""
        if isinstance(value, str):
            return value
        if isinstance(value, SecretValue):
            return self.database["password"] if value.secret == "database" else SECRETS[value.key]
        return "".join(self.plain(part) for part in value.parts)

    def ask(
        self, flow: Flow[T], ordinal: int = 0, *, administrator: str = SECRETS[Purpose.ADMIN_PASSWORD]
    ) -> T:
        """Run a flow against a node as the service account; the administrator may log in by another password."""
        account: Credential = Password(ACCOUNT.username, ACCOUNT.password)
        if self.token is not None:
            account = Token(self.token)
        return perform(
            flow,
            endpoint=self.endpoint(ordinal),
            front=self.front,
            credentials={
                Identity.ADMINISTRATOR: Password(SECRETS[Purpose.ADMIN_USERNAME], administrator),
                Identity.SERVICE_ACCOUNT: account,
            },
            on_note=self.notes.append,
            cancelled=lambda: False,
        )

    def set_up(self, **changes: str) -> SetupOutcome:
        """Passes over the set-up pages of the first node until one ends otherwise than by waiting."""
        inputs = SetupInputs(
            title="Acme",
            base_url=self.front.url,
            license=SECRETS[Purpose.LICENSE],
            admin_username=SECRETS[Purpose.ADMIN_USERNAME],
            admin_password=SECRETS[Purpose.ADMIN_PASSWORD],
            admin_email=SECRETS[Purpose.ADMIN_EMAIL],
            admin_name=SECRETS[Purpose.ADMIN_NAME],
        )
        wanted = replace(inputs, **changes)  # type: ignore[arg-type]

        def one_pass() -> SetupOutcome | None:
            known = standing([(0.0, text) for text in self.notes], now=0.0, patience=300.0)
            outcome = self.ask(self.product.set_up(replace(wanted, posted=known)))
            return None if outcome.verdict is SetupVerdict.WAITING else outcome

        return eventually(one_pass, what="set-up", seconds=120)

    def make_account(self) -> None:
        """Make the service account, and use its token from now on."""
        self.token = None
        self.token = self.ask(self.product.make_service_account(ACCOUNT))

    def probe(self, ordinal: int = 0) -> StatusProbe:
        """A probe of a node's status."""
        return StatusProbe(self.product, endpoint=self.endpoint(ordinal), front=self.front)

    def clean_up(self) -> None:
        """End every process."""
        for process in self.processes:
            process.clean_up()


MakeSite = Callable[..., Site]
"""Makes a site of a product by its name, with the variants that follow it."""


def names(seen: tuple[NodeSeen, ...] | None) -> set[str]:
    """The nodes that are full members."""
    return {node.node_id for node in seen or () if node.alive and node.active}


def set_up(site: Site, *, nodes: int = 1) -> None:
    """A node that is set up, and the engine's own account on it."""
    site.start(0, nodes=nodes)
    outcome = site.set_up()
    assert outcome.verdict is SetupVerdict.COMPLETE, outcome
    site.make_account()


def index_made(site: Site) -> bool:
    """Whether an index that is being made anew is whole, by the product's own word; it never says that it failed."""
    with suppress(TemporaryError):
        found = site.ask(site.product.index_rebuilt())
        assert found.fault == ""
        return found.finished
    return False


def caught_up(site: Site, ordinal: int) -> bool:
    """Whether a node's index is readable and lacks nothing; true where the node keeps none."""
    report = site.ask(site.product.index_report(), ordinal)
    return report is None or (report.readable and not report.behind)

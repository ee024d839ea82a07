"""What Telamon knows of a product: the contract every product folder fulfils.

A product is a value. It describes its own image, its states, its cluster, its index and its edge; it performs no I/O.
What it can *do* (set itself up, list its nodes, report its index) is a :class:`Flow`: a generator that yields
:class:`Request` and is sent :class:`Response`. The edge (:mod:`telamon.platforms.rest`) performs the requests, so the
same flow runs against an understudy, a real product, or a test that feeds it literal pages.

Steps to add a product: make a folder, subclass :class:`Product`, list it in :mod:`telamon.products.registry`. Goldens,
contract tests and drills run over the registry, so a new product is tested at once.

Traps:
    * A 200 from a status page is not readiness: Jira answers 200 while STARTING. Only
      :meth:`Workload.read_status` decides.
    * A flow must be repeatable from any point: the controller may die between two requests.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from telamon.state.phase import Phase

if TYPE_CHECKING:
    from telamon.model.products import ProductSpec
    from telamon.model.stack import StackSpec

T = TypeVar("T")

# --------------------------------------------------------------------------------------------- requests and flows


class Identity(StrEnum):
    """As whom a request is made. The edge turns it into a header; no flow ever sees a password it does not set."""

    ANONYMOUS = "anonymous"
    SERVICE_ACCOUNT = "service-account"
    ADMINISTRATOR = "administrator"
    """The first administrator: only for making the service account, never afterwards."""


@dataclass(frozen=True)
class Request:
    """One HTTP request to one node (never through the front door, unless the edge is told so).

    Attributes:
        method: HTTP method.
        path: path below the node's context path, with the leading slash.
        identity: as whom.
        query: query parameters.
        headers: further headers.
        form: an ``application/x-www-form-urlencoded`` body; excludes ``json``.
        json: a JSON body.
        timeout: seconds until the request counts as unanswered.
        redirect: follow redirects (as GET), at most ten; the cookie jar lives as long as the flow.
    """

    method: str
    path: str
    identity: Identity = Identity.ANONYMOUS
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    json: Any = None
    timeout: float = 5.0
    redirect: bool = False


@dataclass(frozen=True)
class Response:
    """What came back. ``status`` 0 means: no answer (refused, reset, timed out); ``error`` then says which.

    Attributes:
        status: HTTP status, or 0.
        url: path and query that answered, after redirects.
        headers: lower-case names.
        text: the body, decoded, cut at 1 MiB.
        cookies: the jar's cookies for this node after the answer.
        error: why there was no answer.
    """

    status: int
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    cookies: Mapping[str, str] = field(default_factory=dict)
    error: str = ""

    @property
    def answered(self) -> bool:
        """Whether the node answered at all."""
        return self.status != 0

    def json(self) -> Any:
        """The body as JSON, or ``None`` where it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


@dataclass(frozen=True)
class Note:
    """Something a flow wants remembered *before* its next request, so that a later run never repeats it blindly."""

    text: str


Flow = Generator[Request | Note, Response | None, T]
"""Yields requests (sent a response) and notes (sent ``None``); returns its result; raises :class:`ProductError`."""


# ------------------------------------------------------------------------------------------------- what flows return


class SetupVerdict(StrEnum):
    """How far a pass over the set-up pages came."""

    COMPLETE = "complete"
    WAITING = "waiting"
    """The product is busy (rebuilding its context, restarting plug-ins): look again, post nothing."""
    UNKNOWN_FORM = "unknown-form"
    """A page no profile names: a person must go on."""
    REJECTED = "rejected"
    """The product showed the same form again: a value was refused; ``detail`` holds the page's own words."""


@dataclass(frozen=True)
class SetupOutcome:
    """The result of one pass of a set-up flow.

    Attributes:
        verdict: how far it came.
        step: the form or page last seen, in the product's own name.
        url: where a person would go on.
        detail: the page's error text or what is waited for.
    """

    verdict: SetupVerdict
    step: str
    url: str
    detail: str = ""


@dataclass(frozen=True)
class NodeSeen:
    """One node as the cluster's registry lists it.

    Attributes:
        node_id: the product's id of the node (equals the member's name by our environment).
        alive: whether the registry believes it lives.
        active: whether it is a full member (state ACTIVE).
        release: version it reports, where the product tells.
    """

    node_id: str
    alive: bool
    active: bool
    release: str | None = None


@dataclass(frozen=True)
class IndexReport:
    """The state of the search index of one node.

    Attributes:
        readable: whether the node can open it.
        behind: operations not yet applied; 0 is caught up; ``None`` where the product does not tell.
        detail: the product's own words.
    """

    readable: bool
    behind: int | None
    detail: str = ""


@dataclass(frozen=True)
class HealthReport:
    """One of the product's own health checks."""

    name: str
    healthy: bool
    reason: str = ""
    concerns_database: bool = False


# ------------------------------------------------------------------------------------------------- the node's context


@dataclass(frozen=True)
class Endpoint:
    """A host (name or IP) and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class SecretValue:
    """A value the platform puts in at the very end; plain data carries only the reference."""

    secret: str
    key: str


EnvironmentValue = str | SecretValue


@dataclass(frozen=True)
class Peer:
    """Another node as this one reaches it: every entry is a link of its own, so a relay can stand in any of them."""

    member: str
    endpoints: Mapping[str, Endpoint]


@dataclass(frozen=True)
class DatabaseLink:
    """The writer address of the product's own database, as this node reaches it."""

    endpoint: Endpoint
    name: str
    user: str
    password: SecretValue


@dataclass(frozen=True)
class FrontAddress:
    """The address users type."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    context_path: str = ""

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        default = 443 if self.scheme == "https" else 80
        port = "" if self.port == default else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.context_path}"


@dataclass(frozen=True)
class NodeContext:
    """All that a node must be told, as data.

    Attributes:
        member: the node's name, stable over restarts; also its id in the product's registry.
        ordinal: 0, 1, 2 …
        release: the version to run.
        bind: address the node listens on.
        ports: port name to number, on ``bind``.
        local_home: path of the node's own home.
        shared_home: path of the home all nodes share ("" where the workload has none).
        database: ``None`` where the workload needs none.
        peers: the other nodes of the same workload.
        companions: companion name to its nodes, as this node reaches them.
        front: the product's front address.
        ssh: the front address of git SSH, where the product has one.
        secrets: purpose ("license", "admin-username", "cluster" …) to reference.
        spec: the product's section of the stack file.
    """

    member: str
    ordinal: int
    release: str
    bind: str
    ports: Mapping[str, int]
    local_home: str
    shared_home: str
    database: DatabaseLink | None
    peers: Sequence[Peer]
    companions: Mapping[str, Sequence[Peer]]
    front: FrontAddress
    ssh: Endpoint | None
    secrets: Mapping[str, SecretValue]
    spec: ProductSpec


@dataclass(frozen=True)
class SetupInputs:
    """What the set-up pages ask for. Values, not references: a flow runs at the edge, where secrets are known.

    ``repr`` hides every secret.
    """

    title: str
    base_url: str
    license: str = field(repr=False)
    admin_username: str
    admin_password: str = field(repr=False)
    admin_email: str
    admin_name: str
    posted: frozenset[str] = frozenset()
    """Notes of earlier passes: steps that were posted once already."""


@dataclass(frozen=True)
class AccountInputs:
    """The service account to make. ``repr`` hides the password."""

    username: str
    password: str = field(repr=False)
    email: str
    name: str


# ------------------------------------------------------------------------------------------------- workload, product


@dataclass(frozen=True)
class Port:
    """A listening port of a workload.

    Attributes:
        name: role: "http", "ssh", "cluster", "ehcache", "ehcache-object", "aleph" …
        number: the product's own default; the lab moves it only when it is taken.
        public: whether the front door forwards to it.
    """

    name: str
    number: int
    public: bool = False


@dataclass(frozen=True)
class HealthMatch:
    """How a balancer tells a serving node: a GET that answers 200 with ``contains`` in the body."""

    path: str
    contains: str


@dataclass(frozen=True)
class Route:
    """What the front door sends to a workload besides the product's whole host.

    Attributes:
        prefix: path prefix (below the context path).
        websocket: whether upgrades are allowed there.
        sticky_cookie: name of the balancer's cookie, ``None`` for none.
    """

    prefix: str
    websocket: bool = False
    sticky_cookie: str | None = None


@dataclass(frozen=True)
class TcpRoute:
    """A TCP listener of the front door (git SSH): ``expect`` is the banner a healthy node sends first."""

    name: str
    port: str
    front_port: int
    expect: str


class IndexKeeper(StrEnum):
    """Who keeps the search index."""

    NODE = "node"
    COMPANION = "companion"
    NOBODY = "nobody"


class Workload:
    """A set of equal nodes: a product's own, or those of a companion. Subclasses override what differs.

    Attributes:
        name: product name, or companion name within its product.
        stand_in: Python module the lab runs in place of the licensed image, or ``None`` (``custom`` names a command).
        ports: every port a node listens on; the one called ``http`` is probed.
        health: what the balancer matches.
        needs_database: whether it gets the product's database.
        shares_home: whether its nodes mount the product's shared home.
        index: who keeps the search index.
    """

    name: str
    title: str
    stand_in: str | None = None
    ports: tuple[Port, ...]
    health: HealthMatch
    needs_database: bool = True
    shares_home: bool = True
    index: IndexKeeper = IndexKeeper.NOBODY
    routes: tuple[Route, ...] = (Route("/"),)
    tcp_routes: tuple[TcpRoute, ...] = ()

    def environment(self, node: NodeContext) -> dict[str, EnvironmentValue]:
        """The environment of one node: exactly what the official image reads."""
        raise NotImplementedError

    def read_status(self, response: Response) -> Phase:
        """Name the phase a node is in from the answer to ``GET health.path``."""
        raise NotImplementedError

    def membership(self) -> Flow[tuple[NodeSeen, ...] | None]:
        """List the cluster's nodes as one node sees them; ``None`` where the workload has no registry to ask.

        A workload that answers ``None`` is a member as soon as it is RUNNING.
        """
        return None
        yield  # a generator without a request

    def index_report(self) -> Flow[IndexReport | None]:
        """The node's index; ``None`` where the node keeps none."""
        return None
        yield

    def health_checks(self) -> Flow[tuple[HealthReport, ...]]:
        """The product's own health checks on one node."""
        return ()
        yield


class Companion(Workload):
    """A workload that belongs to a product (Synchrony, a search cluster).

    Attributes:
        starts: "before" the product's first node, or "after" its set-up.
        required: whether a cluster of the product needs it.
        default_nodes: how many where the stack file names none.
    """

    starts: Literal["before", "after"] = "before"
    required: bool = False
    default_nodes: int = 1
    max_nodes: int = 5


class Product(Workload):
    """One product.

    Attributes:
        companions: by name.
        secret_purposes: which secrets the product takes ("license", "admin" …) beyond the database password.
        sets_itself_up: whether the environment alone completes set-up.
        database_collation: vendor's collation and character type; encoding is always UTF8.
        cluster_secret: whether nodes share a secret of their own.
    """

    companions: Mapping[str, Companion] = {}
    sets_itself_up: bool = False
    has_setup: bool = True
    database_collation: str = "C"
    cluster_secret: bool = False
    max_nodes: int = 8

    def check(self, spec: ProductSpec, stack: StackSpec) -> Iterator[tuple[str, str, str]]:
        """Every rule of the product that its section of the stack file breaks.

        Yields:
            (path below ``spec``, message, remedy); see :mod:`telamon.stackfile`.
        """
        yield from ()

    def set_up(self, inputs: SetupInputs) -> Flow[SetupOutcome]:
        """One pass over the set-up pages, from whatever form is found; safe to run again at any time."""
        raise NotImplementedError

    def make_service_account(self, account: AccountInputs) -> Flow[str | None]:
        """Make the account the engine acts as, if it is not there; returns a token where the product issues one."""
        return None
        yield

    def prepare_join(self) -> Flow[bool]:
        """What must be done on a running node before another joins (Jira: a fresh index snapshot).

        Returns:
            Whether it is done; ``False`` means under way: run it again later.
        """
        return True
        yield

    def forget_node(self, node_id: str) -> Flow[None]:
        """Take a stopped node out of the registry, where the product lets one."""
        return None
        yield

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

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Self

from telamon.products.apps import App
from telamon.products.backup import BackupRules, without
from telamon.products.clone import CloneRules
from telamon.products.copies import CopiesReport, KnownUser
from telamon.products.flow import (
    Exchange,
    Flow,
    FormValue,
    Identity,
    Note,
    PasswordOf,
    Pause,
    Request,
    Response,
    UsernameOf,
    Yielded,
    ask,
)
from telamon.products.indexing import Indexed, IndexKeeper, IndexReport
from telamon.products.listening import HealthMatch, Port, Route, TcpRoute
from telamon.products.login import LoginFile
from telamon.products.node import (
    DatabaseLink,
    Discovery,
    Endpoint,
    EnvironmentValue,
    FrontAddress,
    JoinedValue,
    NodeContext,
    Peer,
    SecretValue,
)
from telamon.products.objects import stores_of
from telamon.products.release import Act, Jump, Way, backwards, numbers
from telamon.products.setup import AccountInputs, SetupInputs, SetupOutcome, SetupVerdict
from telamon.products.users import Users
from telamon.state.phase import Phase
from telamon.state.world import UpgradePhase

if TYPE_CHECKING:
    from telamon.model.observed import Observed
    from telamon.model.products import ProductSpec
    from telamon.model.stack import StackSpec
    from telamon.products.chart import Chart
    from telamon.products.container import Container

__all__ = [
    "AccountInputs",
    "Companion",
    "CopiesReport",
    "DatabaseLink",
    "Discovery",
    "Endpoint",
    "EnvironmentValue",
    "Exchange",
    "Flow",
    "FormValue",
    "FrontAddress",
    "HealthMatch",
    "HealthReport",
    "Identity",
    "IndexKeeper",
    "IndexReport",
    "JoinedValue",
    "KnownUser",
    "NodeContext",
    "NodeSeen",
    "Note",
    "PasswordOf",
    "Pause",
    "Peer",
    "Port",
    "Product",
    "Purpose",
    "Request",
    "Response",
    "Route",
    "SecretValue",
    "SetupInputs",
    "SetupOutcome",
    "SetupVerdict",
    "TcpRoute",
    "UsernameOf",
    "Workload",
    "Yielded",
    "ask",
]


class Purpose(StrEnum):
    """What a secret of :attr:`NodeContext.secrets` is for."""

    LICENSE = "license"
    ADMIN_USERNAME = "admin-username"
    ADMIN_PASSWORD = "admin-password"  # noqa: S105 - the name of a purpose, not a password.
    ADMIN_EMAIL = "admin-email"
    ADMIN_NAME = "admin-name"
    CLUSTER = "cluster"
    """A secret that the nodes of one cluster share."""
    SEARCH_PASSWORD = "search-password"  # noqa: S105 - the name of a purpose, not a password.
    """Password of the user ``admin`` of a search companion; the product logs in with it."""


# ------------------------------------------------------------------------------------------------- what flows return


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
class HealthReport:
    """One of the product's own health checks.

    Attributes:
        name: as the product calls it.
        healthy: its verdict.
        reason: the product's own words.
        concerns_database: whether it is about reaching the database.
        concerns_index: whether it is about reading the node's own index.
    """

    name: str
    healthy: bool
    reason: str = ""
    concerns_database: bool = False
    concerns_index: bool = False


# ------------------------------------------------------------------------------------------------- workload, product


class Workload(Indexed):
    """A set of equal nodes: a product's own, or those of a companion. Subclasses override what differs.

    Attributes:
        name: product name, or companion name within its product.
        stand_in: Python module the lab runs in place of the licensed image, or ``None`` where :meth:`command` names
            the program.
        ports: every port a node listens on; the one called ``http`` is probed.
        health: what the balancer matches.
        needs_database: whether it gets the product's database.
        shares_home: whether its nodes mount the product's shared home.
        clustered: whether the nodes have a registry that :meth:`membership` can ask.
        start_timeout: seconds a node may take from start to RUNNING where the stack file does not say.
        stop_grace: seconds a node may take to stop where the stack file does not say.
        finds_peers: whether a node that runs takes in one that joins without having been told of it before, so that the
            list of peers in its environment matters at its start alone. Source: Hazelcast, "TCP/IP discovery": a member
            joins through any one that it knows.
        dumps_threads: whether SIGQUIT makes a node write what its threads do, as every Java process does.
        secret_purposes: keys of :attr:`NodeContext.secrets` that :meth:`environment` refers to.
        container: how its image is run in a cluster; ``None`` where nobody knows.
        login_file: file out of which a node that ran before takes its log-in to the database, whatever its environment
            says; ``None`` where the environment counts at every start.
        user: as whom its nodes are asked closely; ``None`` where they are asked as nobody, or an account is made.
        keeps_copies: whether nodes hold copies of one another's data, which :meth:`copies` tells of: one may leave only
            while every copy is there.
    """

    name: str
    title: str
    stand_in: str | None = None
    ports: tuple[Port, ...]
    health: HealthMatch
    needs_database: bool = True
    shares_home: bool = True
    clustered: bool = False
    start_timeout: float = 900.0
    stop_grace: float = 120.0
    finds_peers: bool = False
    dumps_threads: bool = False
    secret_purposes: tuple[str, ...] = ()
    routes: tuple[Route, ...] = (Route("/"),)
    tcp_routes: tuple[TcpRoute, ...] = ()
    container: Container | None = None
    login_file: LoginFile | None = None
    user: KnownUser | None = None
    keeps_copies: bool = False

    def environment(self, node: NodeContext) -> dict[str, EnvironmentValue]:
        """The environment of one node: exactly what the official image reads."""
        raise NotImplementedError

    def command(self, node: NodeContext) -> tuple[str, ...] | None:
        """The program to run in place of an image, with its arguments; ``None`` where there is an image."""
        return None

    def container_command(self, node: NodeContext) -> tuple[str, ...] | None:
        """The program to run within the image; ``None`` where the image's own is meant."""
        return self.command(node)

    def files(self, node: NodeContext) -> Mapping[str, str]:
        """Files that the image would write at its start if it were root, by absolute path."""
        return {}

    def read_status(self, response: Response) -> Phase:
        """Name the phase a node is in from the answer to ``GET health.path``; total, and never raises."""
        raise NotImplementedError

    def membership(self) -> Flow[tuple[NodeSeen, ...] | None]:
        """List the cluster's nodes as one node sees them; ``None`` where the workload has no registry to ask.

        A workload that answers ``None`` is a member as soon as it is RUNNING.
        """
        yield from ()
        return None

    def health_checks(self) -> Flow[tuple[HealthReport, ...]]:
        """The product's own health checks on one node."""
        yield from ()
        return ()

    def copies(self) -> Flow[CopiesReport | None]:
        """Whether every copy of the cluster's data is there, as one node sees it; ``None`` where there are none."""
        yield from ()
        return None


class Companion(Workload):
    """A workload that belongs to a product (Synchrony, a search cluster).

    Attributes:
        starts: "before" the product's first node, or "after" its set-up.
        required: whether a cluster of the product needs it.
        default_nodes: how many where the stack file names none.
        stand_in_nodes: how many nodes its stand-in can form a cluster of.
        replaceable: whether the product can use one that others keep up.
        default_release: version to run where the stack file names none; ``None``: the product's own.
    """

    starts: Literal["before", "after"] = "before"
    required: bool = False
    default_nodes: int = 1
    default_release: str | None = None
    max_nodes: int = 5
    stand_in_nodes: int = 5
    replaceable: bool = False


class Product(Workload, Users):
    """One product.

    Attributes:
        companions: by name.
        apps: that have a process of their own, by name.
        sets_itself_up: whether the environment alone completes set-up.
        database_collation: vendor's collation and character type; encoding is always UTF8.
        cluster_secret: whether nodes share a secret of their own.
        has_account: whether the engine makes itself a service account with :meth:`make_service_account`.
        prepares_join: whether :meth:`prepare_join` does something before a node joins for the first time.
        forgets_nodes: whether :meth:`forget_node` does something; other registries drop a node that leaves.
        setup_patience: seconds for which a posted set-up page that still shows is left alone; longer than the
            product needs for its slowest step.
        user_id: numeric user that the official image runs as, which owns the shared home; ``None`` where nobody says.
        has_upgrade_mode: whether a cluster must be told before nodes of two releases may meet in it.
        tries_tasks_again: whether a cluster can be told by REST to try the final tasks of an upgrade again.
        static_prefix: prefix, below the context path, of files that look the same to everybody and that a content
            delivery network may keep; ``None`` where the product knows no such network.
        backup: how its shared home and its database are kept as one.
        object_stores: kinds of files that it can keep in S3, each with the first release that does.
        chart: what the vendor's Helm chart calls things; ``None`` where there is none.
        newest_releases: the newest release of each line that is known; () where nobody knows any.
        upgrade_bases: paths below which the acts of a rolling upgrade may be, where public sources disagree.
        whoami: page of REST that answers 200 to whoever is logged in.
        clone: how a copy of its data is kept from acting as the original; ``None`` where nobody says, so that it cannot
            be cloned.
        quietens: whether :meth:`quieten` does something that no table does.
    """

    companions: Mapping[str, Companion] = MappingProxyType({})
    apps: Mapping[str, App] = MappingProxyType({})
    sets_itself_up: bool = False
    has_setup: bool = True
    database_collation: str = "C"
    cluster_secret: bool = False
    has_account: bool = True
    prepares_join: bool = False
    forgets_nodes: bool = False
    setup_patience: float = 300.0
    user_id: int | None = None
    static_prefix: str | None = None
    backup: BackupRules = BackupRules()
    object_stores: Mapping[str, str] = MappingProxyType({})
    chart: Chart | None = None
    newest_releases: tuple[str, ...] = ()
    upgrade_bases: tuple[str, ...] = ()
    whoami: str = "/"
    clone: CloneRules | None = None
    quietens: bool = False
    max_nodes: int = 8
    has_upgrade_mode: bool = False
    tries_tasks_again: bool = False

    def as_seen(self, observed: Observed | None) -> Self:
        """The product as a real instance was seen to be, instead of as public sources have it.

        Args:
            observed: what was seen; ``None`` where nobody looked.
        """
        if observed is None or observed.upgrade_base is None:
            return self
        changed = copy(self)
        changed.upgrade_bases = (observed.upgrade_base,)
        return changed

    def by_hand(self, spec: ProductSpec) -> frozenset[str]:
        """Kinds of files that variables, properties or options of somebody's own put into S3.

        Args:
            spec: the product's section of the stack file.
        """
        return frozenset()

    def in_s3(self, spec: ProductSpec) -> frozenset[str]:
        """Kinds of files that are in S3, by whatever words the stack file says so.

        Args:
            spec: the product's section of it.
        """
        return self.by_hand(spec) | frozenset(stores_of(spec))

    def backup_of(self, spec: ProductSpec) -> BackupRules:
        """How its shared home and its database are kept as one, as it is set up.

        Args:
            spec: the product's section of the stack file.
        """
        return without(self.backup, self.in_s3(spec))

    def check(self, spec: ProductSpec, stack: StackSpec) -> Iterator[tuple[str, str, str]]:
        """Every rule of the product that its section of the stack file breaks.

        Yields:
            (path below the section, with dots; message; remedy); :mod:`telamon.stackfile` adds file and line.
        """
        yield from ()

    def set_up(self, inputs: SetupInputs) -> Flow[SetupOutcome]:
        """One pass over the set-up pages, from whatever form is found; safe to run again at any time."""
        raise NotImplementedError

    def make_service_account(self, account: AccountInputs) -> Flow[str | None]:
        """Make the account the engine acts as, if it is not there.

        It logs in as :attr:`Identity.ADMINISTRATOR` and as :attr:`Identity.SERVICE_ACCOUNT`, both by password.

        Returns:
            A token of the account, where the product issues one.

        Raises:
            TemporaryError: a log-in was refused, or the node is busy: try again after the delay, not earlier.
            ProductError: nothing but a person can help.
        """
        yield from ()
        return None

    def renew_token(self, account: AccountInputs) -> Flow[str | None]:
        """Make the account that is there another token, before the one in use ends or after it was refused.

        It logs in as :attr:`Identity.SERVICE_ACCOUNT` by password, and never as the administrator.

        Returns:
            The token, where the product issues one.

        Raises:
            TemporaryError: the log-in was refused, or the node is busy: try again after the delay, not earlier.
            ProductError: nothing but a person can help.
        """
        yield from ()
        return None

    def quieten(self, banner: str) -> Flow[None]:
        """Have the first node of a clone do, before any user reaches it, what could not be done in its data.

        Args:
            banner: what every page shows, as plain text.

        Raises:
            TemporaryError: the node is busy.
            ProductError: it refuses.
        """
        yield from ()

    def prepare_join(self) -> Flow[bool]:
        """What must be done on a running node before another joins (Jira: a fresh index snapshot).

        Returns:
            Whether it is done; ``False`` means under way: run it again later.
        """
        yield from ()
        return True

    def forget_node(self, node_id: str) -> Flow[None]:
        """Take a stopped node out of the registry, where the product lets one."""
        yield from ()
        return None

    def jump(self, from_release: str, to_release: str) -> Jump:
        """How the release can be changed; where nobody says more, numbers mean what semantic versioning says."""
        same_major = numbers(from_release)[:1] == numbers(to_release)[:1]
        rolling = Jump(Way.ROLLING) if same_major else Jump(Way.DOWNTIME, "the first number changes")
        return backwards(from_release, to_release) or rolling

    def jump_with(self, spec: ProductSpec, *, from_release: str, to_release: str) -> Jump:
        """The same, for a product whose section of the stack file may itself stand in the way of a rolling upgrade."""
        jump = self.jump(from_release, to_release)
        obstacle = self.upgrade_obstacle(spec) if jump.way is Way.ROLLING else ""
        if not obstacle:
            return jump
        remedy = "take it out of the stack file, apply that with the release in force, and upgrade then"
        return Jump(Way.REFUSED, obstacle, remedy)

    def upgrade_obstacle(self, spec: ProductSpec) -> str:
        """What in its section of the stack file stands in the way of a rolling upgrade, or ""."""
        return ""

    def upgrade_phase(self) -> Flow[UpgradePhase | None]:
        """Where the cluster stands with a rolling upgrade; ``None`` where there is no upgrade mode to ask."""
        yield from ()
        return None

    def change_upgrade(self, act: Act) -> Flow[None]:
        """Switch upgrade mode on, approve, cancel, or try the final tasks again.

        Raises:
            ProductError: the cluster refuses.
        """
        yield from ()

    def cdn_in_use(self) -> Flow[bool | None]:
        """Whether static files come from a content delivery network; ``None`` where the product does not tell."""
        yield from ()
        return None

    def switch_cdn(self, *, on: bool) -> Flow[None]:
        """Have static files come from the network that the product knows of, or from its nodes.

        Raises:
            ProductError: the product refuses.
        """
        yield from ()

    def smoke(self) -> Flow[str]:
        """Ask a node for what every user asks for.

        Returns:
            What was wrong, or "".
        """
        yield from ()
        return ""

"""Bitbucket and OpenSearch, put together from their facets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from telamon.model.products import ProductSpec
from telamon.model.stack import StackSpec
from telamon.products.base import (
    AccountInputs,
    Companion,
    CopiesReport,
    EnvironmentValue,
    Flow,
    IndexKeeper,
    KnownUser,
    NodeContext,
    NodeSeen,
    Purpose,
    Response,
    SetupInputs,
    SetupOutcome,
)
from telamon.products.bitbucket import checks, edge, image, lifecycle, pod, traffic, upgrade
from telamon.products.bitbucket import clone as cloning
from telamon.products.bitbucket import copies as holding
from telamon.products.bitbucket import index as searching
from telamon.products.bitbucket.backup import RULES
from telamon.products.bitbucket.chart import CHART
from telamon.products.bitbucket.releases import NEWEST
from telamon.products.checks import Breach
from telamon.products.datacenter import DataCenterProduct
from telamon.products.indexing import Rebuild, RebuildWay
from telamon.products.release import Act, Jump
from telamon.products.traffic import GitSeed, Traffic, TrafficInputs, Writer
from telamon.products.zdu import membership
from telamon.state.phase import Phase
from telamon.state.world import UpgradePhase


class OpenSearch(Companion):
    """Code search: it keeps the index for all nodes, and can rebuild it from database and repositories."""

    name = edge.OPENSEARCH
    title = "OpenSearch"
    stand_in = "understudy.search"
    stand_in_nodes = 1
    ports = edge.OPENSEARCH_PORTS
    health = edge.OPENSEARCH_HEALTH
    # Nobody but the product speaks to it.
    routes = ()
    needs_database = False
    shares_home = False
    required = True
    replaceable = True
    default_release = "2.19.1"
    start_timeout = 600.0
    dumps_threads = True
    stop_grace = 60.0
    secret_purposes = (Purpose.SEARCH_PASSWORD,)
    user = KnownUser(image.SEARCH_USER, Purpose.SEARCH_PASSWORD)
    keeps_copies = True
    container = pod.OPENSEARCH_CONTAINER

    def environment(self, node: NodeContext) -> dict[str, EnvironmentValue]:
        """What the official image reads."""
        return image.opensearch_environment(node)

    def read_status(self, response: Response) -> Phase:
        """Running once it answers, a demand for a password included: it answers 503 until its security is up."""
        if not response.answered:
            return Phase.UNREACHABLE
        return Phase.RUNNING if response.status in {200, 401} else Phase.STARTING

    def copies(self) -> Flow[CopiesReport | None]:
        """Whether the cluster is green."""
        return holding.copies()


class Bitbucket(DataCenterProduct):
    """Bitbucket Data Center: a Hazelcast cluster, repositories in the shared home, search in the companion."""

    name = "bitbucket"
    user_id = 2003
    backup = RULES
    clone = cloning.RULES
    quietens = True
    chart = CHART
    newest_releases = NEWEST
    upgrade_bases = upgrade.BASES
    whoami = "/rest/api/latest/users?limit=1"
    title = "Bitbucket"
    stand_in = "understudy.bitbucket"
    ports = edge.PORTS
    health = edge.HEALTH
    routes = edge.ROUTES
    tcp_routes = edge.TCP_ROUTES
    index = IndexKeeper.COMPANION
    index_rebuild = RebuildWay.COMPANION
    sets_itself_up = True
    cluster_secret = True
    finds_peers = True
    secret_purposes = (
        Purpose.LICENSE,
        Purpose.ADMIN_USERNAME,
        Purpose.ADMIN_PASSWORD,
        Purpose.ADMIN_EMAIL,
        Purpose.ADMIN_NAME,
        Purpose.CLUSTER,
        Purpose.SEARCH_PASSWORD,
    )
    container = pod.CONTAINER
    companions: Mapping[str, Companion] = MappingProxyType({edge.OPENSEARCH: OpenSearch()})

    def check(self, spec: ProductSpec, stack: StackSpec) -> Iterator[Breach]:
        """What only Bitbucket knows about its section of the stack file."""
        return checks.check(spec, stack)

    def environment(self, node: NodeContext) -> dict[str, EnvironmentValue]:
        """What the official image reads."""
        return image.environment(node)

    def rebuild_index(self) -> Flow[None]:
        """Have everything sent to the search companion again."""
        return searching.rebuild()

    def index_rebuilt(self) -> Flow[Rebuild]:
        """How far the companion is with that."""
        return searching.rebuilt()

    def read_status(self, response: Response) -> Phase:
        """Name the phase from the answer to ``GET /status``."""
        return lifecycle.read_status(response)

    def membership(self) -> Flow[tuple[NodeSeen, ...] | None]:
        """List the members of the cluster."""
        return membership()

    def set_up(self, inputs: SetupInputs) -> Flow[SetupOutcome]:
        """Look whether the environment has completed the set-up."""
        return lifecycle.set_up()

    def make_service_account(self, account: AccountInputs) -> Flow[str | None]:
        """Make the engine's account and its token."""
        return lifecycle.make_service_account(account)

    def quieten(self, banner: str) -> Flow[None]:
        """What REST alone can do to a clone."""
        return cloning.quieten(banner)

    def renew_token(self, account: AccountInputs) -> Flow[str | None]:
        """Make the engine's account another token."""
        return lifecycle.renew_token(account)

    def jump(self, from_release: str, to_release: str) -> Jump:
        """How the release can be changed."""
        return upgrade.jump(from_release, to_release)

    def upgrade_phase(self) -> Flow[UpgradePhase | None]:
        """Where the cluster stands with a rolling upgrade."""
        return upgrade.phase(bases=self.upgrade_bases)

    def change_upgrade(self, act: Act) -> Flow[None]:
        """Lead the cluster through a rolling upgrade."""
        return upgrade.change(act, bases=self.upgrade_bases)

    def smoke(self) -> Flow[str]:
        """Ask a node for what every user asks for."""
        return upgrade.smoke()

    def enlist(self, writer: Writer) -> Flow[None]:
        """Make an ordinary user."""
        return lifecycle.enlist(writer)

    def dismiss(self, username: str) -> Flow[None]:
        """See that such a user logs in no more."""
        return lifecycle.dismiss(username)

    def seed_repository(self, inputs: TrafficInputs) -> Flow[GitSeed | None]:
        """Make the repository that load needs."""
        return traffic.seed_repository(inputs)

    def prepare_traffic(self, inputs: TrafficInputs) -> Flow[Traffic | None]:
        """Make the content that load needs, and say what load consists of."""
        return traffic.prepare_traffic(inputs)

"""Confluence and Synchrony, put together from their facets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from telamon.model.products import ProductSpec
from telamon.model.stack import StackSpec
from telamon.products.base import (
    AccountInputs,
    Companion,
    EnvironmentValue,
    Flow,
    IndexKeeper,
    IndexReport,
    NodeContext,
    NodeSeen,
    Purpose,
    Response,
    SetupInputs,
    SetupOutcome,
)
from telamon.products.checks import Breach
from telamon.products.confluence import checks, edge, image, lifecycle, objects, pod, traffic, upgrade
from telamon.products.confluence import clone as cloning
from telamon.products.confluence import index as searching
from telamon.products.confluence.backup import RULES
from telamon.products.confluence.chart import CHART
from telamon.products.confluence.releases import NEWEST
from telamon.products.datacenter import DataCenterProduct
from telamon.products.indexing import Rebuild, RebuildWay
from telamon.products.release import Act, Jump
from telamon.products.traffic import Traffic, TrafficInputs, Writer
from telamon.products.upgrade import rewritten_at_start
from telamon.products.zdu import membership
from telamon.state.phase import Phase
from telamon.state.world import UpgradePhase


class Synchrony(Companion):
    """Editing together: a cluster of its own, on Confluence's database, behind Confluence's host."""

    name = edge.SYNCHRONY
    title = "Synchrony"
    stand_in = "understudy.synchrony"
    ports = edge.SYNCHRONY_PORTS
    health = edge.SYNCHRONY_HEALTH
    routes = edge.SYNCHRONY_ROUTES
    shares_home = False
    # Its keys are in the database only once Confluence has been set up.
    starts = "after"
    default_nodes = 2
    start_timeout = 300.0
    dumps_threads = True
    finds_peers = True
    stop_grace = 30.0
    container = pod.SYNCHRONY_CONTAINER

    def environment(self, node: NodeContext) -> dict[str, EnvironmentValue]:
        """What the process reads."""
        return image.synchrony_environment(node)

    def container_command(self, node: NodeContext) -> tuple[str, ...]:
        """The program; the image is Confluence's."""
        return pod.synchrony_command(node)

    def read_status(self, response: Response) -> Phase:
        """Running as soon as the heartbeat answers 200; it names no states."""
        if response.status == 200:
            return Phase.RUNNING
        return Phase.STARTING if response.answered else Phase.UNREACHABLE


class Confluence(DataCenterProduct):
    """Confluence Data Center: a Hazelcast cluster, an index on every node, set-up pages."""

    name = "confluence"
    user_id = 2002
    backup = RULES
    clone = cloning.RULES
    chart = CHART
    newest_releases = NEWEST
    upgrade_bases = upgrade.BASES
    whoami = "/rest/api/user/current"
    title = "Confluence"
    stand_in = "understudy.confluence"
    ports = edge.PORTS
    health = edge.HEALTH
    routes = edge.ROUTES
    index = IndexKeeper.NODE
    index_ways = searching.WAYS
    index_rebuild = RebuildWay.SERVING
    tries_tasks_again = True
    start_timeout = 1800.0
    finds_peers = True
    secret_purposes = (Purpose.LICENSE,)
    object_stores = objects.SINCE
    container = pod.CONTAINER
    login_file = image.LOGIN_FILE
    companions: Mapping[str, Companion] = MappingProxyType({edge.SYNCHRONY: Synchrony()})

    def check(self, spec: ProductSpec, stack: StackSpec) -> Iterator[Breach]:
        """What only Confluence knows about its section of the stack file."""
        return checks.check(spec)

    def by_hand(self, spec: ProductSpec) -> frozenset[str]:
        """Kinds of files that somebody's own words put into S3."""
        return objects.by_hand(spec)

    def environment(self, node: NodeContext) -> dict[str, EnvironmentValue]:
        """What the official image reads."""
        return image.environment(node)

    def files(self, node: NodeContext) -> Mapping[str, str]:
        """What the image would write as root."""
        return pod.files(node)

    def read_status(self, response: Response) -> Phase:
        """Name the phase from the answer to ``GET /status``."""
        return lifecycle.read_status(response)

    def membership(self) -> Flow[tuple[NodeSeen, ...] | None]:
        """List the members of the cluster."""
        return membership()

    def index_report(self) -> Flow[IndexReport | None]:
        """Report whether the node's index answers."""
        return searching.index_report()

    def rebuild_index(self) -> Flow[None]:
        """Have the node make its index anew."""
        return searching.rebuild()

    def index_rebuilt(self) -> Flow[Rebuild]:
        """How far the node is with that."""
        return searching.rebuilt()

    def set_up(self, inputs: SetupInputs) -> Flow[SetupOutcome]:
        """One pass over the set-up pages."""
        return lifecycle.set_up(inputs)

    def make_service_account(self, account: AccountInputs) -> Flow[str | None]:
        """Make the engine's account and its token."""
        return lifecycle.make_service_account(account)

    def renew_token(self, account: AccountInputs) -> Flow[str | None]:
        """Make the engine's account another token."""
        return lifecycle.renew_token(account)

    def jump(self, from_release: str, to_release: str) -> Jump:
        """How the release can be changed."""
        return upgrade.jump(from_release, to_release)

    def upgrade_obstacle(self, spec: ProductSpec) -> str:
        """What in the stack file stands in the way of a rolling upgrade."""
        return rewritten_at_start(spec)

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

    def prepare_traffic(self, inputs: TrafficInputs) -> Flow[Traffic | None]:
        """Make the content that load needs, and say what load consists of."""
        return traffic.prepare_traffic(inputs)

"""Jira, put together from its facets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from telamon.model.products import ProductSpec
from telamon.model.stack import StackSpec
from telamon.products.base import (
    AccountInputs,
    EnvironmentValue,
    Flow,
    IndexKeeper,
    IndexReport,
    NodeContext,
    NodeSeen,
    Response,
    SetupInputs,
    SetupOutcome,
)
from telamon.products.checks import Breach
from telamon.products.datacenter import DataCenterProduct
from telamon.products.indexing import Rebuild, RebuildWay
from telamon.products.jira import checks, cluster, edge, image, lifecycle, objects, pod, traffic, upgrade
from telamon.products.jira import clone as cloning
from telamon.products.jira import index as searching
from telamon.products.jira.apps import APPS
from telamon.products.jira.backup import RULES
from telamon.products.jira.chart import CHART
from telamon.products.jira.releases import NEWEST
from telamon.products.release import Act, Jump
from telamon.products.traffic import Traffic, TrafficInputs, Writer
from telamon.products.upgrade import rewritten_at_start
from telamon.state.phase import Phase
from telamon.state.world import UpgradePhase


class Jira(DataCenterProduct):
    """Jira Data Center: nodes registered in the database, an index on every node, set-up pages."""

    name = "jira"
    user_id = 2001
    backup = RULES
    clone = cloning.RULES
    chart = CHART
    newest_releases = NEWEST
    apps = APPS
    whoami = "/rest/api/2/myself"
    title = "Jira"
    stand_in = "understudy.jira"
    ports = edge.PORTS
    health = edge.HEALTH
    routes = edge.ROUTES
    index = IndexKeeper.NODE
    index_ways = searching.WAYS
    index_rebuild = RebuildWay.ASIDE
    # What the other nodes write within the second or two between two looks at their queues: a node that takes part
    # is behind by as much at any moment, and would never be admitted while users write.
    index_lag = 50
    prepares_join = True
    forgets_nodes = True
    tries_tasks_again = True
    # A node without a usable snapshot rebuilds its index first: an hour for a million issues.
    start_timeout = 3600.0
    object_stores = objects.SINCE
    container = pod.CONTAINER
    login_file = image.LOGIN_FILE

    def check(self, spec: ProductSpec, stack: StackSpec) -> Iterator[Breach]:
        """What only Jira knows about its section of the stack file."""
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
        """List the nodes of the registry."""
        return cluster.membership()

    def index_report(self) -> Flow[IndexReport | None]:
        """Report on the node's own index."""
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

    def share_index(self) -> Flow[bool]:
        """See that a fresh index snapshot exists."""
        return searching.prepare_join()

    def index_settled(self) -> Flow[bool]:
        """See whether the node has applied what every node had written."""
        return searching.settled()

    def prepare_join(self) -> Flow[bool]:
        """See that a fresh index snapshot exists."""
        return searching.prepare_join()

    def forget_node(self, node_id: str) -> Flow[None]:
        """Take a stopped node out of the registry."""
        return cluster.forget_node(node_id)

    def jump(self, from_release: str, to_release: str) -> Jump:
        """How the release can be changed."""
        return upgrade.jump(from_release, to_release)

    def upgrade_obstacle(self, spec: ProductSpec) -> str:
        """What in the stack file stands in the way of a rolling upgrade."""
        return rewritten_at_start(spec)

    def upgrade_phase(self) -> Flow[UpgradePhase | None]:
        """Where the cluster stands with a rolling upgrade."""
        return upgrade.phase()

    def change_upgrade(self, act: Act) -> Flow[None]:
        """Lead the cluster through a rolling upgrade."""
        return upgrade.change(act)

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

"""A product made of a profile."""

from __future__ import annotations

from telamon.indexfiles.place import IndexPlace
from telamon.model.profile import HTTP, Profile
from telamon.products.base import (
    EnvironmentValue,
    Flow,
    IndexKeeper,
    IndexReport,
    NodeContext,
    Port,
    Product,
    Response,
    Route,
    TcpRoute,
)
from telamon.products.custom import image, status
from telamon.products.indexing import IndexStrategy, IndexWays
from telamon.products.traffic import Kind, Traffic, TrafficInputs
from telamon.state.phase import Phase


class Custom(Product):
    """An application that its profile describes.

    It has no set-up pages, no registry to ask and no account of the engine: a node is a member, and its index has
    caught up, as soon as it says that it is RUNNING.

    Args:
        name: its name in the stack file.
        profile: what the stack file says of it.
    """

    has_setup = False
    sets_itself_up = True
    has_account = False

    def __init__(self, name: str, profile: Profile) -> None:
        self._profile = profile
        self.name = name
        self.title = profile.title or name
        forwarded = {HTTP, *(forward.port for forward in profile.tcp)}
        self.ports = tuple(
            Port(port, number, public=port in forwarded) for port, number in profile.ports.items()
        )
        self.health = status.health_match(profile.status)
        self.routes = _routes(profile)
        self.tcp_routes = tuple(
            TcpRoute(name=forward.name, port=forward.port, front_port=forward.listen, expect=forward.expect)
            for forward in profile.tcp
        )
        self.needs_database = profile.database == "postgresql"
        self.shares_home = profile.homes.shared
        self.index = IndexKeeper.NOBODY if profile.homes.index is None else IndexKeeper.NODE
        self.index_ways = _index_ways(profile)
        self.secret_purposes = tuple(profile.secrets)
        self.start_timeout = profile.start_timeout.seconds
        self.stop_grace = profile.stop_grace.seconds
        self.max_nodes = profile.max_nodes
        self.container = image.container(profile)

    def environment(self, node: NodeContext) -> dict[str, EnvironmentValue]:
        """The profile's environment, filled in."""
        return image.environment(self._profile, node)

    def command(self, node: NodeContext) -> tuple[str, ...]:
        """The profile's command line, filled in."""
        return image.command(self._profile, node)

    def read_status(self, response: Response) -> Phase:
        """Name the phase as the profile says."""
        return status.read_status(self._profile.status, response)

    def index_report(self) -> Flow[IndexReport | None]:
        """What the profile cannot tell counts as well: the status page alone speaks for the node."""
        yield from ()
        if self._profile.homes.index is None:
            return None
        return IndexReport(readable=True, behind=None, detail="the application tells nothing of its index")

    def prepare_traffic(self, inputs: TrafficInputs) -> Flow[Traffic | None]:
        """Ask for the status page alone: nobody says what users of a stranger's application do, or what it promises."""
        yield from ()
        page = Kind(
            name="status", path=self.health.path, expect=self.health.codes, contains=self.health.contains
        )
        return Traffic(kinds=(page,))


def _index_ways(profile: Profile) -> IndexWays | None:
    """Its index is copied as files, where the profile says where it lies."""
    homes = profile.homes
    if homes.index is None:
        return None
    place = IndexPlace(homes.index, positions=homes.index_positions, live=homes.index_swap == "live")
    return IndexWays(place, (IndexStrategy.COPY,))


def _routes(profile: Profile) -> tuple[Route, ...]:
    """The whole host, and a route for each path under which websockets are opened."""
    cookie = profile.sticky_cookie
    prefixes = [prefix for prefix in profile.websockets if prefix != "/"]
    whole = Route("/", websocket="/" in profile.websockets, sticky_cookie=cookie)
    return (whole, *(Route(prefix, websocket=True, sticky_cookie=cookie) for prefix in prefixes))

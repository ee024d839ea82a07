"""What a lab needs of a machine, before any address is known: ports, listeners, relays, stand-ins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from telamon.desired.outline import Outline, outlines
from telamon.model.platform import LabPlatform, PlatformSpec
from telamon.model.stack import Stack
from telamon.naming import DATABASE, EDGE, RELAYS, WRITER, member_name
from telamon.products.base import Product

POSTGRES = "postgres"
POSTGRES_PORT = 5432
INDEX = "index"
INDEX_PORT = 7601
"""Port on which the files of a member's index are handed out while another member copies them."""
HTTP = "http"
ANYBODY = "*"
"""Whoever connects to a member by the address that the member itself tells."""


def balancers(stack: Stack) -> int:
    """How many balancers share the front door's port."""
    platform = stack.spec.platform
    return platform.balancers if isinstance(platform, LabPlatform) else LabPlatform(kind="lab").balancers


def databases(stack: Stack) -> int:
    """How many database servers there are: a primary, and a standby unless the file does without."""
    platform = stack.spec.platform
    return platform.databases if isinstance(platform, LabPlatform) else LabPlatform(kind="lab").databases


@dataclass(frozen=True)
class PortNeed:
    """A port that members of a component will listen on."""

    component: str
    port: str
    number: int
    nodes: int


@dataclass(frozen=True)
class TcpNeed:
    """A listener of the front door that passes TCP on."""

    product: str
    listener: str
    number: int
    pinned: bool

    @property
    def key(self) -> str:
        """``product/listener``."""
        return f"{self.product}/{self.listener}"


@dataclass(frozen=True)
class Needs:
    """What must be found on a machine before this stack can be planned.

    Attributes:
        components: that need addresses.
        ports: that members listen on.
        tcp: listeners of the front door.
        front_port: port the file pins, or ``None``.
        network: second octet the file pins, or ``None``.
        tls: whether the front door speaks TLS.
        hosts: names under which users reach the products.
        products: names of the products.
        stand_ins: modules that must be there to run.
        relays: pairs of members between which a relay stands, as ``source->target``.
        movable_clocks: whether nodes run with a clock that can be moved, where this machine can do that.
        clock_library: path of the library that does it; "" for one of the distribution.
        home_size: bytes of each node's home as a file system of its own; 0 for a folder.
        database_programs: folder of the program that database servers run; "" for the one that comes with the lab.
    """

    components: tuple[str, ...]
    ports: tuple[PortNeed, ...]
    tcp: tuple[TcpNeed, ...]
    front_port: int | None
    network: int | None
    tls: bool
    hosts: tuple[str, ...]
    products: tuple[str, ...]
    stand_ins: tuple[str, ...]
    relays: tuple[str, ...] = ()
    movable_clocks: bool = False
    clock_library: str = ""
    home_size: int = 0
    database_programs: str = ""


def needs(stack: Stack, registry: Mapping[str, Product]) -> Needs:
    """Say what must be found on a machine before the stack can be planned."""
    parts = outlines(stack, registry)
    # One address more than servers: the writer's.
    ports = [PortNeed(DATABASE, POSTGRES, POSTGRES_PORT, databases(stack) + 1)]
    ports += [
        PortNeed(part.component, port.name, port.number, part.nodes)
        for part in parts
        for port in part.workload.ports
    ]
    ports += [
        PortNeed(part.component, INDEX, INDEX_PORT, part.nodes)
        for part in parts
        if part.workload.index_ways is not None
    ]
    platform, edge = stack.spec.platform, stack.spec.edge
    disturbable = isinstance(platform, LabPlatform) and platform.disturbable
    network = platform.network if isinstance(platform, LabPlatform) else None
    tcp = [
        TcpNeed(part.product_name, route.name, edge.ssh.port or route.front_port, edge.ssh.port is not None)
        for part in parts
        for route in part.workload.tcp_routes
    ]
    return Needs(
        components=(DATABASE, EDGE, *([RELAYS] if disturbable else []), *(part.component for part in parts)),
        ports=tuple(ports),
        tcp=tuple(tcp),
        front_port=edge.port,
        network=int(network.split(".")[1]) if network else None,
        tls=edge.tls is not None and edge.tls.kind == "lab",
        hosts=tuple(lab_host(name, stack.metadata.name) for name in stack.spec.products),
        products=tuple(stack.spec.products),
        stand_ins=tuple(sorted({part.workload.stand_in for part in parts if part.workload.stand_in})),
        relays=_relays(parts, databases(stack)) if disturbable else (),
        movable_clocks=disturbable and isinstance(platform, LabPlatform) and platform.movable_clocks,
        clock_library=(platform.clock_library or "") if isinstance(platform, LabPlatform) else "",
        home_size=_home_size(platform),
        database_programs=(platform.database_programs or "") if isinstance(platform, LabPlatform) else "",
    )


def _relays(parts: Sequence[Outline], servers: int) -> tuple[str, ...]:
    pairs = (*relayed_pairs(parts), *server_pairs(servers))
    return tuple(f"{source}->{target}" for source, target in pairs)


def server_pairs(count: int) -> Iterator[tuple[str, str]]:
    """Every database server with every other one, each as the one that connects."""
    names = [member_name(DATABASE, ordinal) for ordinal in range(count)]
    return ((source, target) for source in names for target in names if source != target)


def _home_size(platform: PlatformSpec) -> int:
    size = platform.home_size if isinstance(platform, LabPlatform) else None
    return 0 if size is None else size.count


def relayed_pairs(parts: Sequence[Outline]) -> Iterator[tuple[str, str]]:
    """Who connects to whom, over a relay where there are any: nodes to one another, companions, and the database.

    What the balancers connect to is left out: a relay takes a connection before it knows whether anybody listens
    beyond, and the balancers go by that.

    Args:
        parts: every component of the products.

    Yields:
        Source and target; :data:`ANYBODY` is whoever goes by the address that the target itself tells.
    """
    for part in parts:
        own = _members(part)
        served = [
            other
            for other in parts
            if part.companion is None
            and other.companion is not None
            and other.product_name == part.product_name
        ]
        for member in own:
            yield ANYBODY, member
            yield from ((member, other) for other in own if other != member)
            yield from ((member, other) for companion in served for other in _members(companion))
            if part.workload.needs_database:
                yield member, WRITER


def _members(part: Outline) -> tuple[str, ...]:
    return tuple(member_name(part.component, ordinal) for ordinal in range(part.nodes))


def lab_host(product: str, stack: str) -> str:
    """The name under which users reach a product in the lab. Source: RFC 6761 section 6.3, ``localhost.``."""
    return f"{product}.{stack}.localhost"

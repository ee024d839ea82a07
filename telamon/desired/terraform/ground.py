"""What a stack file amounts to on AWS, before any resource is written: names, zones, addresses, sizes."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from telamon import naming
from telamon.desired.terraform.data import shortened
from telamon.desired.terraform.regions import partition, zone_names
from telamon.errors import RefusedError
from telamon.model.database import RdsDatabase
from telamon.model.platform import AwsPlatform, NodeGroup, purpose_of
from telamon.model.products import ProductSpec
from telamon.model.stack import Stack, StackSpec
from telamon.model.storage import EfsVolume, OpenZfsVolume, SharedVolume
from telamon.naming import ProductName
from telamon.products.apps import apps_memory
from telamon.products.base import Product, TcpRoute
from telamon.products.companions import companions_run
from telamon.units import Bytes

GIBIBYTE: Final = 1 << 30
WIDEST: Final = 16
"""Prefix length of the largest network that a VPC can have."""
NARROWEST: Final = 22
"""Prefix length of the smallest one in which every zone still gets room for its nodes and their pods."""
UNSTATED_MEMORY: Final = Bytes.parse("4Gi")
"""What a node is counted with whose memory the file leaves to the product."""
MACHINES: Final = (("m7i.xlarge", 16), ("m7i.2xlarge", 32), ("m7i.4xlarge", 64), ("m7i.8xlarge", 128))
"""Machines that are chosen from, with their memory in GiB. Source: AWS, "Amazon EC2 instance types", M7i."""
MACHINE_OVERHEAD: Final = 4 * GIBIBYTE
"""Bytes of a machine's memory that the system, its agents and what the kubelet holds back need."""


@dataclass(frozen=True)
class Zone:
    """One availability zone.

    Attributes:
        name: of AWS, e.g. ``eu-central-1a``.
        letter: its last letter, by which our resources are named.
        private: network of the machines.
        public: network of balancers and of the ways out.
        data: network of databases and file systems, without any way out.
    """

    name: str
    letter: str
    private: str
    public: str
    data: str


@dataclass(frozen=True)
class Tenant:
    """One product as the ground sees it.

    Attributes:
        name: of the product.
        host: that users type.
        path: context path.
        shared: where its shared home is; ``None`` where its nodes share none.
        shared_size: bytes of that home, where it has a size.
        owner: numeric user that its image runs as; ``None`` where nobody says.
        tcp: listeners besides HTTP.
        static_prefix: path prefix of files that a content delivery network may keep; ``None`` where it knows none.
        components: images that it runs: its own, and those of its companions.
    """

    name: str
    host: str
    path: str
    shared: SharedVolume | None
    shared_size: Bytes
    owner: int | None
    tcp: tuple[TcpRoute, ...]
    static_prefix: str | None
    components: tuple[str, ...]


@dataclass(frozen=True)
class Machines:
    """A group of machines.

    Attributes:
        name: of the group.
        purpose: what they carry.
        type: of the instances.
        count: how many.
        surge: how many more there may be.
        emptied_at_once: how many an update empties at the same time.
        kubernetes: their minor version.
        autoscaled: whether somebody else says how many there are.
    """

    name: str
    purpose: str
    type: str
    count: int
    surge: int
    emptied_at_once: int
    kubernetes: str
    autoscaled: bool


SYSTEM: Final = ("m7i.large", 2)
"""Machines of what runs the cluster itself: names, drivers, the operator. One can then be lost or renewed."""
PURPOSES: Final = ("system", "products")
"""What machines are for; the first is what everything runs on that says nothing."""


@dataclass(frozen=True)
class Ground:
    """A stack on AWS.

    Attributes:
        stack: its name.
        spec: the file.
        platform: the section of it that speaks of AWS.
        zones: that are used.
        tenants: products.
        machines: groups of them, by purpose and name; of each purpose there is one at least.
    """

    stack: str
    spec: StackSpec
    platform: AwsPlatform
    zones: tuple[Zone, ...]
    tenants: tuple[Tenant, ...]
    machines: tuple[Machines, ...]

    @property
    def production(self) -> bool:
        """Whether everything is bought twice and protected against being deleted."""
        return self.spec.environment == "production"

    @property
    def prefix(self) -> str:
        """What all names begin with, so that a role can be limited to them."""
        return f"telamon-{self.stack}"

    @property
    def partition(self) -> str:
        """Second word of every ARN."""
        return partition(self.platform.region)

    @property
    def ways_out(self) -> tuple[Zone, ...]:
        """Zones with a NAT gateway: all in production, so that a lost zone takes no other with it; else the first."""
        return self.zones if self.production else self.zones[:1]

    @property
    def database(self) -> RdsDatabase | None:
        """The database that is made here; ``None`` where it is somewhere else."""
        chosen = self.spec.database or RdsDatabase(kind="rds")
        return chosen if isinstance(chosen, RdsDatabase) else None

    @property
    def tags(self) -> dict[str, str]:
        """What everything is tagged with."""
        return {
            "telamon.dev/stack": self.stack,
            "telamon.dev/environment": self.spec.environment,
            "telamon.dev/managed-by": "terraform",
        }

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """Name something of this account; ``region`` "" is for services without regions."""
        where = self.platform.region if region is None else region
        return f"arn:{self.partition}:{service}:{where}:{self.platform.account}:{resource}"

    def name(self, purpose: str, *, longest: int = 63) -> str:
        """Name a thing of the stack within a limit of AWS."""
        return shortened(f"{self.prefix}-{purpose}", longest)

    def bucket(self, purpose: str) -> str:
        """Name a bucket; such names are unique in the world, so account and region are in them."""
        return shortened(f"{self.prefix}-{purpose}-{self.platform.account}-{self.platform.region}", 63)


def ground(stack: Stack, products: Mapping[str, Product]) -> Ground:
    """Work out what a stack file amounts to on AWS.

    Args:
        stack: with platform aws.
        products: those of the stack, by name.

    Raises:
        RefusedError: the platform is another one, the region has too few zones, or the network does not fit.
    """
    platform = stack.spec.platform
    if not isinstance(platform, AwsPlatform):
        raise RefusedError(
            f"the stack {stack.metadata.name} runs on {platform.kind}, which has no ground to be written",
            guard="platform-aws",
            remedy="Terraform is written for spec.platform.kind: aws.",
        )
    tenants = tuple(_tenant(name, stack.spec, products[name]) for name in stack.spec.products)
    return Ground(
        stack=stack.metadata.name,
        spec=stack.spec,
        platform=platform,
        zones=tuple(_zones(platform)),
        tenants=tenants,
        machines=tuple(_groups(stack.spec, products, platform)),
    )


def _zones(platform: AwsPlatform) -> Iterator[Zone]:
    network = ipaddress.IPv4Network(platform.network, strict=False)
    if not WIDEST <= network.prefixlen <= NARROWEST:
        raise RefusedError(
            f"the network {platform.network} does not fit: a VPC takes /{WIDEST} to /{NARROWEST} here",
            guard="network-size",
            remedy="Write a network such as 10.64.0.0/16 in spec.platform.network.",
        )
    # Eight parts: four for machines, whose pods take addresses too, one for balancers, one for data, two to grow.
    parts = list(network.subnets(prefixlen_diff=3))
    public, data = (list(parts[index].subnets(prefixlen_diff=2)) for index in (4, 5))
    for index, name in enumerate(zone_names(platform.region, platform.zones)):
        yield Zone(name, name[-1], str(parts[index]), str(public[index]), str(data[index]))


def _tenant(name: ProductName, spec: StackSpec, product: Product) -> Tenant:
    section = spec.products[name]
    home = section.storage.shared_home
    chosen = home.volume or spec.storage.shared or EfsVolume(kind="efs")
    shares = product.shares_home
    return Tenant(
        name=name,
        host=_host(name, section, spec.domain),
        path=section.context_path,
        shared=chosen if shares else None,
        shared_size=home.size or Bytes.parse("100Gi"),
        owner=product.user_id,
        tcp=product.tcp_routes,
        static_prefix=product.static_prefix,
        components=tuple(component for component, _, _ in _loads(name, section, product)),
    )


def _host(name: str, section: ProductSpec, domain: str) -> str:
    given = urlsplit(section.base_url).hostname if section.base_url else None
    return given or naming.host_name(name, domain)


def _loads(name: str, section: ProductSpec, product: Product) -> Iterator[tuple[str, int, Bytes]]:
    """Component, nodes, and memory of a node, of a product and its companions."""
    own = (section.resources.memory or UNSTATED_MEMORY).count + apps_memory(product, section)
    yield naming.component_name(name), section.nodes, Bytes(own)
    for key, companion, asked in companions_run(product, section):
        nodes = (asked.nodes if asked else None) or companion.default_nodes
        memory = (asked.resources.memory if asked else None) or UNSTATED_MEMORY
        yield naming.component_name(name, key), nodes, memory


def machines_for(ground: Ground, purpose: str) -> tuple[Machines, ...]:
    """The groups of machines with one purpose.

    Args:
        ground: the stack.
        purpose: one of :data:`PURPOSES`.
    """
    return tuple(group for group in ground.machines if group.purpose == purpose)


def _groups(spec: StackSpec, products: Mapping[str, Product], platform: AwsPlatform) -> Iterator[Machines]:
    needed = {"system": SYSTEM, "products": _needed(spec, products, platform)}
    for purpose in PURPOSES:
        kind, count = needed[purpose]
        asked = {
            name: each for name, each in platform.node_groups.items() if purpose_of(name, each) == purpose
        }
        for name, group in sorted((asked or {purpose: NodeGroup.model_construct()}).items()):
            yield Machines(
                name,
                purpose,
                group.type or kind,
                group.count or count,
                surge=group.surge or platform.zones,
                emptied_at_once=group.emptied_at_once,
                kubernetes=group.kubernetes or platform.machines_kubernetes or platform.kubernetes,
                autoscaled=group.autoscaled,
            )


def _needed(spec: StackSpec, products: Mapping[str, Product], platform: AwsPlatform) -> tuple[str, int]:
    """Type and number of the machines that carry the products, as far as the file leaves them open."""
    loads = [load for name in spec.products for load in _loads(name, spec.products[name], products[name])]
    largest = max(memory.count for _, _, memory in loads)
    # A machine should carry two of the largest nodes, so that the loss of one machine moves little.
    fitting = (kind for kind in MACHINES if kind[1] * GIBIBYTE - MACHINE_OVERHEAD >= 2 * largest)
    chosen, memory = next(fitting, MACHINES[-1])
    usable = memory * GIBIBYTE - MACHINE_OVERHEAD
    total = sum(nodes * each.count for _, nodes, each in loads)
    most = max(nodes for _, nodes, _ in loads)
    # One more than are needed: while a machine is away, its nodes still find a place.
    return platform.machine or chosen, max(math.ceil(total / usable) + 1, most, platform.zones)


def efs_tenants(ground: Ground) -> tuple[Tenant, ...]:
    """Products whose shared home is a file system that is made here."""
    return tuple(
        tenant
        for tenant in ground.tenants
        if isinstance(tenant.shared, EfsVolume) and tenant.shared.file_system is None
    )


def openzfs_tenants(ground: Ground) -> tuple[tuple[Tenant, OpenZfsVolume], ...]:
    """Products whose shared home is on OpenZFS."""
    return tuple(
        (tenant, tenant.shared) for tenant in ground.tenants if isinstance(tenant.shared, OpenZfsVolume)
    )

"""What a stack on AWS costs in a month, part by part, and what single settings save or cost.

Only what is bought whether it is used or not is counted. Traffic, requests, log volume and backups depend on use and
are named instead of guessed. Machines and databases of other families than the ones in the price table are counted as
if they were of those.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from telamon.desired.prices import HOURS, PRICES, SIZES
from telamon.desired.terraform.ground import (
    GIBIBYTE,
    Ground,
    efs_tenants,
    machines_for,
    openzfs_tenants,
)
from telamon.desired.terraform.network import ENDPOINTS
from telamon.desired.terraform.storage import zfs_throughput
from telamon.model.base import Section

ROOT_DISK: Final = 100
"""GB of a machine's own disk."""
NOT_COUNTED: Final = (
    "traffic to the internet, between zones and through NAT gateways, endpoints and balancers",
    "requests to CloudFront, WAF, S3, KMS and Route 53",
    "CloudWatch and CloudTrail by volume, AWS Config by number of changes",
    "backups and snapshots by size, images in registries",
    "the nodes' own homes, which the cluster makes",
)


@dataclass(frozen=True)
class Part:
    """One line of the estimate.

    Attributes:
        name: what it is, for people.
        layer: where it is made.
        monthly: USD a month.
        published: whether every price in it was read in print.
    """

    name: str
    layer: str
    monthly: float
    published: bool = True


@dataclass(frozen=True)
class Choice:
    """What a setting would save (negative) or cost, USD a month.

    Attributes:
        path: of the setting in the stack file.
        now: what it says.
        instead: what it could say.
        monthly: difference of the estimate, USD a month.
        meaning: what one gets or gives up.
    """

    path: str
    now: str
    instead: str
    monthly: float
    meaning: str


@dataclass(frozen=True)
class Estimate:
    """A month, by part."""

    parts: tuple[Part, ...]

    @property
    def total(self) -> float:
        """USD a month."""
        return sum(part.monthly for part in self.parts)


def estimate(ground: Ground) -> Estimate:
    """Add up what a stack costs in a month.

    Args:
        ground: the stack on AWS.
    """
    states = Part("key of states", "state", monthly("key"))
    parts = (states, *_network(ground), *_cluster(ground), *_data(ground), *_edge(ground), *_operations())
    return Estimate(tuple(part for part in parts if part.monthly))


def hourly(price: str, count: float = 1) -> float:
    """USD a month of something that is paid by the hour."""
    return PRICES[price].dollars * HOURS * count


def monthly(price: str, count: float = 1) -> float:
    """USD a month of something that is paid by the month."""
    return PRICES[price].dollars * count


def size_of(instance: str) -> float:
    """How many instances of size large one costs; one, where its size is not in the table."""
    return SIZES.get(instance.rpartition(".")[2], 1)


def _network(ground: Ground) -> Iterator[Part]:
    ways = len(ground.ways_out)
    yield Part(f"{ways} NAT gateways", "network", hourly("nat-gateway", ways) + hourly("address", ways))
    if ground.production:
        count = len(ENDPOINTS) * len(ground.zones)
        yield Part(f"{len(ENDPOINTS)} endpoints in every zone", "network", hourly("endpoint", count))
    yield Part("key of logs", "network", monthly("key"))


def _cluster(ground: Ground) -> Iterator[Part]:
    yield Part("control plane", "cluster", hourly("eks-cluster"))
    for size in ground.machines:
        one = hourly("machine-large", size_of(size.type)) + monthly("disk-gp3", ROOT_DISK)
        title = f"{size.count} machines of the group {size.name}, {size.type}"
        yield Part(title, "cluster", size.count * one)
    yield Part("key of disks", "cluster", monthly("key"))


def _data(ground: Ground) -> Iterator[Part]:
    wanted = ground.database
    copies = 2 if ground.production else 1
    if wanted is not None:
        published = PRICES["database-large"].published
        hours = hourly("database-large", size_of(wanted.instance_class) * copies)
        yield Part(f"database, {copies} x {wanted.instance_class}", "data", hours, published)
        size = wanted.storage.count / GIBIBYTE
        yield Part(
            f"database disk, {copies} x {size:.0f} GB", "data", monthly("database-disk", size * copies)
        )
        yield Part("secret of the database", "data", monthly("secret"))
    for tenant in efs_tenants(ground):
        size = tenant.shared_size.count / GIBIBYTE
        yield Part(f"shared home of {tenant.name}, {size:.0f} GB", "data", monthly("efs", size))
    for tenant, volume in openzfs_tenants(ground):
        size = tenant.shared_size.count / GIBIBYTE
        disk = monthly("openzfs-disk", size * copies)
        price = "openzfs-throughput-zones" if ground.production else "openzfs-throughput"
        speed = zfs_throughput(ground, volume)
        title = f"shared home of {tenant.name}, {size:.0f} GB, {speed} MB/s"
        yield Part(title, "data", disk + monthly(price, speed), PRICES[price].published)
    yield Part("key of data", "data", monthly("key"))


def _edge(ground: Ground) -> Iterator[Part]:
    balancers = int(ground.spec.edge.driver != "alb") + int(any(tenant.tcp for tenant in ground.tenants))
    addresses = balancers * len(ground.zones)
    yield Part(f"{balancers} balancers", "edge", hourly("balancer", balancers) + hourly("address", addresses))
    yield Part("names", "edge", monthly("zone") + monthly("key"))
    if ground.spec.edge.cdn is not None:
        lists = sum(tenant.static_prefix is not None for tenant in ground.tenants)
        walls = lists * (monthly("firewall") + monthly("firewall-rule", 3)) + monthly("key")
        yield Part("firewalls of static files", "edge", walls)


def _operations() -> Iterator[Part]:
    yield Part("alarms and the key of the trail", "operations", monthly("alarm", 10) + monthly("key"))


# ------------------------------------------------------------------------------------------------- choices


def choices(ground: Ground) -> tuple[Choice, ...]:
    """What single settings would save or cost, the largest saving first.

    Args:
        ground: the stack on AWS.
    """
    before = estimate(ground).total
    found = [
        Choice(path, now, instead, estimate(changed).total - before, meaning)
        for path, now, instead, changed, meaning in _variants(ground)
    ]
    return tuple(sorted(found, key=lambda choice: (choice.monthly, choice.path, choice.instead)))


Variant = tuple[str, str, str, Ground, str]


def _variants(ground: Ground) -> Iterator[Variant]:
    spec = ground.spec
    other = "dev" if ground.production else "production"
    meaning = (
        "one way out, one database, no endpoints: the loss of a zone is downtime"
        if ground.production
        else "every part twice: the loss of a zone is none"
    )
    yield "spec.environment", spec.environment, other, _with(ground, environment=other), meaning
    if ground.platform.zones > 2:
        fewer = replace(ground, zones=ground.zones[:2])
        text = "without a third zone the loss of one leaves no majority"
        yield "spec.platform.zones", str(ground.platform.zones), "2", fewer, text
    if spec.edge.cdn is not None:
        yield (
            "spec.edge.cdn",
            spec.edge.cdn.kind,
            "none",
            _with(ground, edge=_edited(spec.edge, cdn=None)),
            ("static files come from the nodes themselves"),
        )
    yield from _database_variants(ground)
    for group in machines_for(ground, "products"):
        if group.count > ground.platform.zones:
            left = tuple(
                replace(each, count=each.count - 1) if each is group else each for each in ground.machines
            )
            yield (
                f"spec.platform.nodeGroups.{group.name}.count",
                str(group.count),
                str(group.count - 1),
                replace(ground, machines=left),
                "no machine to spare while one is away",
            )


SectionT = TypeVar("SectionT", bound=Section)


def _database_variants(ground: Ground) -> Iterator[Variant]:
    wanted = ground.database
    if wanted is None:
        return
    family, _, size = wanted.instance_class.rpartition(".")
    ordered = sorted(SIZES, key=lambda name: SIZES[name])
    position = ordered.index(size) if size in ordered else -1
    for step, meaning in ((-1, "half the memory"), (1, "twice the memory")):
        if position < 0 or not 1 <= position + step < len(ordered):
            continue
        instead = f"{family}.{ordered[position + step]}"
        changed = _with(ground, database=_edited(wanted, instance_class=instead))
        yield "spec.database.instanceClass", wanted.instance_class, instead, changed, meaning


def _edited(section: SectionT, **values: object) -> SectionT:
    return section.model_copy(update=values)


def _with(ground: Ground, **values: object) -> Ground:
    return replace(ground, spec=_edited(ground.spec, **values))

"""What a plan changes in the month's cost: what stands in the state before it, and what will stand after it.

Only what is bought whether it is used or not has a price here; see :mod:`telamon.desired.cost`, whose price table this
is. A shared home on EFS is paid by what lies in it, so that a plan says nothing of it. Source of the keys: Terraform
documentation, "JSON Output Format", "Values Representation" and "Configuration Representation".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.cost import hourly, monthly, size_of

Values = Mapping[str, Any]
MULTI_ZONE: Final = "MULTI_AZ_1"


@dataclass(frozen=True)
class CostLine:
    """One resource whose cost changes.

    Attributes:
        address: of the resource.
        before: USD a month; 0 where it is not there.
        after: the same afterwards.
    """

    address: str
    before: float
    after: float


@dataclass(frozen=True)
class CostChange:
    """A month before and after a plan.

    Attributes:
        before: USD a month.
        after: USD a month.
        lines: what makes the difference, the largest first.
    """

    before: float
    after: float
    lines: tuple[CostLine, ...]


@dataclass(frozen=True)
class _World:
    """Everything that stands on one side of a plan.

    Attributes:
        values: by address.
        references: addresses that an argument of a resource refers to, by address and argument.
    """

    values: Mapping[str, Values]
    references: Mapping[tuple[str, str], tuple[str, ...]]


def cost_of(plan: Mapping[str, Any]) -> CostChange:
    """What a plan does to the month's cost.

    Args:
        plan: what ``terraform show -json`` prints.
    """
    references = dict(_references(plan))
    before, after = (
        _costs(_World(dict(_values(side)), references))
        for side in (plan.get("prior_state", {}).get("values", {}), plan.get("planned_values", {}))
    )
    lines = (
        CostLine(address, before.get(address, 0.0), after.get(address, 0.0))
        for address in sorted(before.keys() | after.keys())
    )
    changed = [line for line in lines if round(line.after - line.before, 2)]
    return CostChange(
        before=round(sum(before.values()), 2),
        after=round(sum(after.values()), 2),
        lines=tuple(sorted(changed, key=lambda line: -abs(line.after - line.before))),
    )


def _values(side: Mapping[str, Any]) -> Iterator[tuple[str, Values]]:
    for resource in side.get("root_module", {}).get("resources", ()):
        if resource.get("mode") == "managed":
            yield resource["address"], resource.get("values", {})


def _references(plan: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    for resource in plan.get("configuration", {}).get("root_module", {}).get("resources", ()):
        for name, expression in resource.get("expressions", {}).items():
            yield (resource["address"], name), tuple(sorted(set(_referred(expression))))


def _referred(expression: Any) -> Iterator[str]:
    """Addresses of resources; a reference to an attribute stands beside one to its resource."""
    if isinstance(expression, list):
        for item in expression:
            yield from _referred(item)
    elif isinstance(expression, Mapping):
        for reference in expression.get("references", ()):
            if reference.count(".") == 1:
                yield reference
        for name, item in expression.items():
            if name != "references":
                yield from _referred(item)


def _costs(world: _World) -> dict[str, float]:
    found = {}
    for address, values in world.values.items():
        price = PRICED.get(address.partition(".")[0])
        if price is not None:
            found[address] = price(world, address, values)
    return {address: dollars for address, dollars in found.items() if dollars}


def _count(world: _World, address: str, name: str) -> int:
    """How many items a list has; where none of it is known yet, how many resources it refers to."""
    known = world.values[address].get(name)
    return len(known) if known else len(world.references.get((address, name), ()))


def _endpoint(world: _World, address: str, values: Values) -> float:
    if values.get("vpc_endpoint_type") != "Interface":
        return 0.0
    return hourly("endpoint", _count(world, address, "subnet_ids"))


def _machines(world: _World, address: str, values: Values) -> float:
    template = _template(world, address, values)
    scaling = _first(values, "scaling_config")
    disk = _first(_first(template, "block_device_mappings"), "ebs").get("volume_size") or 0
    one = hourly("machine-large", size_of(str(template.get("instance_type", "")))) + monthly("disk-gp3", disk)
    return float(one * (scaling.get("desired_size") or 0))


def _template(world: _World, address: str, values: Values) -> Values:
    wanted = _first(values, "launch_template").get("id")
    for other, found in world.values.items():
        if other.startswith("aws_launch_template.") and wanted and found.get("id") == wanted:
            return found
    named = world.references.get((address, "launch_template"), ())
    return next((world.values[other] for other in named if other in world.values), {})


def _database(_world: _World, _address: str, values: Values) -> float:
    copies = 2 if values.get("multi_az") else 1
    machine = hourly("database-large", size_of(str(values.get("instance_class", ""))) * copies)
    disk = monthly("database-disk", (values.get("allocated_storage") or 0) * copies)
    return machine + disk + (monthly("secret") if values.get("manage_master_user_password") else 0.0)


def _openzfs(_world: _World, _address: str, values: Values) -> float:
    several = values.get("deployment_type") == MULTI_ZONE
    disk = monthly("openzfs-disk", (values.get("storage_capacity") or 0) * (2 if several else 1))
    price = "openzfs-throughput-zones" if several else "openzfs-throughput"
    return disk + monthly(price, values.get("throughput_capacity") or 0)


def _balancer(world: _World, address: str, values: Values) -> float:
    addresses = 0 if values.get("internal") else _count(world, address, "subnets")
    return hourly("balancer") + hourly("address", addresses)


def _firewall(_world: _World, _address: str, values: Values) -> float:
    return monthly("firewall") + monthly("firewall-rule", len(values.get("rule") or ()))


def _first(values: Values, name: str) -> Values:
    block = values.get(name)
    return block[0] if isinstance(block, list) and block and isinstance(block[0], Mapping) else {}


PRICED: Final[Mapping[str, Callable[[_World, str, Values], float]]] = MappingProxyType(
    {
        "aws_cloudwatch_metric_alarm": lambda _world, _address, _values: monthly("alarm"),
        "aws_db_instance": _database,
        "aws_eip": lambda _world, _address, _values: hourly("address"),
        "aws_eks_cluster": lambda _world, _address, _values: hourly("eks-cluster"),
        "aws_eks_node_group": _machines,
        "aws_fsx_openzfs_file_system": _openzfs,
        "aws_kms_key": lambda _world, _address, _values: monthly("key"),
        "aws_lb": _balancer,
        "aws_nat_gateway": lambda _world, _address, _values: hourly("nat-gateway"),
        "aws_route53_zone": lambda _world, _address, _values: monthly("zone"),
        "aws_vpc_endpoint": _endpoint,
        "aws_wafv2_web_acl": _firewall,
    }
)
"""What a resource of a type costs a month; types that are not here are free or paid by use."""

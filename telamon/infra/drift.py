"""What is otherwise than it was applied: each difference with what it means, and how much it matters.

Two looks are needed. A plan of Terraform shows what changed or went of the things in its state; ``resource_drift`` in
it tells what was changed outside from what the files say since. It is no list of differences by itself: after an apply
it is full of tags that are null here and empty there (seen with the AWS provider 5.100.0). A rule that somebody added
to a security group beside Terraform's own is in no plan at all; so every live rule is held against the rules that the
states know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Final

from telamon.infra.changes import Change, Kind, read_changes
from telamon.infra.policies import ANYWHERE


class Severity(IntEnum):
    """How much a difference matters."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """As people write it."""
        return self.name.lower()


class Deviation(StrEnum):
    """What became of something."""

    CHANGED = "changed"
    GONE = "gone"
    ADDED = "added"
    PENDING = "not applied yet"


@dataclass(frozen=True)
class Drift:
    """One difference.

    Attributes:
        layer: in which state.
        address: as Terraform names it; of a rule that was added, the address of its group.
        what: became of it.
        severity: how much it matters.
        told: what is otherwise, in words.
        risk: what may come of it.
        rule: id of the rule that was added, or "".
    """

    layer: str
    address: str
    what: Deviation
    severity: Severity
    told: str
    risk: str
    rule: str = ""


@dataclass(frozen=True)
class LiveRule:
    """A rule of a security group as it is.

    Attributes:
        id: of the rule, e.g. ``sgr-0123456789abcdef0``.
        group: id of its group.
        egress: whether it lets out; else in.
        protocol: ``tcp``, ``udp``, ``icmp``, ``-1`` for all, or a number.
        from_port: first port, -1 for all.
        to_port: last port, -1 for all.
        peer: network, prefix list or group that it is about.
        description: whoever added it wrote.
    """

    id: str
    group: str
    egress: bool
    protocol: str
    from_port: int
    to_port: int
    peer: str
    description: str

    def __str__(self) -> str:
        everything = self.protocol == "-1"
        span = f"{self.from_port}" if self.from_port == self.to_port else f"{self.from_port}-{self.to_port}"
        what = "everything" if everything else f"{self.protocol} {span}"
        way = f"{what} out to {self.peer}" if self.egress else f"{what} in from {self.peer}"
        return f"{way} ({self.description})" if self.description else way


@dataclass(frozen=True)
class Weight:
    """What a change of some types means.

    Attributes:
        prefixes: of the types.
        severity: of a change.
        risk: what may come of it.
        unless: first words of arguments whose change alone matters less.
    """

    prefixes: tuple[str, ...]
    severity: Severity
    risk: str


WEIGHTS: Final = (
    Weight(
        ("aws_security_group", "aws_vpc_security_group", "aws_default_security_group", "aws_network_acl"),
        Severity.HIGH,
        "who may reach what is otherwise than was approved",
    ),
    Weight(
        (
            "aws_s3_bucket_public_access_block",
            "aws_s3_bucket_policy",
            "aws_s3_bucket_ownership",
            "aws_s3_bucket_acl",
        ),
        Severity.HIGH,
        "others may read or write the bucket",
    ),
    Weight(
        ("aws_s3_bucket_versioning", "aws_s3_bucket_object_lock", "aws_backup_"),
        Severity.HIGH,
        "backups and states may be deleted or overwritten for good",
    ),
    Weight(("aws_kms_",), Severity.HIGH, "what is encrypted may become readable to others, or to nobody"),
    Weight(
        ("aws_iam_", "aws_eks_access", "aws_eks_pod_identity"),
        Severity.HIGH,
        "somebody may do what nobody approved",
    ),
    Weight(
        ("aws_cloudtrail", "aws_config_", "aws_cloudwatch_event", "aws_cloudwatch_metric_alarm", "aws_sns_"),
        Severity.HIGH,
        "the next change by hand may go unnoticed",
    ),
    Weight(("aws_eks_cluster",), Severity.HIGH, "the cluster's API may be open, or say less of who used it"),
    Weight(("aws_db_",), Severity.MEDIUM, "the database may be slower, less safe, or harder to bring back"),
    Weight(
        ("aws_lb", "aws_route53", "aws_acm", "aws_cloudfront", "aws_wafv2"),
        Severity.MEDIUM,
        "users may not get through, or past what should look at them",
    ),
    Weight(
        ("aws_eks_", "aws_launch_template"),
        Severity.MEDIUM,
        "machines may be too few, or not what they should be",
    ),
)
"""Asked in this order; what is listed nowhere is of medium weight."""
UNLISTED: Final = Weight(("",), Severity.MEDIUM, "it is not what was approved")
GRAVE: Final = frozenset(
    {"publicly_accessible", "deletion_protection", "storage_encrypted", "backup_retention_period", "multi_az"}
)
"""Arguments whose change matters most, whatever the type says."""
HARMLESS: Final = ("tags", "tags_all", "description")
"""Arguments that nothing but people read."""
GROUPS: Final = frozenset({"aws_security_group", "aws_default_security_group"})
RULES: Final = frozenset(
    {"aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule", "aws_security_group_rule"}
)


def drift_of(layer: str, plan: Mapping[str, Any]) -> tuple[Drift, ...]:
    """What a plan shows to be otherwise than it was applied.

    Args:
        layer: whose plan it is, made from the files that lie in its folder.
        plan: what ``terraform show -json`` prints.
    """
    outside = {
        item["address"] for item in plan.get("resource_drift", ()) if item["change"]["actions"] != ["no-op"]
    }
    return tuple(
        _drift(layer, change, outside=change.address in outside)
        for change in read_changes(plan)
        if change.kind is not Kind.READ and not (change.kind is Kind.NOTHING and change.moved_from)
    )


def groups_in(plan: Mapping[str, Any]) -> dict[str, str]:
    """The security groups that a state knows: address by id.

    Args:
        plan: what ``terraform show -json`` prints.
    """
    return {
        str(values["id"]): address
        for address, kind, values in _prior(plan)
        if kind in GROUPS and values.get("id")
    }


def rules_in(plan: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the rules that a state knows.

    Args:
        plan: what ``terraform show -json`` prints.
    """
    found: set[str] = set()
    for _, kind, values in _prior(plan):
        if kind in RULES:
            found.update(str(values[key]) for key in ("id", "security_group_rule_id") if values.get(key))
    return frozenset(found)


def rules_kept(state: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the rules that a state keeps, without asking AWS.

    Args:
        state: what ``terraform state pull`` prints.
    """
    return frozenset(
        str(instance["attributes"][key])
        for resource in state.get("resources", ())
        if resource["type"] in RULES
        for instance in resource["instances"]
        for key in ("id", "security_group_rule_id")
        if instance.get("attributes", {}).get(key)
    )


def added_rules(
    live: Sequence[LiveRule], *, groups: Mapping[str, tuple[str, str]], known: frozenset[str]
) -> tuple[Drift, ...]:
    """Rules that somebody added beside those of the states.

    Args:
        live: every rule of the groups.
        groups: layer and address of each group, by id.
        known: ids of the rules that states know.
    """
    return tuple(
        _added(rule, *groups[rule.group])
        for rule in sorted(live, key=lambda rule: (groups[rule.group], rule.id))
        if rule.id not in known
    )


def worst(found: Sequence[Drift]) -> Severity:
    """The gravest of all differences.

    Args:
        found: differences.
    """
    return max((each.severity for each in found), default=Severity.NONE)


def _added(rule: LiveRule, layer: str, address: str) -> Drift:
    if rule.egress:
        severity, risk = Severity.MEDIUM, "what is inside may speak to what nobody approved"
    elif rule.peer in ANYWHERE:
        severity, risk = Severity.HIGH, "anybody in the world may try to get in"
    else:
        severity, risk = Severity.HIGH, "somebody may reach what nobody approved"
    return Drift(
        layer, address, Deviation.ADDED, severity, f"a rule was added by hand: {rule}", risk, rule.id
    )


def _prior(plan: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    module = plan.get("prior_state", {}).get("values", {}).get("root_module", {})
    for resource in module.get("resources", ()):
        yield resource["address"], resource["type"], resource.get("values", {})


def _drift(layer: str, change: Change, *, outside: bool) -> Drift:
    if not outside:
        told = f"the files say {_values(change) or change.kind.value}"
        risk = "none by itself: plan it, have it approved, apply it"
        return Drift(layer, change.address, Deviation.PENDING, Severity.LOW, told, risk)
    weight = next((each for each in WEIGHTS if change.type.startswith(each.prefixes)), UNLISTED)
    if change.kind is Kind.CREATE:
        return Drift(
            layer, change.address, Deviation.GONE, weight.severity, "it is not there any more", weight.risk
        )
    names = {difference.path.partition(".")[0] for difference in change.differences}
    severity = weight.severity
    if names and names <= set(HARMLESS):
        severity = Severity.LOW
    elif names & GRAVE:
        severity = Severity.HIGH
    risk = "none but confusion" if severity is Severity.LOW else weight.risk
    return Drift(
        layer, change.address, Deviation.CHANGED, severity, _values(change) or change.kind.value, risk
    )


def _values(change: Change) -> str:
    return "; ".join(
        f"{found.path} is {found.before or 'none'} and should be {found.after or 'none'}"
        for found in change.differences
        if found.path.partition(".")[0] != "tags_all"
    )

"""What policies say of a plan: our own, derived again at every look, and those of a scanner's report.

A policy that does not pass refuses the plan; there is no way round it but to change the configuration, or the waiver
in the scanner's own set-up, which is then part of what is signed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from telamon.errors import RefusedError
from telamon.infra import kubernetes, node_groups
from telamon.infra.canonical import Digest, canonical_json, digest, read_object
from telamon.infra.changes import Kind, read_changes

ANYWHERE: Final = frozenset({"0.0.0.0/0", "::/0"})
PUBLIC_PORTS: Final = frozenset({80, 443, 7999})
"""Ports that a stack may offer to everybody: the web, and Git over SSH."""
OWN: Final = (
    "no-open-door",
    "protection-first",
    "kubernetes-one-minor",
    "kubernetes-apart",
    "kubernetes-skew",
    "machines-not-forced",
)
"""The policies that are derived from every plan."""
PROTECTED: Final = ("deletion_protection", "enable_deletion_protection")
"""Attributes by which AWS refuses to delete. Source: Terraform Registry, AWS provider, ``aws_db_instance`` and
``aws_lb``."""


@dataclass(frozen=True)
class Policy:
    """What one policy says.

    Attributes:
        name: of the policy.
        resource: address it speaks of, or "".
        passed: whether the plan keeps it.
        reason: in words.
        waived_until: day until which somebody answers for its not being kept, e.g. ``2027-11-30``; else "".
    """

    name: str
    resource: str
    passed: bool
    reason: str
    waived_until: str = ""

    def __str__(self) -> str:
        where = f"{self.resource}: " if self.resource else ""
        return f"{where}{self.reason or 'not kept'} ({self.name})"


def derive(plan: Mapping[str, Any], report: bytes | None) -> tuple[Policy, ...]:
    """Everything the policies say of a plan.

    Args:
        plan: what ``terraform show -json`` prints.
        report: a scanner's report, or ``None``: ``{"verdicts": [{"policy", "resource", "passed", "reason"}, …]}``;
            one that is waived also says ``waivedUntil``.

    Raises:
        RefusedError: the report cannot be read.
    """
    refused = (*kubernetes.refusals(plan), *node_groups.refusals(plan))
    upgrades = (Policy(name, address, False, told) for name, address, told in refused)
    own = [*_open_doors(plan), *_protected(plan), *upgrades]
    passed = [Policy(name, "", True, "") for name in OWN if name not in {found.name for found in own}]
    return (*own, *passed, *(_reported(report) if report is not None else ()))


def digest_of(policies: Sequence[Policy]) -> Digest:
    """The digest of what the policies say, whatever their order.

    Args:
        policies: of one plan.
    """
    return digest(canonical_json(sorted(map(asdict, policies), key=canonical_json)))


def _open_doors(plan: Mapping[str, Any]) -> Iterator[Policy]:
    for item in plan.get("resource_changes", ()):
        after = item["change"].get("after") or {}
        for rule in _ingress(item["type"], after):
            source = ANYWHERE & set(_sources(rule))
            ports = {rule.get("from_port"), rule.get("to_port")}
            if source and not (len(ports) == 1 and ports <= PUBLIC_PORTS):
                told = f"everybody ({', '.join(sorted(source))}) may enter on more than a public port"
                yield Policy("no-open-door", item["address"], False, told)


def _ingress(kind: str, after: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    if kind == "aws_vpc_security_group_ingress_rule":
        return (after,)
    if kind == "aws_security_group_rule" and after.get("type") == "ingress":
        return (after,)
    if kind in {"aws_security_group", "aws_default_security_group"}:
        return after.get("ingress") or ()
    return ()


def _sources(rule: Mapping[str, Any]) -> Iterator[str]:
    for key in ("cidr_ipv4", "cidr_ipv6"):
        if rule.get(key):
            yield rule[key]
    for key in ("cidr_blocks", "ipv6_cidr_blocks"):
        yield from rule.get(key) or ()


def _protected(plan: Mapping[str, Any]) -> Iterator[Policy]:
    befores = {
        item["address"]: item["change"].get("before") or {} for item in plan.get("resource_changes", ())
    }
    for change in read_changes(plan):
        if change.kind not in {Kind.DESTROY, Kind.REPLACE}:
            continue
        if any(befores.get(change.address, {}).get(name) is True for name in PROTECTED):
            told = "is protected from deletion; take the protection off in a plan of its own first"
            yield Policy("protection-first", change.address, False, told)


def _reported(report: bytes) -> Iterator[Policy]:
    document = read_object(report, what="the policy report")
    verdicts = document.get("verdicts")
    if document.keys() != {"verdicts"} or not isinstance(verdicts, list):
        raise _unreadable()
    for verdict in verdicts:
        match verdict:
            case {
                "policy": str(name),
                "resource": str(resource),
                "passed": bool(passed),
                "reason": str(reason),
                **more,
            } if set(more) <= {"waivedUntil"}:
                yield Policy(name, resource, passed, reason, _day(more.get("waivedUntil", "")))
            case _:
                raise _unreadable()


def _day(text: object) -> str:
    """A day, so that it can be compared; "" for none."""
    if text == "":
        return ""
    try:
        return date.fromisoformat(str(text)).isoformat()
    except ValueError as error:
        raise _unreadable() from error


def _unreadable() -> RefusedError:
    return RefusedError(
        "the policy report is not what is expected",
        guard="readable",
        remedy='Write {"verdicts": [{"policy": "…", "resource": "…", "passed": true, "reason": "…"}]}.',
    )

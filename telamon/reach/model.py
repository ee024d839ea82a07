"""Workloads and policies, as :mod:`telamon.reach` reads them out of Kubernetes objects."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from telamon.errors import UsageError
from telamon.reach.intervals import ALL_PORTS, NO_NUMBERS, Intervals, network, number_of

PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
INGRESS: Final = "Ingress"
EGRESS: Final = "Egress"


@dataclass(frozen=True)
class Workload:
    """Pods that are alike.

    Attributes:
        name: by which people know it.
        namespace: where it is.
        namespace_labels: of that namespace.
        labels: of its pods.
        ports: named ports, as protocol and number.
        address: of its one pod, where somebody knows it; "" otherwise.
        outside: whether it is an address beyond the cluster, which no policy selects, and no rule but by its address.
    """

    name: str
    namespace: str
    namespace_labels: Mapping[str, str]
    labels: Mapping[str, str]
    ports: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    address: str = ""
    outside: bool = False

    @property
    def number(self) -> int | None:
        """The address as a number."""
        return number_of(ipaddress.ip_address(self.address)) if self.address else None


@dataclass(frozen=True)
class Selector:
    """A label selector; one that asks for nothing selects all.

    Attributes:
        wanted: labels with the value they must have.
        expressions: key, operator and values of further demands.
    """

    wanted: tuple[tuple[str, str], ...] = ()
    expressions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether labels are what is asked for."""
        if any(labels.get(key) != value for key, value in self.wanted):
            return False
        return all(_holds(expression, labels) for expression in self.expressions)


def _holds(expression: tuple[str, str, tuple[str, ...]], labels: Mapping[str, str]) -> bool:
    key, operator, values = expression
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


@dataclass(frozen=True)
class Peer:
    """The other side of a rule: workloads, or addresses.

    Attributes:
        pods: selects the workloads; ``None`` where addresses are meant.
        namespaces: selects their namespaces; ``None`` for the policy's own.
        addresses: that are meant.
    """

    pods: Selector | None = None
    namespaces: Selector | None = None
    addresses: Intervals = NO_NUMBERS


@dataclass(frozen=True)
class PortRule:
    """Ports of a rule.

    Attributes:
        protocol: TCP, UDP or SCTP.
        numbers: that are meant; empty where a name is.
        name: of a port of the target.
    """

    protocol: str
    numbers: Intervals = NO_NUMBERS
    name: str = ""


@dataclass(frozen=True)
class Rule:
    """One rule of a policy.

    Attributes:
        where: which it is, as people find it: ``egress[2]``.
        peers: the other side; ``None`` for everybody.
        ports: ``None`` for all of every protocol.
    """

    where: str
    peers: tuple[Peer, ...] | None
    ports: tuple[PortRule, ...] | None


@dataclass(frozen=True)
class Policy:
    """A network policy.

    Attributes:
        name: of it.
        namespace: where it is.
        pods: selects the workloads that it speaks of.
        ingress: its rules; ``None`` where it does not speak of that direction.
        egress: likewise.
    """

    name: str
    namespace: str
    pods: Selector
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None

    def rules(self, direction: str) -> tuple[Rule, ...] | None:
        """The rules of a direction."""
        return self.ingress if direction == INGRESS else self.egress

    @property
    def title(self) -> str:
        """How people find it."""
        return f"{self.namespace}/{self.name}"


def policy_of(document: Mapping[str, Any]) -> Policy:
    """Read a policy.

    Args:
        document: an object NetworkPolicy as the API of Kubernetes takes it.

    Raises:
        UsageError: it is none that a cluster would take.
    """
    metadata, spec = document.get("metadata", {}), document.get("spec", {})
    title = f"{metadata.get('namespace', 'default')}/{metadata.get('name', '')}"
    try:
        types = spec.get("policyTypes") or [INGRESS, *([EGRESS] if spec.get("egress") else [])]
        return Policy(
            name=str(metadata["name"]),
            namespace=str(metadata.get("namespace", "default")),
            pods=_selector(spec.get("podSelector")),
            ingress=_rules("ingress", "from", spec.get("ingress")) if INGRESS in types else None,
            egress=_rules("egress", "to", spec.get("egress")) if EGRESS in types else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"the network policy {title} cannot be understood",
            remedy="A cluster would not take it either: try `kubectl apply --dry-run=server`.",
        ) from error


def _rules(name: str, side: str, rules: Sequence[Mapping[str, Any]] | None) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            f"{name}[{number}]",
            tuple(_peer(each) for each in rule[side]) if rule.get(side) else None,
            tuple(_port(each) for each in rule["ports"]) if rule.get("ports") else None,
        )
        for number, rule in enumerate(rules or ())
    )


def _peer(given: Mapping[str, Any]) -> Peer:
    block = given.get("ipBlock")
    if block is not None:
        return Peer(addresses=network(block["cidr"], block.get("except") or ()))
    namespaces = given.get("namespaceSelector")
    return Peer(
        pods=_selector(given.get("podSelector")),
        namespaces=None if namespaces is None else _selector(namespaces),
    )


def _port(given: Mapping[str, Any]) -> PortRule:
    protocol = given.get("protocol") or "TCP"
    if protocol not in PROTOCOLS:
        raise ValueError(protocol)
    port = given.get("port")
    if port is None:
        return PortRule(protocol, ALL_PORTS)
    if isinstance(port, str):
        return PortRule(protocol, name=port)
    return PortRule(protocol, Intervals.of([(port, given.get("endPort") or port)]))


def _selector(given: Mapping[str, Any] | None) -> Selector:
    found = given or {}
    expressions: Iterable[Mapping[str, Any]] = found.get("matchExpressions") or ()
    return Selector(
        tuple(sorted((found.get("matchLabels") or {}).items())),
        tuple(
            (each["key"], _operator(each["operator"]), tuple(each.get("values") or ()))
            for each in expressions
        ),
    )


def _operator(text: str) -> str:
    if text not in {"In", "NotIn", "Exists", "DoesNotExist"}:
        raise ValueError(text)
    return text

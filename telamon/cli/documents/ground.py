"""What ``-o json`` prints: where the ground of a stack stands, and what is otherwise than the file says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GroundLayer:
    """Where one layer of the ground stands.

    Attributes:
        layer: its name.
        place: how far it has come, in words.
        plan: id of its plan, or "".
        detail: what it lacks or waits for, or "".
    """

    layer: str
    place: str
    plan: str
    detail: str


@dataclass(frozen=True)
class GroundStatus:
    """Answer of ``infra status``, and of ``up`` on AWS.

    Attributes:
        stack: name of the stack.
        folder: of the layers.
        layers: each, in the order in which they are applied.
        cluster: where the cluster's API answers, or "" as long as not everything stands.
        next: what would help it on.
    """

    stack: str
    folder: str
    layers: tuple[GroundLayer, ...]
    cluster: str
    next: str


@dataclass(frozen=True)
class DriftedThing:
    """One difference.

    Attributes:
        layer: in which state.
        address: as Terraform names it; of a rule that was added, the address of its group. In a cluster namespace,
            kind and name.
        what: changed, gone, added, or not applied yet.
        severity: low, medium or high.
        told: what is otherwise.
        risk: what may come of it.
        rule: id of the rule that was added, or "".
    """

    layer: str
    address: str
    what: str
    severity: str
    told: str
    risk: str
    rule: str


@dataclass(frozen=True)
class Drifted:
    """Answer of ``drift``.

    Attributes:
        stack: name of the stack.
        severity: of the gravest difference: none, low, medium or high.
        looked: layers that were compared.
        left: layers that were not: nothing was applied from here, or they were not named.
        denied: what may not be looked at in the cluster: which verb on what.
        differences: the gravest first.
    """

    stack: str
    severity: str
    looked: tuple[str, ...]
    left: tuple[str, ...]
    denied: tuple[str, ...]
    differences: tuple[DriftedThing, ...]

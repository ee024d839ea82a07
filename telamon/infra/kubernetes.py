"""Upgrades of Kubernetes: one minor version at a time, the control plane first, the machines in a plan of their own.

Two plans instead of one, because they fail in different ways: a control plane cannot go back to the version before,
and machines take the products' nodes with them, one machine after another.

Sources: AWS documentation of Amazon EKS, "Update existing cluster to new Kubernetes version" (one minor at a time, no
way back) and "Kubernetes versions" (standard support); Kubernetes documentation, "Version Skew Policy" (a kubelet may
be three minor versions older than the API server, and never newer).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from telamon.desired.kubernetes.removals import REMOVALS
from telamon.model.kubernetes import minor_of, offered

SKEW: Final = 3
"""Minor versions that machines may be behind the control plane."""


@dataclass(frozen=True)
class Versions:
    """Minor versions before and after a plan; ``None`` where there is nothing, or nobody says.

    Attributes:
        address: of the cluster or the machines.
        before: what runs.
        after: what would.
    """

    address: str
    before: int | None
    after: int | None

    @property
    def changes(self) -> bool:
        """Whether something that runs gets another version."""
        return None not in {self.before, self.after} and self.before != self.after


def refusals(plan: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What speaks against an upgrade in a plan.

    Args:
        plan: what ``terraform show -json`` prints.

    Yields:
        Name of a policy, address, and reason.
    """
    clusters, machines = (
        tuple(_versions(plan, "aws_eks_cluster")),
        tuple(_versions(plan, "aws_eks_node_group")),
    )
    for cluster in clusters:
        yield from _one_at_a_time(cluster)
        for group in machines:
            if cluster.changes and group.changes:
                told = (
                    f"machines go to 1.{group.after} in the plan after that of the control plane: write "
                    f'spec.platform.machinesKubernetes: "1.{group.before}" until that is applied'
                )
                yield "kubernetes-apart", group.address, told
            yield from _skew(cluster, group)


def notes(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """What people should know of an upgrade in a plan; empty where there is none.

    Args:
        plan: what ``terraform show -json`` prints.
    """
    found: list[str] = []
    for cluster in _versions(plan, "aws_eks_cluster"):
        if not cluster.changes or cluster.before is None or cluster.after is None:
            continue
        known = offered(cluster.after)
        until = f"supported until {known.standard}" if known else "of which nothing is known here"
        found.append(
            f"the control plane goes from 1.{cluster.before} to 1.{cluster.after}, {until}; there is no way back. "
            f"Machines follow in a plan of their own"
        )
        gone = [str(each) for each in REMOVALS if cluster.before < each.minor <= cluster.after]
        found += gone
        if gone:
            found.append(f"`telamon apis FILE --to 1.{cluster.after}` finds who still writes them")
    return tuple(found)


def _versions(plan: Mapping[str, Any], kind: str) -> Iterator[Versions]:
    for item in plan.get("resource_changes", ()):
        if item["type"] == kind:
            before, after = (item["change"].get(side) or {} for side in ("before", "after"))
            yield Versions(item["address"], minor_of(before.get("version")), minor_of(after.get("version")))


def _one_at_a_time(cluster: Versions) -> Iterator[tuple[str, str, str]]:
    if not cluster.changes or cluster.before is None or cluster.after is None:
        return
    if cluster.after < cluster.before:
        told = f"a control plane does not go back from 1.{cluster.before} to 1.{cluster.after}"
        yield "kubernetes-one-minor", cluster.address, told
    elif cluster.after > cluster.before + 1:
        told = f"from 1.{cluster.before} the way to 1.{cluster.after} leads over 1.{cluster.before + 1}"
        yield "kubernetes-one-minor", cluster.address, told


def _skew(cluster: Versions, group: Versions) -> Iterator[tuple[str, str, str]]:
    if cluster.after is None or group.after is None:
        return
    if group.after > cluster.after:
        told = f"machines of 1.{group.after} are newer than the control plane of 1.{cluster.after}"
        yield "kubernetes-skew", group.address, told
    elif cluster.after - group.after > SKEW:
        told = f"machines of 1.{group.after} are more than {SKEW} minor versions older than 1.{cluster.after}"
        yield "kubernetes-skew", group.address, told

"""What ``-o json`` prints of a plan for a cluster."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClosedEgress:
    """A preset of ``security.egress`` that is not open.

    Attributes:
        preset: its name.
        ports: that it would open; none where they depend on the front door.
        without: what does not work while it is closed.
    """

    preset: str
    ports: tuple[int, ...]
    without: str


@dataclass(frozen=True)
class ObjectForeseen:
    """An object in the cluster of which something becomes.

    Attributes:
        component: whose it is; "" for what belongs to none.
        address: namespace, kind and name.
        becomes: created, changed, removed or refused.
        told: what changes, a field each, or why it is refused.
    """

    component: str
    address: str
    becomes: str
    told: tuple[str, ...]


@dataclass(frozen=True)
class RestartForeseen:
    """Members that would be restarted.

    Attributes:
        component: whose.
        members: in the order in which they would be.
    """

    component: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class ClusterPlan:
    """What a stack file would do in a cluster.

    Attributes:
        seen: whether a cluster was looked at; else the steps are those of a first installation.
        standing: whether the stack is there already.
        objects: those of which something becomes.
        restarts: members that would be restarted, by component.
        refused: why it would be refused, with what to do.
        needs: versions of APIs that the cluster does not serve.
        secrets: that somebody has to bring, as namespace and name.
        going_on: operations that have not ended.
    """

    seen: bool
    standing: bool = False
    objects: tuple[ObjectForeseen, ...] = ()
    restarts: tuple[RestartForeseen, ...] = ()
    refused: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    going_on: tuple[str, ...] = ()

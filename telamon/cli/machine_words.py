"""What ``telamon machines`` answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MachineShown:
    """A machine of a cluster.

    Attributes:
        name: its name.
        version: of its kubelet.
        group: node group that it was made for, or "".
        ready: whether its kubelet answers.
        closed: whether it takes no new pods.
        members: pods of stacks on it, as namespace/name.
        others: how many pods of others would have to leave it.
        objections: what speaks against emptying it now.
    """

    name: str
    version: str
    group: str
    ready: bool
    closed: bool
    members: tuple[str, ...]
    others: int
    objections: tuple[str, ...]


@dataclass(frozen=True)
class Machines:
    """Answer of ``machines list``.

    Attributes:
        control_plane: minor version of the API server, or "".
        machines: of the cluster.
    """

    control_plane: str
    machines: tuple[MachineShown, ...]


@dataclass(frozen=True)
class MachineChanged:
    """Answer of ``machines drain`` and ``machines uncordon``.

    Attributes:
        name: of the machine.
        closed: whether it takes no new pods now.
        evicted: pods that were asked to leave, as namespace/name, in order.
        stacks: that had members on it.
    """

    name: str
    closed: bool
    evicted: tuple[str, ...]
    stacks: tuple[str, ...]

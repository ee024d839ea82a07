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


@dataclass(frozen=True)
class MachineRolled:
    """A machine that is replaced.

    Attributes:
        name: its name.
        group: node group that it was made for, or "".
        state: "waits", "emptied", or "gone" once nobody knows it any more.
        members: pods of stacks on it, as namespace/name.
        others: how many pods of others would have to leave it.
        objections: what speaks against emptying it now.
    """

    name: str
    group: str
    state: str
    members: tuple[str, ...]
    others: int
    objections: tuple[str, ...]


@dataclass(frozen=True)
class MachinesRolled:
    """Answer of ``machines roll``.

    Attributes:
        asked: which machines are replaced, in words.
        done: whether every machine was emptied, and as many others stand for them.
        machines: in the order in which they are emptied.
        awaits: what is waited for after each of them.
        replacements: machines that stand for those.
    """

    asked: str
    done: bool
    machines: tuple[MachineRolled, ...]
    awaits: str
    replacements: tuple[str, ...]


@dataclass(frozen=True)
class RollForgotten:
    """Answer of ``machines roll --forget``.

    Attributes:
        asked: which machines were to be replaced, in words; "" where no roll was in progress.
    """

    asked: str

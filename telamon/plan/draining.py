"""Emptying a machine of a cluster: what comes next, and what speaks against it.

Everything is read from the cluster before each move, so that whoever goes on after an interruption decides the same:
which machine takes no new pods, which stacks had members on it (an annotation on the machine), which pods are left. One
pod goes at a time, and the next one only once every stack concerned is whole again: a disruption budget knows whether
pods are ready, the operator knows whether the products are well.

Sources: Kubernetes, "Safely Drain a Node" (cordon, then evict), "API-initiated Eviction", "Pod Lifecycle" (a pod that
nothing owns is not made again), "Static Pods" (mirror pods), "Version Skew Policy" (a kubelet may be three minor
versions older than the API server, and never newer).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SKEW: Final = 3
"""Minor versions that a kubelet may be behind the API server."""


@dataclass(frozen=True)
class Machine:
    """A node of the cluster.

    Attributes:
        name: its name.
        version: of its kubelet, as it tells it.
        minor: minor version of that; ``None`` where it tells none.
        group: the node group it was made for, or "".
        ready: whether its kubelet answers.
        closed: whether it takes no new pods.
        emptied_for: stacks that had members on it when its draining began; ``None`` where it has not begun.
        uid: what tells it from another of that name.
        maker: label by which whoever made it names its group, or "".
        instance: what its cloud calls it, or "".
    """

    name: str
    version: str
    minor: int | None
    group: str
    ready: bool
    closed: bool
    emptied_for: frozenset[str] | None = None
    uid: str = ""
    maker: str = ""
    instance: str = ""


@dataclass(frozen=True)
class Placed:
    """A pod on a machine.

    Attributes:
        namespace: where it is.
        name: its name.
        uid: what tells it from another of that name.
        machine: on which it is; "" while it is on none.
        owner: kind of what makes it again; "" where nothing does.
        stack: whose it is; "" for pods of others.
        component: of the stack, or "".
        mirror: whether the machine itself runs it, from a file of its own.
        ended: whether it ran to its end.
        ending: whether it is being deleted.
        ready: whether it is ready.
        waits: why no machine takes it, or "".
    """

    namespace: str
    name: str
    uid: str
    machine: str = ""
    owner: str = ""
    stack: str = ""
    component: str = ""
    mirror: bool = False
    ended: bool = False
    ending: bool = False
    ready: bool = False
    waits: str = ""

    @property
    def path(self) -> str:
        """Namespace and name."""
        return f"{self.namespace}/{self.name}"

    @property
    def moves(self) -> bool:
        """Whether it has to leave a machine that is emptied; a DaemonSet would make its pod on it again at once."""
        return not (self.mirror or self.ended or self.owner == "DaemonSet")


@dataclass(frozen=True)
class Crew:
    """The pods that a workload of a stack should have.

    Attributes:
        namespace: where it is.
        name: of the workload.
        stack: whose it is.
        component: of the stack.
        wanted: pods.
    """

    namespace: str
    name: str
    stack: str
    component: str
    wanted: int


@dataclass(frozen=True)
class Fleet:
    """Everything that a decision rests on.

    Attributes:
        machines: of the cluster.
        pods: on machines and on none.
        crews: workloads of stacks.
        unwell: why a stack is not as it should be, by its name, as the operator tells it; "" where it is.
        minor: minor version of the API server.
    """

    machines: tuple[Machine, ...]
    pods: tuple[Placed, ...]
    crews: tuple[Crew, ...]
    unwell: tuple[tuple[str, str], ...]
    minor: int | None = None

    def on(self, machine: str) -> tuple[Placed, ...]:
        """Pods that have to leave that machine: members of stacks first, in order, then those of others."""
        found = (pod for pod in self.pods if pod.machine == machine and pod.moves)
        return tuple(
            sorted(found, key=lambda pod: (not pod.stack, pod.stack, pod.component, pod.namespace, pod.name))
        )

    def stacks(self, machine: Machine) -> tuple[str, ...]:
        """Stacks that have members on a machine, or had when its draining began."""
        there = {pod.stack for pod in self.on(machine.name) if pod.stack}
        return tuple(sorted(there | (machine.emptied_for or frozenset())))


@dataclass(frozen=True)
class Close:
    """Let the machine take no new pods, and write down whose members are on it.

    Attributes:
        stacks: that have members on it.
    """

    stacks: tuple[str, ...]


@dataclass(frozen=True)
class Evict:
    """Ask the pod to leave, as its disruption budget allows.

    Attributes:
        pod: that goes next.
    """

    pod: Placed


@dataclass(frozen=True)
class Await:
    """Nothing may be done until this has passed.

    Attributes:
        words: what is waited for.
    """

    words: str


@dataclass(frozen=True)
class Refuse:
    """Nothing would come of waiting.

    Attributes:
        words: what speaks against it.
        guard: name of the check that says so.
        remedy: what a person can do.
    """

    words: str
    guard: str
    remedy: str


@dataclass(frozen=True)
class Emptied:
    """No pod is left that has to leave, and every stack concerned is whole."""


Move = Close | Evict | Await | Refuse | Emptied


def next_move(fleet: Fleet, machine: Machine) -> Move:
    """What emptying a machine takes next.

    Args:
        fleet: as it is now.
        machine: of it, as it is now.
    """
    if against := next(refusals(fleet, machine), None):
        return against
    stacks = fleet.stacks(machine)
    if machine.emptied_for is None and (faults := tuple(troubles(fleet, stacks))):
        # Nothing has begun, and nothing is to begin while something is amiss.
        return Await("; ".join(faults))
    if not machine.closed or machine.emptied_for is None or not set(stacks) <= machine.emptied_for:
        return Close(stacks)
    left = fleet.on(machine.name)
    if leaving := [pod for pod in left if pod.ending]:
        silent = "" if machine.ready else f", and {machine.name} does not answer"
        return Await(f"{leaving[0].path} is ending{silent}")
    if faults := tuple(troubles(fleet, stacks)):
        return Await("; ".join(faults))
    if working := [pod for pod in left if pod.stack and pod.owner == "Job"]:
        return Await(f"the job of {working[0].path} works on data, and is let finish")
    return Evict(left[0]) if left else Emptied()


def troubles(fleet: Fleet, stacks: tuple[str, ...]) -> Iterator[str]:
    """Why stacks cannot spare a pod now, a sentence each.

    The operator tells how a stack stands a moment after something has happened to it. What the API server knows of its
    pods is true at once, so both have to hold.

    Args:
        fleet: as it is now.
        stacks: whose members are concerned.
    """
    told = dict(fleet.unwell)
    for stack in stacks:
        for crew in fleet.crews:
            if crew.stack == stack:
                yield from _missing(fleet, crew)
        if stack not in told:
            yield f"nobody tells how the stack {stack} stands: it has pods here, and no Stack in the cluster"
        elif told[stack]:
            yield f"the stack {stack} is not as it should be: {told[stack]}"


def objections(fleet: Fleet, machine: Machine) -> tuple[str, ...]:
    """Everything that speaks against emptying a machine now, whether it passes by itself or not.

    Args:
        fleet: as it is now.
        machine: of it.
    """
    lone = (
        f"{crew.stack}/{crew.component} has one pod alone: its users wait while it moves"
        for crew in fleet.crews
        if crew.wanted == 1 and any(_of(pod, crew) for pod in fleet.on(machine.name))
    )
    refused = (each.words for each in refusals(fleet, machine))
    return (*refused, *troubles(fleet, fleet.stacks(machine)), *lone, *_skewed(fleet, machine))


def refusals(fleet: Fleet, machine: Machine) -> Iterator[Refuse]:
    """What speaks against emptying a machine, and does not pass by itself.

    Args:
        fleet: as it is now.
        machine: of it.
    """
    left = fleet.on(machine.name)
    bare = [pod.path for pod in left if not pod.owner and not pod.ending]
    if bare:
        yield Refuse(
            f"nothing would make {', '.join(bare)} again",
            "pods-are-made-again",
            "Delete them if nobody needs them, or have a Deployment or a StatefulSet make them.",
        )
    others = [each for each in fleet.machines if each.ready and not each.closed and each.name != machine.name]
    if left and not others:
        yield Refuse(
            f"no other machine takes the pods of {machine.name}",
            "another-machine-takes-pods",
            "Add a machine first, or let one take pods again: `telamon machines uncordon`.",
        )


def _missing(fleet: Fleet, crew: Crew) -> Iterator[str]:
    pods = [pod for pod in fleet.pods if _of(pod, crew) and not pod.ended]
    whole = [pod for pod in pods if pod.ready and not pod.ending]
    if len(whole) >= crew.wanted:
        return
    stuck = next((f": {pod.name} is on no machine: {pod.waits}" for pod in pods if pod.waits), "")
    yield f"{crew.namespace}/{crew.name} has {len(whole)} of {crew.wanted} pods ready{stuck}"


def _of(pod: Placed, crew: Crew) -> bool:
    is_its = (pod.namespace, pod.stack, pod.component) == (crew.namespace, crew.stack, crew.component)
    return is_its and pod.owner == "StatefulSet" and pod.name.rpartition("-")[0] == crew.name


def _skewed(fleet: Fleet, machine: Machine) -> Iterator[str]:
    if fleet.minor is None or machine.minor is None:
        return
    if machine.minor > fleet.minor:
        yield f"its kubelet of 1.{machine.minor} is newer than the control plane of 1.{fleet.minor}"
    elif fleet.minor - machine.minor > SKEW:
        yield f"its kubelet of 1.{machine.minor} is more than {SKEW} minor versions older than 1.{fleet.minor}"

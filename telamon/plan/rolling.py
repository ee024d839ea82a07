"""Machines of a cluster replaced one after another: which, in which order, and when the next one may be emptied.

A machine is emptied by the moves of :mod:`telamon.plan.draining`. The next one follows once another machine stands for
it and every stack concerned is whole. What was decided at the beginning (which machines, in which order, who was there
already) and which of them were emptied is a :class:`Roll`, which is kept in the cluster; everything else is looked at
anew, so that whoever goes on after an interruption decides the same.

Who makes machines is not Telamon. One that counts as a replacement came after the beginning, belongs to the same group,
and has the wanted version of kubelet; or it belongs to a group that somebody made beside, and named.

Sources: Kubernetes, "Version Skew Policy" (machines follow the control plane, and are emptied before their kubelet
changes its minor version); Amazon EKS, "Migrate applications to a new node group"; AWS CLI reference,
``terminate-instance-in-auto-scaling-group`` (another instance is started); Karpenter, "Disruption" (a node that is
deleted is terminated behind its finalizer).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from telamon.plan.draining import Await, Emptied, Fleet, Machine, Refuse, refusals, troubles

TAKEN_AWAY: Final[Mapping[str, str]] = {
    "eks.amazonaws.com/nodegroup": (
        "AWS leaves {name} running: `aws autoscaling terminate-instance-in-auto-scaling-group --instance-id "
        "{instance} --no-should-decrement-desired-capacity` has its group start another one"
    ),
    "karpenter.sh/nodepool": "Karpenter starts one when pods need it; `kubectl delete node {name}` ends this one",
}
"""What makes room for another machine, by the label with which whoever made the machine names its group."""


@dataclass(frozen=True)
class Chosen:
    """A machine that is to be replaced.

    Attributes:
        name: its name.
        uid: what tells it from another of that name.
        group: the node group it was made for, or "".
    """

    name: str
    uid: str
    group: str


@dataclass(frozen=True)
class Roll:
    """What was decided at the beginning, and how far it has come.

    Attributes:
        asked: for what, in words that two who ask for the same thing share.
        machines: to be replaced, in this order.
        standing: uids of the machines that were there at the beginning.
        stacks: that have members on any of them.
        minor: minor version that the kubelet of a replacement has at least; ``None`` for any.
        into: group whose machines take their place, whenever they came; "" for each one's own group.
        emptied: uids of those that were emptied.
    """

    asked: str
    machines: tuple[Chosen, ...]
    standing: frozenset[str]
    stacks: tuple[str, ...]
    minor: int | None = None
    into: str = ""
    emptied: frozenset[str] = frozenset()

    def with_emptied(self, uid: str) -> Roll:
        """The same, one machine further.

        Args:
            uid: of the machine.
        """
        return replace(self, emptied=self.emptied | {uid})


@dataclass(frozen=True)
class Turn:
    """This machine is emptied next.

    Attributes:
        machine: as it is now.
    """

    machine: Machine


Next = Turn | Await | Emptied


def in_order(fleet: Fleet, machines: Iterable[Machine]) -> tuple[Machine, ...]:
    """The order in which machines are emptied: whatever may go wrong shows first where the fewest members are.

    Args:
        fleet: as it is now.
        machines: that are to be replaced.
    """

    def weight(machine: Machine) -> tuple[int, int, str]:
        pods = fleet.on(machine.name)
        return sum(bool(pod.stack) for pod in pods), len(pods), machine.name

    return tuple(sorted(machines, key=weight))


def begun(fleet: Fleet, machines: Iterable[Machine], *, asked: str, minor: int | None, into: str) -> Roll:
    """A roll of which nothing has happened yet.

    Args:
        fleet: as it is now.
        machines: that are to be replaced.
        asked: for what, in words.
        minor: minor version that the kubelet of a replacement has at least; ``None`` for any.
        into: group that takes their place; "" for each one's own.
    """
    chosen = in_order(fleet, machines)
    return Roll(
        asked=asked,
        machines=tuple(Chosen(each.name, each.uid, each.group) for each in chosen),
        standing=frozenset(each.uid for each in fleet.machines),
        stacks=tuple(sorted({stack for each in chosen for stack in fleet.stacks(each)})),
        minor=minor,
        into=into,
    )


def objections(fleet: Fleet, roll: Roll) -> tuple[Refuse, ...]:
    """What speaks against beginning a roll, and does not pass by itself.

    Args:
        fleet: as it is now.
        roll: that is to begin.
    """
    return tuple(_objections(fleet, roll))


def next_turn(fleet: Fleet, roll: Roll) -> Next:
    """What a roll takes next.

    Args:
        fleet: as it is now.
        roll: as it was kept.
    """
    lacking = tuple(_lacking(fleet, roll))
    if lacking:
        return Await("; ".join(lacking))
    left = next((found for each in roll.machines if (found := _left(fleet, roll, each))), None)
    if left is not None:
        return Turn(left)
    amiss = tuple(troubles(fleet, roll.stacks))
    return Await("; ".join(amiss)) if amiss else Emptied()


def replacements(fleet: Fleet, roll: Roll) -> tuple[Machine, ...]:
    """Machines that take pods in the place of those that are replaced.

    Args:
        fleet: as it is now.
        roll: as it was kept.
    """
    ours = {each.uid for each in roll.machines}
    groups = {roll.into} if roll.into else {each.group for each in roll.machines}
    return tuple(
        each
        for each in fleet.machines
        if each.ready
        and not each.closed
        and each.uid not in ours
        and each.group in groups
        and (roll.into or each.uid not in roll.standing)
        and _is_new_enough(each, roll.minor)
    )


def awaited(roll: Roll) -> str:
    """What has to be there before the next machine is emptied, in words.

    Args:
        roll: as it was kept.
    """
    version = "" if roll.minor is None else f" with a kubelet of 1.{roll.minor} or newer"
    if roll.into:
        return f"a machine of the group {roll.into}{version} stands for it, and its stacks are well again"
    return f"a new machine of its group{version} is ready, and its stacks are well again"


def _objections(fleet: Fleet, roll: Roll) -> Iterator[Refuse]:
    for each in roll.machines:
        if found := _found(fleet, each):
            yield from refusals(fleet, found)
    if roll.minor is not None and fleet.minor is not None and roll.minor > fleet.minor:
        yield Refuse(
            f"no machine can be of 1.{roll.minor}: the control plane is of 1.{fleet.minor}",
            "control-plane-first",
            "Upgrade the control plane first; machines follow it.",
        )
    if roll.into and not replacements(fleet, roll):
        wanted = "" if roll.minor is None else f" with a kubelet of 1.{roll.minor} or newer"
        yield Refuse(
            f"no machine of the group {roll.into} is ready and takes pods{wanted}",
            "replacements-stand",
            "Have its machines started first: `telamon machines list` shows them.",
        )


def _lacking(fleet: Fleet, roll: Roll) -> Iterator[str]:
    """A sentence for each group of which fewer machines have come than have gone."""
    fresh = replacements(fleet, roll)
    gone = [each for each in roll.machines if _is_gone(fleet, roll, each)]
    groups = [(roll.into, gone)] if roll.into else _by_group(gone)
    for group, lost in groups:
        come = sum(each.group == group for each in fresh)
        if come < len(lost):
            of = f" of the group {group}" if group else ""
            version = "" if roll.minor is None else f" with a kubelet of 1.{roll.minor} or newer"
            yield f"{come} of {len(lost)} new machines{of}{version} are ready{_how(fleet, lost)}"


def _by_group(machines: list[Chosen]) -> list[tuple[str, list[Chosen]]]:
    groups = sorted({each.group for each in machines})
    return [(group, [each for each in machines if each.group == group]) for group in groups]


def _is_gone(fleet: Fleet, roll: Roll, chosen: Chosen) -> bool:
    return chosen.uid in roll.emptied or _found(fleet, chosen) is None


def _left(fleet: Fleet, roll: Roll, chosen: Chosen) -> Machine | None:
    return None if chosen.uid in roll.emptied else _found(fleet, chosen)


def _found(fleet: Fleet, chosen: Chosen) -> Machine | None:
    return next((each for each in fleet.machines if each.uid == chosen.uid), None)


def _is_new_enough(machine: Machine, minor: int | None) -> bool:
    return minor is None or (machine.minor is not None and machine.minor >= minor)


def _how(fleet: Fleet, lost: list[Chosen]) -> str:
    """What somebody can do so that one comes, where whoever makes machines does not do so by itself."""
    there = next((found for each in reversed(lost) if (found := _found(fleet, each))), None)
    if there is None:
        return ""
    words = TAKEN_AWAY.get(
        there.maker, "{name} is empty: take it away, and let another one join in its place"
    )
    return f". {words.format(name=there.name, instance=there.instance)}"

"""What ``-o json`` prints: what a file and a record of requests come to when they are judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from telamon.cli.documents.foreseen import ClosedEgress, ClusterPlan
    from telamon.errors import Problem
    from telamon.stackfile.rehearsal import NotRehearsed


@dataclass(frozen=True)
class RoomChecked:
    """Whether every pod has a machine with room.

    Attributes:
        lost: group of which a machine is lost, with pods placed anew; "" for all machines.
        verdict: "fits", "cannot fit" (which is proven) or "no packing found" (which proves nothing).
        why: the proof that there is no room, or "".
        places: which pod could be where, as ``pod on machine``.
    """

    lost: str
    verdict: str
    why: str
    places: tuple[str, ...]


@dataclass(frozen=True)
class Validation:
    """Answer of ``validate`` for a file without problems.

    Attributes:
        file: its name.
        stack: name of the stack.
        valid: true; a file with problems ends in an error with all of them.
        warnings: what is allowed and doubtful.
        not_rehearsed: with ``--lab``, what a rehearsal does not show.
        room: where the file names machines, whether every pod has room: with all of them, and with one lost.
    """

    file: str
    stack: str
    valid: bool
    warnings: tuple[Problem, ...]
    not_rehearsed: tuple[NotRehearsed, ...]
    room: tuple[RoomChecked, ...]


@dataclass(frozen=True)
class PlanStep:
    """A step of a plan.

    Attributes:
        component: whose.
        member: the member it touches, or "".
        step: what would be done.
        because: why.
    """

    component: str
    member: str
    step: str
    because: str


@dataclass(frozen=True)
class PlanWait:
    """What would be left undone.

    Attributes:
        component: whose.
        reason: the guard or rule that holds it, as one word.
        message: the same for people.
    """

    component: str
    reason: str
    message: str


@dataclass(frozen=True)
class GroundForeseen:
    """What would become of one layer below the cluster, on AWS.

    Attributes:
        layer: its name.
        place: how far it has come, in words.
        changes: how much would change, in words; "" where nothing was looked at.
        down: what users may feel.
        notes: what becomes of machines, versions and the like, and what holds it.
        destructive: addresses of what would be destroyed or replaced.
        refused: policies that speak against it.
        cost: USD by which a month would cost more.
        stand_ins: inputs for which values stand in, because an earlier layer does not stand.
    """

    layer: str
    place: str
    changes: str = ""
    down: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    destructive: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    cost: float = 0.0
    stand_ins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Answer of ``plan``.

    Attributes:
        stack: name of the stack.
        steps: in the order in which they would be taken; components go side by side.
        waits: what would be left undone, and by which guard it is held.
        warnings: what is allowed and doubtful in the file.
        not_rehearsed: with ``--lab``, what a rehearsal does not show.
        ground: on AWS, what would become of each layer below the cluster.
        room: on a cluster, whether every pod has a machine with room; nothing where nobody says which there are.
        closed: on a cluster, what the stack's policies leave closed, and what does not work for that.
        cluster: of a stack whose platform is kubernetes, what would become of it there.
    """

    stack: str
    steps: tuple[PlanStep, ...]
    waits: tuple[PlanWait, ...]
    warnings: tuple[Problem, ...]
    not_rehearsed: tuple[NotRehearsed, ...]
    ground: tuple[GroundForeseen, ...] = ()
    room: tuple[RoomChecked, ...] = ()
    closed: tuple[ClosedEgress, ...] = ()
    cluster: ClusterPlan | None = None


@dataclass(frozen=True)
class Judged:
    """Answer of ``proof check``.

    Attributes:
        name: of the load run.
        void: why its figures prove nothing, or "".
        clean: whether nothing is wrong.
        operations: requests that say something about a thing.
        things: lists, pages, branches and the like that they are about.
        acknowledged: writes that were acknowledged.
        unknown: writes without an answer, which may have happened.
        read_back: acknowledged writes that a later request had the chance to show.
        faults: how often each fault was found, by name.
        anomalies: each with ``fault``, ``thing``, ``words`` and ``witness``, the operations that show it.
    """

    name: str
    void: str
    clean: bool
    operations: int
    things: int
    acknowledged: int
    unknown: int
    read_back: int
    faults: Mapping[str, int]
    anomalies: Sequence[Mapping[str, Any]]

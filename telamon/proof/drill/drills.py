"""What a drill is, and the pieces that most of them are made of."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from telamon.plan.fault import Fault
from telamon.proof.drill.deeds import Deed
from telamon.proof.drill.scene import Member, Scene
from telamon.proof.history.verdict import Fault as Anomaly

AT_ONCE: Final = 1.0
"""Seconds for which a fault that is over at once is on record."""


@dataclass(frozen=True)
class Strike:
    """One fault of a drill.

    Attributes:
        at: seconds after the first one.
        fault: what, or what is asked for.
        seconds: how long; of what is asked for, how long it may take at most.
    """

    at: float
    fault: Fault | Deed
    seconds: float


@dataclass(frozen=True)
class Limit:
    """A figure of a drill, and the most that it may be.

    Attributes:
        key: of the figure, see :mod:`telamon.proof.drill.judging`.
        most: the largest value that is all right.
    """

    key: str
    most: float


Plan = Callable[[Scene, str, random.Random], tuple[Strike, ...]]


@dataclass(frozen=True)
class Drill:
    """Something that is tried.

    Attributes:
        name: on the command line.
        title: for people.
        hypothesis: the steady state: what is expected to hold although this happens.
        scope: "product": users of one product, which is hurt; "stack": users of all of them.
        plan: whom it hits, and when; it raises NotReadyError where there is nobody to hit.
        limits: what must hold besides what always must.
        heals_within: seconds after the end of the last fault in which everything must be ready again.
        goes_back: whether data go back to what they were at its first blow: what was written until its last one is over
            may be there or not, and what was read meanwhile is not held against anything.
        tolerates: anomalies that are nothing but the fault itself, as users see it; they are told and not judged.
    """

    name: str
    title: str
    hypothesis: str
    scope: Literal["product", "stack"]
    plan: Plan
    limits: tuple[Limit, ...] = ()
    heals_within: float = 60.0
    goes_back: bool = False
    tolerates: frozenset[Anomaly] = frozenset()


READS_GO_ON: Final = Limit("failed_reads", 0)
WRITES_GO_ON: Final = Limit("failed_writes", 0)
OPERATION_WITHIN: Final = 200.0
"""Seconds that an operation of a drill may take at most; then it is cancelled."""


def victim(scene: Scene, component: str, *, dice: random.Random) -> Member:
    """Somebody of a component, by chance. Raises NotReadyError where nobody of it serves."""
    return dice.choice(scene.of(component))


def at_once(fault: Fault) -> tuple[Strike, ...]:
    """One fault that is over as soon as it is made."""
    return (Strike(0.0, fault, AT_ONCE),)


def lasting(seconds: float, fault: Fault | Deed) -> tuple[Strike, ...]:
    """One fault that lasts, or something that may take so long at most."""
    return (Strike(0.0, fault, seconds),)

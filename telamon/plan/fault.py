"""What can be done to a stack on purpose, as data.

A fault hurts a member, a link between two members, a home, a clock, or the controller. It is made and ended by the
port :class:`telamon.ports.Faults`; which of them at what moment is for a drill to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final

from telamon.errors import UsageError

LONGEST: Final = 900.0
"""Seconds for which a fault may last at most. Every one is bounded, so that nothing a drill leaves behind stays."""


@dataclass(frozen=True)
class Kill:
    """The member's process is killed (SIGKILL). It is over at once: healing is the engine's."""

    member: str


@dataclass(frozen=True)
class Hang:
    """The member's process and everything it started stand still (SIGSTOP), alive and silent."""

    member: str


@dataclass(frozen=True)
class Throttle:
    """The member gets only a share of the processor time that it asks for.

    Attributes:
        member: whom.
        share: what it keeps, above 0 and below 1.
    """

    member: str
    share: float


@dataclass(frozen=True)
class CrashLoop:
    """The member's process is killed each time it has been started."""

    member: str


@dataclass(frozen=True)
class ClockJump:
    """The member's clock is off; the monotonic clock goes on as before, as after a step of the system's time.

    Attributes:
        member: whom.
        offset: seconds by which its clock is ahead (negative: behind).
    """

    member: str
    offset: float


@dataclass(frozen=True)
class CorruptIndex:
    """Files of the member's search index are overwritten on the disk, as after a torn write.

    Attributes:
        member: whom.
        folder: of the index, below the member's own home; "" where it keeps none.
    """

    member: str
    folder: str


@dataclass(frozen=True)
class FullDisk:
    """The file system that holds the member's home has no byte left."""

    member: str


@dataclass(frozen=True)
class SlowDisk:
    """The file system that holds the member's home takes writes only for a share of the time; reads go on.

    Attributes:
        member: whom.
        share: of the time, above 0 and below 1.
    """

    member: str
    share: float


@dataclass(frozen=True)
class LostSharedHome:
    """Every path into the product's shared home fails, on all nodes."""

    product: str


@dataclass(frozen=True)
class CutLink:
    """Connections from one member to another are reset, open ones and new ones.

    Attributes:
        source: who connects; ``*`` stands for any run of letters, as in file names.
        target: who listens; likewise.
    """

    source: str
    target: str


@dataclass(frozen=True)
class BlackHoleLink:
    """Nothing passes from one member to another, in either direction, and nobody is told."""

    source: str
    target: str


@dataclass(frozen=True)
class DelayLink:
    """Everything that passes between two members takes longer.

    Attributes:
        source: who connects.
        target: who listens.
        delay: seconds more in each direction.
    """

    source: str
    target: str
    delay: float


@dataclass(frozen=True)
class KillController:
    """The controller is killed (SIGKILL). Whoever does so starts the next one, as a supervisor would."""


Fault = (
    Kill
    | Hang
    | Throttle
    | CrashLoop
    | ClockJump
    | CorruptIndex
    | FullDisk
    | SlowDisk
    | LostSharedHome
    | CutLink
    | BlackHoleLink
    | DelayLink
    | KillController
)
LinkFault = CutLink | BlackHoleLink | DelayLink

NAMES: Final[Mapping[str, type[Fault]]] = MappingProxyType(
    {
        "kill": Kill,
        "hang": Hang,
        "throttle": Throttle,
        "crash-loop": CrashLoop,
        "clock-jump": ClockJump,
        "corrupt-index": CorruptIndex,
        "full-disk": FullDisk,
        "slow-disk": SlowDisk,
        "lost-shared-home": LostSharedHome,
        "cut-link": CutLink,
        "black-hole-link": BlackHoleLink,
        "delay-link": DelayLink,
        "kill-controller": KillController,
    }
)
"""Faults by the names that records and reports use."""

WORDS: Final[Mapping[type[Fault], str]] = MappingProxyType(
    {
        Kill: "kill {0.member}",
        Hang: "stop {0.member} dead (SIGSTOP)",
        Throttle: "leave {0.member} {0.share:.0%} of its processor time",
        CrashLoop: "kill {0.member} whenever it starts",
        ClockJump: "set the clock of {0.member} {0.offset:+g} s off",
        CorruptIndex: "overwrite files of the search index of {0.member}",
        FullDisk: "fill the file system of the home of {0.member}",
        SlowDisk: "let the home of {0.member} take writes for {0.share:.0%} of the time",
        LostSharedHome: "take the shared home of {0.product} away",
        CutLink: "cut {0.source} off from {0.target}",
        BlackHoleLink: "swallow everything between {0.source} and {0.target}",
        DelayLink: "delay everything between {0.source} and {0.target} by {0.delay:g} s each way",
        KillController: "kill the controller",
    }
)


@dataclass(frozen=True)
class Disturbance:
    """A fault that was made.

    Attributes:
        name: by which it is ended.
        fault: what.
        began: instant at which it was asked for, seconds of the platform's clock.
        until: instant at which it ends by itself.
    """

    name: str
    fault: Fault
    began: float
    until: float


def describe(fault: Fault) -> str:
    """The fault in plain words."""
    return WORDS[type(fault)].format(fault)


def as_data(fault: Fault) -> Mapping[str, Any]:
    """The fault as JSON data."""
    (name,) = (name for name, kind in NAMES.items() if kind is type(fault))
    return {"kind": name, **asdict(fault)}


def from_data(data: Mapping[str, Any]) -> Fault:
    """The fault that :func:`as_data` wrote.

    Raises:
        UsageError: it is none.
    """
    given = dict(data)
    kind = NAMES.get(str(given.pop("kind", "")))
    if kind is None or set(given) != {field.name for field in fields(kind)}:
        raise UsageError(f"{dict(data)} is no fault")
    return kind(**given)


def touches(fault: LinkFault, *, source: str, target: str) -> bool:
    """Whether a fault of links is about this one.

    Args:
        fault: with patterns for both ends.
        source: member that connects.
        target: member that listens.
    """
    return fnmatchcase(source, fault.source) and fnmatchcase(target, fault.target)

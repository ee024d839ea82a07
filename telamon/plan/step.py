"""What the planner can ask for: each step is data, safe to perform twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from telamon.plan.database_step import (
    Bootstrap,
    DatabaseStep,
    Establish,
    Fence,
    Follow,
    Promote,
    Synchronise,
    describe_database,
)
from telamon.plan.work import Work


@dataclass(frozen=True)
class ApplyObjects:
    """Bring the component's files or manifests to what is desired."""

    component: str
    because: str


@dataclass(frozen=True)
class MakeDatabase:
    """Make the component's role and database, if they are not there."""

    component: str
    because: str


@dataclass(frozen=True)
class StartMember:
    """Start a member with its desired revision. ``failure``: it had ended by itself, so this counts against it."""

    component: str
    member: str
    because: str
    failure: bool = False


@dataclass(frozen=True)
class StopMember:
    """Stop a member, with the grace of its policy or (``kill``) at once. ``failure``: it is stopped for being sick."""

    component: str
    member: str
    because: str
    kill: bool = False
    failure: bool = False


@dataclass(frozen=True)
class RemoveMember:
    """Forget a stopped member that is no longer desired: rotation, records; its data stays."""

    component: str
    member: str
    because: str


@dataclass(frozen=True)
class Admit:
    """Let the front door send a member traffic."""

    component: str
    member: str
    because: str


@dataclass(frozen=True)
class Drain:
    """Take a member out of rotation. Requests under way go on; new ones go elsewhere."""

    component: str
    member: str
    because: str


@dataclass(frozen=True)
class Call:
    """Start a product flow against a member as a job: ``set-up``, ``service-account``, ``prepare-join``.

    ``since`` is the instant at which somebody said ``retry``: doubts and refusals noted before it no longer count.
    """

    component: str
    member: str
    call: str
    because: str
    argument: str = ""
    since: float = 0.0

    @property
    def job(self) -> str:
        """The job's name: one of a kind at a time."""
        return f"{self.call}/{self.argument}" if self.argument else self.call


@dataclass(frozen=True)
class Record:
    """Remember a fact that cannot be seen later."""

    component: str
    fact: str
    because: str


@dataclass(frozen=True)
class Forget:
    """Take back a fact that was recorded."""

    component: str
    fact: str
    because: str


@dataclass(frozen=True)
class Begin:
    """Begin a long piece of work as a job that outlives the controller.

    Attributes:
        component: in whose name.
        job: the job's name; one of a name at a time, and it is found again by it.
        work: what to do.
        because: why.
    """

    component: str
    job: str
    work: Work
    because: str


@dataclass(frozen=True)
class BreakOff:
    """End a piece of long work early: whoever asked for it does not want it any more.

    What it has half done is cleared away by its planner, or by the next work of its kind.
    """

    component: str
    job: str
    because: str


@dataclass(frozen=True)
class Hold:
    """Answer every user of the component with the maintenance page, until :class:`LetGo`."""

    component: str
    because: str


@dataclass(frozen=True)
class LetGo:
    """Take the maintenance page away."""

    component: str
    because: str


Step = (
    ApplyObjects
    | MakeDatabase
    | StartMember
    | StopMember
    | RemoveMember
    | Admit
    | Drain
    | Call
    | Record
    | Forget
    | Begin
    | BreakOff
    | Hold
    | LetGo
    | DatabaseStep
)


@dataclass(frozen=True)
class Wait:
    """Nothing to do now; look again.

    Attributes:
        reason: one CamelCase word for a status condition.
        message: for people.
        seconds: when to look again at the latest.
        url: where a person would go on, or "".
    """

    reason: str
    message: str
    seconds: float = 1.0
    url: str = ""


@dataclass(frozen=True)
class Done:
    """What is seen is what is desired."""


Ending = Literal["Succeeded", "Failed", "Cancelled"]


@dataclass(frozen=True)
class Finished:
    """The operation in progress has come to its end.

    Attributes:
        ending: how.
        message: for people.
    """

    ending: Ending
    message: str


@dataclass(frozen=True)
class Refusal:
    """A guard that said no. ``guard`` is the function's name as users read it; ``remedy`` says what would help."""

    guard: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Held:
    """A step that guards refuse: it stays undone until the world or the spec changes."""

    step: Step
    refusals: tuple[Refusal, ...]


Decision = Step | Wait | Done | Finished


def member_of(step: Step) -> str | None:
    """The member a step touches, if it touches one."""
    return getattr(step, "member", None)


VERBS: Mapping[type[Step], str] = MappingProxyType(
    {
        ApplyObjects: "apply the configuration of {0.component}",
        MakeDatabase: "make the database and role of {0.component}",
        StartMember: "start {0.member}",
        StopMember: "stop {0.member}",
        RemoveMember: "forget {0.member}",
        Admit: "admit {0.member} to the front door",
        Drain: "drain {0.member}",
        Call: "{0.job} on {0.member}",
        Record: "record {0.fact}",
        Forget: "forget that {0.fact}",
        Begin: "begin {0.job}",
        BreakOff: "break {0.job} off",
        Hold: "show the maintenance page of {0.component}",
        LetGo: "take the maintenance page of {0.component} away",
    }
)


def describe(step: Step) -> str:
    """The step in plain words, for previews, progress and the journal."""
    if isinstance(step, Establish | Bootstrap | Fence | Promote | Follow | Synchronise):
        return describe_database(step)
    return VERBS[type(step)].format(step)

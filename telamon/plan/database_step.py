"""What the planner can ask of a database: each step is data, safe to perform twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Establish:
    """Make an empty database server on a member: the first primary of a stack that never had one."""

    component: str
    member: str
    because: str


@dataclass(frozen=True)
class Bootstrap:
    """Make the roles of a cluster that Telamon itself logs in as. It is all that the superuser is used for."""

    component: str
    member: str
    because: str


@dataclass(frozen=True)
class Fence:
    """End a server for certain, with everything it has started, so that it can take no write any more.

    Synchronous: when it has been performed, nothing of the server runs. ``failure``: the server was sick.
    """

    component: str
    member: str
    because: str
    failure: bool = False


@dataclass(frozen=True)
class Promote:
    """Let a standby end its recovery and take writes."""

    component: str
    member: str
    because: str


@dataclass(frozen=True)
class Follow:
    """Make a server that does not run a standby of the primary, with a fresh copy of its data. A long job."""

    component: str
    member: str
    primary: str
    because: str

    @property
    def job(self) -> str:
        """The job's name: one at a time for each member."""
        return f"follow/{self.member}"


@dataclass(frozen=True)
class Synchronise:
    """Let every commit on the primary wait for a standby from now on, or for none (``standby`` is "").

    With a standby it is a job, and the database's own data attests that standby, under the term given, once no commit
    can go without it any more.
    """

    component: str
    member: str
    standby: str
    term: int
    because: str

    @property
    def job(self) -> str:
        """The job's name, where there is a standby to wait for."""
        return f"synchronise/{self.standby}"


DatabaseStep = Establish | Bootstrap | Fence | Promote | Follow | Synchronise

DATABASE_VERBS: Mapping[type[DatabaseStep], str] = MappingProxyType(
    {
        Establish: "make an empty database on {0.member}",
        Bootstrap: "make Telamon's own roles on {0.member}",
        Fence: "end {0.member} for certain",
        Promote: "let {0.member} take writes",
        Follow: "make {0.member} a standby of {0.primary}",
    }
)


def describe_database(step: DatabaseStep) -> str:
    """The step in plain words."""
    if isinstance(step, Synchronise):
        if step.standby:
            return f"let commits on {step.member} wait for {step.standby}"
        return f"let commits on {step.member} wait for no standby"
    return DATABASE_VERBS[type(step)].format(step)

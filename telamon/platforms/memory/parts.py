"""What a simulated platform is made of: how members behave, what can happen to them, and what they really are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from telamon.plan.step import Call
from telamon.plan.work import Work
from telamon.plan.works.backup import DiscardOutgoing, KeepOutgoing, SwitchBack, SwitchData, TakeBackup
from telamon.plan.works.clone import SeedClone
from telamon.platforms.memory.servers import Servers
from telamon.state.world import ComponentKind, Copies, JobState, Life


class Fault(StrEnum):
    """What can happen to a member."""

    CRASH = "crash"
    HANG = "hang"
    ERROR = "error"
    LOSE_DATABASE = "lose-database"
    BREAK_INDEX = "break-index"
    LEAVE_CLUSTER = "leave-cluster"


@dataclass(frozen=True)
class Behaviour:
    """How members of a component behave, in seconds.

    Attributes:
        start: from start to RUNNING (or FIRST_RUN).
        stop: from the request to the end.
        join: from RUNNING to being counted in.
        catch_up: from RUNNING to an index that lacks nothing.
        pulse: for how long the registry counts a node as alive that has gone.
        call: length of a job.
        clustered: whether there is a registry.
        indexed: whether each member keeps an index.
        set_up: whether a fresh product shows set-up pages.
        dead_releases: releases whose nodes end right after their start.
        sick_releases: releases whose nodes run, and answer users with errors.
        stuck_tasks: how often the final tasks of an upgrade fail.
        failing_works: kinds of works that fail.
        wrong_calls: calls that come to a bad end, by the product's own word.
        refuses_restored: whether nodes end right after their start while restored data are in force.
        dead_logins: roles with which nodes end right after their start.
    """

    start: float = 5.0
    stop: float = 3.0
    join: float = 1.0
    catch_up: float = 1.0
    pulse: float = 10.0
    call: float = 2.0
    clustered: bool = True
    indexed: bool = True
    set_up: bool = True
    dead_releases: frozenset[str] = frozenset()
    sick_releases: frozenset[str] = frozenset()
    stuck_tasks: int = 0
    failing_works: frozenset[str] = frozenset()
    wrong_calls: frozenset[str] = frozenset()
    refuses_restored: bool = False
    dead_logins: frozenset[str] = frozenset()


@dataclass
class SimulatedMember:
    """A member, as it really is."""

    ordinal: int
    revision: str
    release: str
    started: float
    life: Life = Life.ALIVE
    ends: float | None = None
    fault: Fault | None = None
    since: float = 0.0
    admitted: bool = False
    login: str = ""


@dataclass
class ServerJob:
    """A long verb on a database server; ``end`` is what it comes to, and says whether it worked."""

    ends: float
    end: Callable[[], bool]
    state: JobState | None = None


@dataclass
class SimulatedComponent:
    """A component, as it really is."""

    behaviour: Behaviour
    kind: ComponentKind = ComponentKind.PRODUCT
    rotates: bool = True
    account: bool = False
    objects: str | None = None
    database: bool = False
    is_set_up: bool = False
    members: dict[str, SimulatedMember] = field(default_factory=dict)
    jobs: dict[str, tuple[Call | Work, float]] = field(default_factory=dict)
    broken_off: set[str] = field(default_factory=set)
    registry: dict[str, float] = field(default_factory=dict)
    held: bool = False
    servers: Servers | None = None
    server_jobs: dict[str, ServerJob] = field(default_factory=dict)
    original: str | None = None
    data_release: str = ""
    saved_release: str = ""
    tasks_failed: int = 0
    restored: bool = False
    kept_aside: bool = False
    barred: set[str] = field(default_factory=set)
    cdn: bool = False

    def copies(self, now: float) -> Copies:
        """Whether every copy is there: once all members that live have run for as long as catching up takes."""
        takes = self.behaviour.start + self.behaviour.catch_up
        missing = [
            name
            for name, member in sorted(self.members.items())
            if member.life is Life.ENDING
            or (member.life is Life.ALIVE and (member.fault is not None or now - member.started < takes))
        ]
        return Copies(not missing, f"{missing[0]} has not got all of its copies" if missing else "")


def switch_cdn(call: Call, component: SimulatedComponent) -> None:
    """What a call changes of where static files come from."""
    if call.call in {"cdn-off", "cdn-on"} and call.call not in component.behaviour.wrong_calls:
        component.cdn = call.call == "cdn-on"


def put_in_force(work: Work, component: SimulatedComponent) -> None:
    """What a work changes of the data."""
    if isinstance(work, SeedClone):
        component.is_set_up = True
    if isinstance(work, TakeBackup):
        component.saved_release = component.data_release
    if isinstance(work, SwitchData | SwitchBack | KeepOutgoing | DiscardOutgoing):
        component.kept_aside = isinstance(work, SwitchData)
    if isinstance(work, SwitchData | SwitchBack):
        component.restored = isinstance(work, SwitchData)
        component.data_release, component.saved_release = component.saved_release, component.data_release

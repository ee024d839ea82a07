"""The picture of one component at one instant.

Instants are seconds of the injected clock (see :class:`telamon.ports.Clock`); differences alone have a meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from telamon.state.phase import Phase


class ComponentKind(StrEnum):
    """What sort of thing a component is; the planner's rules differ by it."""

    PRODUCT = "product"
    COMPANION = "companion"
    DATABASE = "database"
    EDGE = "edge"
    RELAYS = "relays"
    """What stands in the links between parts, so that they can be disturbed."""


class Life(StrEnum):
    """Whether the member's process (pod) exists."""

    ABSENT = "absent"
    ALIVE = "alive"
    ENDING = "ending"
    """Asked to stop, still there."""
    EXITED = "exited"
    """Ended without being asked."""


@dataclass(frozen=True)
class IndexState:
    """The member's search index: whether it opens, and how many operations it still lacks (``None``: not told)."""

    readable: bool
    behind: int | None


class Role(StrEnum):
    """The part a database server plays."""

    PRIMARY = "primary"
    """It takes writes, or would as soon as it is started."""
    STANDBY = "standby"
    """It follows a primary, and can be read."""


@dataclass(frozen=True)
class Replication:
    """A database server's part in replication.

    Of one that does not run, the role is known from its disk, and ``lost_since`` from the primary.

    Attributes:
        role: primary or standby.
        writer: whether it holds the address that clients write to; ``None`` where it could not be asked yet.
        in_sync: of a standby, whether every acknowledged write waits for it and it has all earlier ones, as the
            primary sees it; ``None`` where the primary cannot be asked.
        lag: bytes of the log that a standby does not have on its disk yet; ``None`` where nobody can tell.
        lost_since: instant since which the primary has not heard of this standby; ``None``: it has.
        attested: term under which a standby's own data names it as the one in sync; ``None``: it does not.
        demands: of a primary, the standby that its commits wait for, or "".
        admits: whether Telamon's own roles are there as this release needs them, and get in; ``None``: not known.
    """

    role: Role
    writer: bool | None = None
    in_sync: bool | None = None
    lag: int | None = None
    lost_since: float | None = None
    attested: int | None = None
    demands: str = ""
    admits: bool | None = None


@dataclass(frozen=True)
class MemberState:
    """One member as it was seen.

    Attributes:
        name: member name, e.g. ``jira-0``.
        ordinal: 0, 1, 2 …
        life: whether its process exists.
        revision: fingerprint of the desired data it runs with; ``None`` where it does not run.
        release: the version it was started as.
        phase: what it says of itself.
        phase_since: instant since which the phase holds.
        started: instant of its start, ``None`` where it does not run.
        joined: whether the cluster's registry counts it in; ``None``: nothing to ask, or not asked yet.
        joined_since: instant since which ``joined`` holds.
        index: its search index; ``None`` where it keeps none, or was not asked yet.
        indexed: whether this kind of member keeps an index (so ``index is None`` means unknown).
        clustered: whether this kind of member has a registry (so ``joined is None`` means unknown).
        database_lost_since: instant since which it says that it cannot reach its database; ``None``: it can.
        admitted: whether the front door may send it traffic.
        exit: how it ended, e.g. ``exit 1`` or ``signal 9``.
        address: where it listens, for people.
        replication: its part in replication; ``None`` where it is no database server, or has no data.
        load: requests per second that the front door has sent it of late; ``None`` where nobody was asked, which is
            so unless another release is desired than the one in force.
        held: what keeps it from ending, though it should have, for people; "" where nothing does.
        rendered_earlier: whether it runs as an earlier Telamon has rendered what is asked for, and this one renders
            that otherwise.
    """

    name: str
    ordinal: int
    life: Life = Life.ABSENT
    revision: str | None = None
    release: str | None = None
    phase: Phase = Phase.UNREACHABLE
    phase_since: float = 0.0
    started: float | None = None
    joined: bool | None = None
    joined_since: float = 0.0
    index: IndexState | None = None
    indexed: bool = False
    clustered: bool = False
    database_lost_since: float | None = None
    admitted: bool = False
    exit: str | None = None
    address: str = ""
    replication: Replication | None = None
    load: float | None = None
    held: str = ""
    rendered_earlier: bool = False

    def with_(self, **changes: object) -> MemberState:
        """The same member with some attributes changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


class JobPhase(StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


INTERRUPTED = "interrupted"
"""Result of a job that was cut off before its end; it may be begun again."""


@dataclass(frozen=True)
class JobState:
    """A long verb under way or ended, found by its name.

    Attributes:
        name: operation and step, e.g. ``set-up/jira-0``.
        phase: where it stands.
        ended: instant of the end, ``None`` while it runs.
        result: what it returned, in words the planner knows (a verdict), or "".
        detail: for people: the error, the page, what is waited for.
        url: where a person would go on, or "".
        progress: how far it is, for people, e.g. ``412 of 1,024 MiB``; or "".
    """

    name: str
    phase: JobPhase
    ended: float | None = None
    result: str = ""
    detail: str = ""
    url: str = ""
    progress: str = ""


class UpgradePhase(StrEnum):
    """Where a cluster stands with a rolling upgrade. The names are the products' own.

    Source: Atlassian, Bitbucket "Zero downtime upgrade REST"; Jira's REST reference of the same states.
    """

    STABLE = "STABLE"
    READY_TO_UPGRADE = "READY_TO_UPGRADE"
    """Upgrade mode is on, and nothing has changed yet."""
    MIXED = "MIXED"
    READY_TO_RUN_UPGRADE_TASKS = "READY_TO_RUN_UPGRADE_TASKS"
    """Every node runs the new release."""
    RUNNING_UPGRADE_TASKS = "RUNNING_UPGRADE_TASKS"
    UPGRADE_TASKS_FAILED = "UPGRADE_TASKS_FAILED"


@dataclass(frozen=True)
class Copies:
    """Whether a component's members hold every copy of its data that there should be.

    Attributes:
        whole: whether they do; also ``False`` where nobody could be asked.
        detail: what is missing, for people; "" where nothing is.
    """

    whole: bool
    detail: str = ""


@dataclass(frozen=True)
class ComponentState:
    """One component as it was seen.

    Attributes:
        name: component name.
        kind: its sort.
        at: instant of the observation.
        members: every member seen, desired or not, by ordinal.
        objects: fingerprint of the objects (files, manifests) in force; ``None`` before the first apply.
        database_ready: the component's own database and role exist (products); ``None`` where it needs none.
        jobs: by name.
        registered: nodes in the cluster's registry, and whether it counts each as alive; empty where nobody can be
            asked, or was asked yet.
        held: whether its users see the maintenance page.
        upgrade: where its cluster stands with a rolling upgrade; ``None`` where it tells nothing of it, or was not
            asked: it is asked while another release is desired than the one in force.
        copies: of its data, where its members hold copies of one another's; ``None`` of any other component.
    """

    name: str
    kind: ComponentKind
    at: float
    members: tuple[MemberState, ...] = ()
    objects: str | None = None
    database_ready: bool | None = None
    jobs: Mapping[str, JobState] = field(default_factory=dict)
    registered: Mapping[str, bool] = field(default_factory=dict)
    held: bool = False
    upgrade: UpgradePhase | None = None
    copies: Copies | None = None

    def member(self, name: str) -> MemberState | None:
        """The member of that name, if it was seen."""
        return next((member for member in self.members if member.name == name), None)

    def with_member(self, changed: MemberState) -> ComponentState:
        """The same picture with one member replaced (or added)."""
        others = [member for member in self.members if member.name != changed.name]
        members = tuple(sorted([*others, changed], key=lambda member: (member.ordinal, member.name)))
        return replace(self, members=members)

    def without_member(self, name: str) -> ComponentState:
        """The same picture without one member."""
        return replace(self, members=tuple(member for member in self.members if member.name != name))

"""What a component should be, as the planner reads it on every platform."""

from __future__ import annotations

from dataclasses import dataclass, field

from telamon.desired.windows import Window
from telamon.products.indexing import IndexWays, RebuildWay
from telamon.products.release import Jump
from telamon.state.classify import Patience
from telamon.state.world import ComponentKind


@dataclass(frozen=True)
class MemberDesired:
    """One member that should exist.

    Attributes:
        name: stable name, e.g. ``jira-0``.
        ordinal: 0, 1, 2 …
        revision: fingerprint of everything that only a restart can change.
        release: version to run.
    """

    name: str
    ordinal: int
    revision: str
    release: str


@dataclass(frozen=True)
class Requirement:
    """Another component that must stand first.

    Attributes:
        component: its name.
        until: "ready" (enough members serve) or "set-up" (its set-up is complete).
    """

    component: str
    until: str = "ready"


@dataclass(frozen=True)
class Upgrade:
    """Another release than the one in force, which the stack file asks for.

    Attributes:
        from_release: in force.
        to_release: asked for.
        jump: which way leads there.
        mode: whether the cluster must be told before nodes of two releases may meet in it.
        members: the component's members as they would run it, in starting order.
    """

    from_release: str
    to_release: str
    jump: Jump
    mode: bool
    members: tuple[MemberDesired, ...]


@dataclass(frozen=True)
class Saving:
    """What must be saved before the nodes of a product go to another release one by one.

    Attributes:
        asked: whether a backup is asked for.
        possible: whether there is a place for one.
        recent: seconds for which a backup is recent enough, and no other one is taken.
    """

    asked: bool
    possible: bool
    recent: float


@dataclass(frozen=True)
class Policy:
    """How a component is kept.

    Attributes:
        stop_grace: seconds between the request to stop and the kill.
        backoff: seconds to wait before the 1st, 2nd … restart of a member that failed; the last one repeats.
        quarantine_after: failures in a row after which the member counts as quarantined.
        forgive_after: seconds of uninterrupted life after which earlier failures are forgotten.
        look_again: seconds between two passes over an unfinished set-up.
    """

    stop_grace: float = 30.0
    backoff: tuple[float, ...] = (0.0, 0.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0)
    quarantine_after: int = 4
    forgive_after: float = 300.0
    look_again: float = 2.0

    def delay(self, failures: int) -> float:
        """Seconds to wait before the restart that follows the given number of failures."""
        if failures <= 0:
            return 0.0
        return self.backoff[min(failures, len(self.backoff)) - 1]


@dataclass(frozen=True)
class LoginTurn:
    """Whose turn it is to log in to a product's database after the role that nodes log in as now.

    Attributes:
        next: the role.
        shared_with: other components whose members log in as the same one.
    """

    next: str
    shared_with: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComponentDesired:
    """One component as it should be.

    Attributes:
        name: component name, e.g. ``jira`` or ``confluence-synchrony``.
        kind: its sort.
        product: the product it belongs to, or its own name.
        members: in the order in which they are started.
        objects: fingerprint of the objects (files, manifests) that belong to it.
        requires: what must stand before a member starts.
        required_by: components whose members must be gone before this one's stop.
        rotates: whether members are admitted to, and drained from, the front door.
        no_page: why the front door cannot show its users the maintenance page; "" where it can.
        database: whether it has a database of its own to be made first.
        set_up: whether somebody must walk set-up pages before a second member may start.
        sets_itself_up: whether its environment alone completes that, so that no page is walked.
        account: whether the engine makes itself a service account.
        prepares_join: whether something must be done before a new member may join.
        clustered: whether its members are in a registry that can be asked.
        indexed: whether each member keeps a search index.
        keeps_copies: whether members hold copies of one another's data.
        index: what can be done about the index of a member; ``None`` where none keeps one.
        patience: limits of silence and of starting.
        policy: restarts, grace, minimum.
        paused: look, report, do nothing.
        most_members: how many members it can have at most.
        forgets: whether a node that has gone must be taken out of the cluster's registry by hand.
        rebuild: how it makes its whole index anew; ``None`` where it cannot be asked to.
        tries_tasks_again: whether it can be told to try the final tasks of a rolling upgrade again.
        keeps_log: whether what it writes is kept as it is written.
        cluster_secret: whether its nodes share a secret that Telamon keeps, so that all change it at once.
        login: the role that members log in to the product's database as; "" where they do not, or are told by somebody
            else whom to log in as.
        login_turn: the role that comes after it; ``None`` where Telamon does not keep both.
        no_turn: why it does not, where that is not because the stack file tells members whom to log in as.
        windows: times in which what can wait is done; without any, nothing waits.
        cdn: whether static files of the product may come from a content delivery network, which it can be asked about.
        distribution: id of the distribution that is that network; "" where nobody made one for this stack.
        seed: the backup that its data begin with, where it is part of a copy of another stack; "" where it begins
            empty.
        quietens: whether something must be done to the first node of that copy before any user reaches it.
        saving: what must be saved before a rolling upgrade; ``None`` where there is nothing that could be.
        leaves_drift: whether what somebody has changed by hand of its objects is told and left as it is.
        upgrade: the release that is asked for and not in force yet. ``members`` are of the release in force: only an
            operation that has made the way free for it desires another one.
    """

    name: str
    kind: ComponentKind
    product: str
    members: tuple[MemberDesired, ...]
    objects: str = ""
    requires: tuple[Requirement, ...] = ()
    required_by: tuple[str, ...] = ()
    rotates: bool = True
    no_page: str = ""
    database: bool = False
    set_up: bool = False
    sets_itself_up: bool = False
    account: bool = False
    prepares_join: bool = False
    clustered: bool = False
    indexed: bool = False
    keeps_copies: bool = False
    index: IndexWays | None = None
    rebuild: RebuildWay | None = None
    tries_tasks_again: bool = False
    keeps_log: bool = False
    patience: Patience = field(default_factory=Patience)
    policy: Policy = field(default_factory=Policy)
    paused: bool = False
    most_members: int = 8
    forgets: bool = False
    cluster_secret: bool = False
    login: str = ""
    login_turn: LoginTurn | None = None
    no_turn: str = ""
    windows: tuple[Window, ...] = ()
    cdn: bool = False
    distribution: str = ""
    seed: str = ""
    quietens: bool = False
    saving: Saving | None = None
    leaves_drift: bool = False
    upgrade: Upgrade | None = None

    def member(self, name: str) -> MemberDesired | None:
        """The desired member of that name."""
        return next((member for member in self.members if member.name == name), None)

"""All that a decision may depend on, gathered before it is taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from telamon.desired.component import ComponentDesired, MemberDesired
from telamon.plan.operation import Running
from telamon.state.classify import UP, Condition, classify
from telamon.state.world import ComponentKind, ComponentState, Life, MemberState

RELEASE = "release:"
"""Begin of the fact that names the release of a component's data."""
WRITER = "writer:"
"""Begin of the fact that names the database server that takes writes; see :mod:`telamon.plan.writer`."""
LOGIN = "login:"
"""Begin of the fact that names the role which nodes log in to their database as; see
:mod:`telamon.plan.operations.rotate_database_password`."""
HELD = "held:"
"""Begin of the fact that names a release which an upgrade did not bring: it is not tried again by itself."""
AGREED = "agreed:"
"""Begin of the fact that names a release for which somebody has agreed to an interruption; good for one upgrade."""
LATER = "later:"
"""Begin of the fact that names a release, the upgrade to which waits for a maintenance window."""
BACKED_UP = "backed-up:"
"""Begin of the fact that names the newest backup; see :class:`Saved`."""
AGREEING = "agreeing:"
"""Begin of the fact that holds the words by which an interruption was agreed to last, where what is written stays: the
same words agree to nothing else."""
APPLIED = "applied:"
"""Begin of the fact that names the objects which were in force last, where what is changed by hand is left as it is."""
SOLE = (RELEASE, WRITER, LOGIN, HELD, AGREED, LATER, BACKED_UP, AGREEING, APPLIED)
"""Begins of facts of which there is one at a time: a new one takes the place of the old."""

QUARANTINED = "quarantined:"
"""Begin of the fact that names a member which somebody has taken out of service to look at it."""

MENDED = "index-mended:"
"""Begin of the fact that a member was given another index by itself, and was not well since."""


REPLACED = "replaced:"
"""Begin of the fact ``replaced:MEMBER:OTHER``: another member was added, to stand in for one in quarantine."""

PAUSED = "paused"
"""Fact that somebody has asked to leave the component as it is."""

REPLACING = frozenset({"upgrade", "major-upgrade", "rotate-database-password"})
"""Operations that desire other members and leave it to the standing rules to replace them."""

RENEWED = "cluster-secret-renewed"
"""Fact that the secret which nodes share was made by Telamon, in the place of one that somebody may have brought."""

MAINTENANCE = "maintenance"
"""Fact that somebody has asked to show the component's users the maintenance page."""


@dataclass(frozen=True)
class Failures:
    """Failures of one member in a row.

    Attributes:
        count: how many.
        last: instant of the last one.
        reason: of the last one.
    """

    count: int = 0
    last: float = 0.0
    reason: str = ""

    def and_one(self, at: float, reason: str) -> Failures:
        """One more."""
        return Failures(self.count + 1, at, reason)


@dataclass(frozen=True)
class Saved:
    """The newest backup that this component's operations took of the data that is in force.

    Attributes:
        at: instant at which it was asked for, seconds; it holds nothing older.
        release: of the data.
        name: of the backup.
    """

    at: float
    release: str
    name: str

    @property
    def fact(self) -> str:
        """As the journal keeps it."""
        return f"{BACKED_UP}{self.at!r}:{self.release}:{self.name}"


@dataclass(frozen=True)
class Memory:
    """What the journal keeps because it cannot be seen: facts and failures.

    Attributes:
        facts: e.g. ``set-up``, ``service-account``, ``joined:jira-1``, ``release:11.3.1``.
        failures: by member.
        retry: instant of the last ``telamon retry``; earlier failures and refusals no longer count.
    """

    facts: frozenset[str] = frozenset()
    failures: Mapping[str, Failures] = field(default_factory=dict)
    retry: float = 0.0

    def knows(self, fact: str) -> bool:
        """Whether the fact was recorded."""
        return fact in self.facts

    @property
    def release(self) -> str | None:
        """The release that the component's data is of, once a member has run."""
        return self._sole(RELEASE)

    @property
    def login(self) -> str | None:
        """The role that nodes log in to their database as, once it was changed."""
        return self._sole(LOGIN)

    @property
    def held(self) -> str | None:
        """The release that is not tried again by itself."""
        return self._sole(HELD)

    @property
    def agreed(self) -> str | None:
        """The release for which somebody has agreed to an interruption."""
        return self._sole(AGREED)

    @property
    def later(self) -> str | None:
        """The release, the upgrade to which waits for a maintenance window."""
        return self._sole(LATER)

    @property
    def saved(self) -> Saved | None:
        """The newest backup of the data in force."""
        kept = self._sole(BACKED_UP)
        if kept is None:
            return None
        at, release, name = kept.split(":", 2)
        return Saved(float(at), release, name)

    @property
    def applied(self) -> str | None:
        """The objects that were in force last, where that is remembered."""
        return self._sole(APPLIED)

    @property
    def agreeing(self) -> str | None:
        """The words by which somebody has agreed to an interruption last."""
        return self._sole(AGREEING)

    def _sole(self, begin: str) -> str | None:
        return next((fact.removeprefix(begin) for fact in self.facts if fact.startswith(begin)), None)

    def with_fact(self, fact: str) -> Memory:
        """The same, with one fact more; of some kinds there is one at a time, and it takes the place of the old."""
        sole = next((begin for begin in SOLE if fact.startswith(begin)), None)
        kept = {known for known in self.facts if sole is None or not known.startswith(sole)}
        return replace(self, facts=frozenset(kept | {fact}))

    def without_fact(self, fact: str) -> Memory:
        """The same, with one fact forgotten."""
        return replace(self, facts=self.facts - {fact})

    def without_operation(self, name: str) -> Memory:
        """The same, with all facts of an operation forgotten."""
        return replace(self, facts=frozenset(fact for fact in self.facts if not fact.startswith(f"{name}:")))

    def with_failure(self, member: str, *, at: float, reason: str) -> Memory:
        """The same, with one failure of a member more."""
        failures = {**self.failures, member: self.failures.get(member, Failures()).and_one(at, reason)}
        return replace(self, failures=failures)

    def without_failures(self, members: Iterable[str]) -> Memory:
        """The same, with the failures of some members forgotten."""
        gone = set(members)
        return replace(
            self, failures={name: kept for name, kept in self.failures.items() if name not in gone}
        )


@dataclass(frozen=True)
class Standing:
    """What a component's neighbours may know of it.

    Attributes:
        ready: enough members serve.
        set_up: its set-up is complete (true where none is needed).
        living: members whose process exists.
        since: instant since which its serving members serve; neighbours leave it time to be noticed.
        login: the role that every member logs in to the product's database as; "" while not all are well with it.
        replaces: whether an operation is under way that has members replaced, those of companions included.
        outdated: whether a member that lives is not what is desired any more, and is to be replaced.
    """

    ready: bool
    set_up: bool
    living: int
    since: float = 0.0
    login: str = ""
    replaces: bool = False
    outdated: bool = False


@dataclass(frozen=True)
class View:
    """One component, as desired, seen and remembered, at one instant, and how its neighbours stand.

    Attributes:
        desired: what it should be.
        seen: what it is.
        memory: what cannot be seen.
        now: instant of the decision, seconds.
        neighbours: how the other components stand.
        operation: the operation in progress, if there is one.
        kept_out: members that the operation in progress keeps out of rotation.
    """

    desired: ComponentDesired
    seen: ComponentState
    memory: Memory
    now: float
    neighbours: Mapping[str, Standing] = field(default_factory=dict)
    operation: Running | None = None
    kept_out: frozenset[str] = frozenset()

    def condition(self, member: MemberState) -> Condition:
        """The member's condition under this component's patience."""
        known = self._conditions.get(id(member))
        return known or classify(member, now=self.now, patience=self.desired.patience)

    @cached_property
    def _conditions(self) -> Mapping[int, Condition]:
        # Every rule asks for the condition of the members seen, which live as long as the view does.
        patience = self.desired.patience
        return {id(member): classify(member, now=self.now, patience=patience) for member in self.seen.members}

    def member(self, wanted: MemberDesired) -> MemberState:
        """The desired member as it was seen; absent where it was not."""
        return self.seen.member(wanted.name) or MemberState(wanted.name, wanted.ordinal)

    def wanted(self) -> tuple[tuple[MemberDesired, MemberState, Condition], ...]:
        """Every desired member with its state and condition, in starting order."""
        return self._wanted

    @cached_property
    def _wanted(self) -> tuple[tuple[MemberDesired, MemberState, Condition], ...]:
        # A view never changes, and a dozen rules ask it the same in every pass.
        found = []
        for wanted in self.desired.members:
            member = self.member(wanted)
            found.append((wanted, member, self.condition(member)))
        return tuple(found)

    def kept(self) -> tuple[tuple[MemberDesired, MemberState, Condition], ...]:
        """Every desired member but for those that somebody has set aside, which are left as they are."""
        return self._kept

    @cached_property
    def _kept(self) -> tuple[tuple[MemberDesired, MemberState, Condition], ...]:
        return tuple(found for found in self._wanted if not self.is_set_aside(found[0].name))

    def surplus(self) -> tuple[MemberState, ...]:
        """Members seen that nobody desires, the last first."""
        return tuple(
            member for member in reversed(self.seen.members) if self.desired.member(member.name) is None
        )

    def fit(self) -> tuple[MemberState, ...]:
        """Members fit to serve, admitted or not."""
        return tuple(member for member in self.seen.members if self.condition(member) in UP)

    def serving(self) -> tuple[MemberState, ...]:
        """Members that do their work now: admitted ones, or all fit ones where there is no rotation.

        Of database servers it is the one that takes writes.
        """
        return self._serving

    @cached_property
    def _serving(self) -> tuple[MemberState, ...]:
        if not self.desired.rotates and self.desired.kind is not ComponentKind.DATABASE:
            return self.fit()
        return tuple(member for member in self.seen.members if self.condition(member) is Condition.SERVING)

    def failures(self, name: str) -> Failures:
        """The failures that still count against a member.

        They are forgotten after a long uninterrupted life, and when somebody asks for another try.
        """
        failures = self.memory.failures.get(name, Failures())
        if failures.last <= self.memory.retry:
            return Failures()
        member = self.seen.member(name)
        alive_for = self.now - failures.last
        if (
            member is not None
            and member.started is not None
            and alive_for > self.desired.policy.forgive_after
        ):
            return Failures()
        return failures

    def is_quarantined(self, name: str) -> bool:
        """Whether the member failed so often in a row that it is kept out and tried ever more rarely."""
        member = self.seen.member(name)
        fit = member is not None and self.condition(member) in UP
        return not fit and self.failures(name).count >= self.desired.policy.quarantine_after

    def is_set_aside(self, name: str) -> bool:
        """Whether somebody has taken the member out of service to look at it: it is left as it is."""
        return self.memory.knows(f"{QUARANTINED}{name}")

    def is_paused(self) -> bool:
        """Whether nothing is done to the component, except to take it down."""
        return bool(self.desired.members) and (self.desired.paused or self.memory.knows(PAUSED))

    @property
    def drift(self) -> str:
        """What somebody has changed of the objects by hand, where that is left as it is; "" where nothing is.

        What is desired anew since is no drift: it is applied.
        """
        is_as_applied = self.memory.applied == self.desired.objects != self.seen.objects
        if not self.desired.leaves_drift or not self.desired.members or not is_as_applied:
            return ""
        return self.seen.objects or "all of its objects are gone"

    def is_set_up(self) -> bool:
        """Whether set-up is complete, or not needed."""
        return not self.desired.set_up or self.memory.knows("set-up")

    @property
    def must_serve(self) -> int:
        """Members that must go on serving during a voluntary change: one, where any is desired."""
        return min(len(self.desired.members), 1)

    def standing(self) -> Standing:
        """What this component's neighbours may know of it."""
        return self._standing

    @cached_property
    def _standing(self) -> Standing:
        return Standing(
            ready=bool(self.desired.members) and len(self.serving()) >= self.must_serve and self.is_set_up(),
            set_up=self.is_set_up(),
            living=sum(1 for member in self.seen.members if member.started is not None),
            since=max((member.phase_since for member in self.serving()), default=self.now),
            login=self.login_in_use(),
            replaces=self.operation is not None and self.operation.verb in REPLACING,
            outdated=any(
                member.revision not in {None, wanted.revision} for wanted, member, _ in self.wanted()
            ),
        )

    def replaces(self) -> bool:
        """Whether an operation on this component, or on the product that it belongs to, has members replaced."""
        own = self.operation is not None and self.operation.verb in REPLACING
        product = self.neighbours.get(self.desired.product)
        return own or (product is not None and product.replaces)

    def login_in_use(self) -> str:
        """The role that every member that lives logs in as; "" while not all that are desired are well with it."""
        well = all(condition in UP for _, _, condition in self.wanted())
        wanted = {member.name: member.revision for member in self.desired.members}
        others = [
            member
            for member in self.seen.members
            if member.life in {Life.ALIVE, Life.ENDING} and member.revision != wanted.get(member.name)
        ]
        return self.desired.login if well and not others else ""

    def with_seen(self, seen: ComponentState) -> View:
        """The same view of another picture."""
        return replace(self, seen=seen)

"""Builders of desired components, and a small world of them that runs on the memory platform."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from telamon.desired.component import ComponentDesired, LoginTurn, MemberDesired, Policy, Requirement, Upgrade
from telamon.plan.operation import UPGRADING, Course, Running
from telamon.plan.operations.automatic import wish
from telamon.plan.step import Call, Done, Finished, Step, Wait
from telamon.plan.view import REPLACED, Standing, View
from telamon.platforms.memory.clock import ManualClock
from telamon.platforms.memory.parts import Behaviour
from telamon.platforms.memory.platform import MemoryPlatform
from telamon.platforms.memory.store import MemoryJournal
from telamon.products.indexing import RebuildWay
from telamon.products.release import Jump, Way
from telamon.run.executor import Executor, Outcome
from telamon.state.classify import Patience
from telamon.state.world import ComponentKind

LOOK, LONGEST_LOOK = 0.5, 60.0
"""Seconds between two looks at a world in which nothing happens: the first time, and at the most."""

INFRASTRUCTURE = Behaviour(start=0.5, stop=0.5, clustered=False, indexed=False, set_up=False)


def members(
    component: str, count: int, *, revision: str = "r1", release: str = "1.0.0"
) -> tuple[MemberDesired, ...]:
    """``count`` members of a component."""
    return tuple(MemberDesired(f"{component}-{n}", n, revision, release) for n in range(count))


def database(count: int = 1, *, revision: str = "r1", release: str = "1.0.0") -> ComponentDesired:
    """A database of some servers."""
    return ComponentDesired(
        "database",
        ComponentKind.DATABASE,
        "",
        members("database", count, revision=revision, release=release),
        "o1",
        rotates=False,
        required_by=("tracker",),
        patience=Patience(start=60.0),
    )


def edge() -> ComponentDesired:
    """A front door of two members."""
    return ComponentDesired("edge", ComponentKind.EDGE, "", members("edge", 2), "o1", rotates=False)


def product(count: int = 2, *, revision: str = "r1", objects: str = "o1") -> ComponentDesired:
    """A product that must be set up, makes an account, and prepares before a node joins."""
    return ComponentDesired(
        "tracker",
        ComponentKind.PRODUCT,
        "tracker",
        members("tracker", count, revision=revision),
        objects,
        requires=(Requirement("database"),),
        database=True,
        login="tracker",
        login_turn=LoginTurn("_tracker_a"),
        set_up=True,
        account=True,
        prepares_join=True,
        clustered=True,
        indexed=True,
        rebuild=RebuildWay.ASIDE,
        cdn=True,
        distribution="E2TRACKER",
        tries_tasks_again=True,
        policy=Policy(stop_grace=5.0),
    )


def companion() -> ComponentDesired:
    """A companion that starts after its product's set-up."""
    return ComponentDesired(
        "tracker-helper",
        ComponentKind.COMPANION,
        "tracker",
        members("tracker-helper", 2),
        "o1",
        requires=(Requirement("tracker", "set-up"),),
    )


def logging_in(component: ComponentDesired, login: str) -> ComponentDesired:
    """The component with members that log in to the product's database as a role."""
    changed = tuple(
        replace(member, revision=f"{member.revision.partition('+')[0]}+{login}")
        for member in component.members
    )
    turn = component.login_turn
    if turn is not None:
        turn = replace(turn, next="_tracker_b" if login == "_tracker_a" else "_tracker_a")
    return replace(component, members=changed, login=login, login_turn=turn)


def without_members(component: ComponentDesired) -> ComponentDesired:
    """The component as ``down`` desires it."""
    return replace(component, members=())


@dataclass(frozen=True)
class Releases:
    """Two releases of a component, and the one that the stack file names.

    Attributes:
        old: members as they would run the one that was there.
        upgrade: to the other one.
        named: by the file.
    """

    old: tuple[MemberDesired, ...]
    upgrade: Upgrade
    named: str

    def members(self, release: str) -> tuple[MemberDesired, ...]:
        """Members as they would run one of them."""
        return self.upgrade.members if release == self.upgrade.to_release else self.old


@dataclass
class World:
    """Components on a memory platform, kept by executors, in simulated time."""

    desired: dict[str, ComponentDesired]
    clock: ManualClock = field(default_factory=ManualClock)
    platform: MemoryPlatform = field(init=False)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    executors: dict[str, Executor] = field(init=False)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    operations: dict[str, Running] = field(default_factory=dict)
    endings: dict[str, Finished] = field(default_factory=dict)
    releases: dict[str, Releases] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plain = Behaviour(clustered=False, indexed=False, set_up=False)
        behaviours = {"database": INFRASTRUCTURE, "edge": INFRASTRUCTURE, "tracker-helper": plain}
        self.platform = MemoryPlatform(self.clock, behaviours)
        self.restart_controller()

    def restart_controller(self) -> None:
        """Throw away everything the controller held in memory; journal and platform stay."""
        self.executors = {
            name: Executor(name, self.platform, self.journal, self.clock) for name in self.desired
        }
        self.outcomes = {}
        self.compile_again()

    def standings(self) -> Mapping[str, Standing]:
        """How every component stands, as of its last pass."""
        return {name: outcome.view.standing() for name, outcome in self.outcomes.items()}

    def compile_again(self) -> None:
        """As the host does: what nodes run, and what they log in as, follows from the journal and the stack file."""
        self._compile_logins()
        for name, asked in self.releases.items():
            operation, memory = self.operations.get(name), self.executors[name].memory
            course = operation.course if operation is not None else None
            course = course or Course(memory.release or asked.upgrade.from_release, asked.named)
            old, new = course.from_release, course.to_release
            upgrade = replace(asked.upgrade, from_release=old, to_release=new, members=asked.members(new))
            if new == asked.upgrade.from_release:
                upgrade = replace(upgrade, jump=Jump(Way.REFUSED, "data is not made older"))
            self.desired[name] = replace(
                self.desired[name], members=asked.members(old), upgrade=upgrade if old != new else None
            )

    def _compile_logins(self) -> None:
        for name, executor in self.executors.items():
            login = executor.memory.login
            if login is not None and self.desired[name].login != login:
                for other, desired in self.desired.items():
                    if desired.login == self.desired[name].login and other != name:
                        self.desired[other] = logging_in(desired, login)
                self.desired[name] = logging_in(self.desired[name], login)

    def tick(self) -> bool:
        """One pass over every component, and a rest if nothing was done. Returns whether anything was."""
        acted = self.look()
        if not acted:
            self.clock.sleep(LOOK)
        return acted

    def look(self) -> bool:
        """One pass over every component, in no time. Returns whether anything was done."""
        acted = [self.look_at(name) for name in self.desired]
        self.compile_again()
        return any(acted)

    def look_at(self, name: str) -> bool:
        """One pass over one component. Returns whether anything was done."""
        desired, operation = self.compiled(name), self.operations.get(name)
        outcome = self.executors[name].tick(desired, self.standings(), operation=operation)
        self.outcomes[name] = outcome
        broken = isinstance(outcome.decision, Wait) and outcome.decision.reason == "InvariantBroken"
        assert not broken, f"{name}: {outcome.error}"
        if isinstance(outcome.decision, Finished):
            self._conclude(name, outcome.decision)
            return True
        if isinstance(outcome.decision, Wait | Done):
            return False
        self.steps.append(outcome.decision)
        return True

    def compiled(self, name: str) -> ComponentDesired:
        """A component as the host desires it: with one member more for each that stands in for one in quarantine."""
        desired, facts = self.desired[name], self.executors[name].memory.facts
        more = sum(1 for fact in facts if fact.startswith(REPLACED))
        if not more or not desired.members:
            return desired
        first, count = desired.members[0], len(desired.members) + more
        found = members(name, count, revision=first.revision, release=first.release)
        return replace(desired, members=found)

    def _conclude(self, name: str, finished: Finished) -> None:
        """As the host does: the end is written down, and what is in force now is compiled anew."""
        executor, operation = self.executors[name], self.operations.pop(name)
        self.endings[operation.name] = finished
        executor.conclude(operation, finished)
        self.compile_again()

    def settled(self) -> bool:
        """Whether every component has nothing left to do."""
        return (
            not self.operations
            and len(self.outcomes) == len(self.desired)
            and all(
                isinstance(outcome.decision, Done) or outcome.view.is_paused()
                for outcome in self.outcomes.values()
            )
        )

    def run(self, *, seconds: float = 2_000.0, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Go on until everything is settled.

        While everything stays as it is, it is looked at ever more rarely: what is waited for may take a quarter of an
        hour, and nothing can be learned by looking twice a second.

        Args:
            seconds: simulated ones in which it must be so.
            meanwhile: what somebody else does after each look.

        Raises:
            AssertionError: it was not within the given simulated seconds.
        """
        end, rest, known = self.clock.now() + seconds, LOOK, self._picture()
        while True:
            acted, found = self.look(), self._picture()
            meanwhile()
            if self.settled():
                return
            if self.clock.now() > end:
                reasons = {name: outcome.decision for name, outcome in self.outcomes.items()}
                raise AssertionError(f"not settled after {seconds} s: {reasons}")
            rest = LOOK if acted or found != known else min(rest * 2, LONGEST_LOOK)
            known = found
            if not acted:
                self.clock.sleep(rest)

    def heal(self, *, seconds: float = 4_000.0) -> None:
        """Go on as a host does, until everything is settled: an operation that is wished for is begun.

        Raises:
            AssertionError: it was not within the given simulated seconds.
        """
        self.run(seconds=seconds, meanwhile=self._begin_what_is_wished_for)

    def _begin_what_is_wished_for(self) -> None:
        for name, outcome in self.outcomes.items():
            asked = None if name in self.operations else wish(outcome.view)
            if asked is not None:
                self.operate(name, asked.verb, member=asked.member, **asked.params)

    def _picture(self) -> dict[str, object]:
        """What every component waits for, and how its members are."""
        found: dict[str, object] = {}
        for name, outcome in self.outcomes.items():
            decision, view = outcome.decision, outcome.view
            waits = (decision.reason, decision.message) if isinstance(decision, Wait) else None
            found[name] = (waits, [view.condition(member) for member in view.seen.members])
        return found

    def fork(self) -> World:
        """This world once more: what happens to the one does not happen to the other."""
        kept = self.executors.values()
        # What never changes belongs to both, and so does a lock that nobody holds.
        shared = itertools.chain(
            self.journal.entries,
            self.steps,
            self.desired.values(),
            self.releases.values(),
            self.outcomes.values(),
            (executor.memory for executor in kept),
            (executor._writing for executor in kept),
            (executor._pending for executor in kept),
            (executor._failing for executor in kept),
        )
        return copy.deepcopy(self, {id(one): one for one in shared})

    def desire(self, *components: ComponentDesired) -> None:
        """As the host does: what is new is kept from now on, and what is not named any more is taken down."""
        wanted = {component.name: component for component in components}
        known = {name: wanted.pop(name, without_members(desired)) for name, desired in self.desired.items()}
        self.desired = known | wanted
        for name in wanted:
            self.executors[name] = Executor(name, self.platform, self.journal, self.clock)

    def run_until(self, holds: Callable[[], bool], *, seconds: float = 2_000.0) -> None:
        """Go on until something holds.

        Raises:
            AssertionError: it did not within the given simulated seconds.
        """
        end = self.clock.now() + seconds
        while not holds():
            self.tick()
            assert self.clock.now() < end, {name: out.decision for name, out in self.outcomes.items()}

    def operate(self, component: str, verb: str, *, member: str = "", **params: str) -> Running:
        """Have an operation in progress from now on."""
        wanted = self.desired[component].upgrade
        if wanted is not None and verb in UPGRADING:
            params = {"from": wanted.from_release, **params}
        running = Running(f"{verb}-{component}-1", verb, member, params, self.clock.now())
        self.operations[component] = running
        return running

    def cancel(self, component: str) -> None:
        """Ask the operation in progress to end early."""
        self.operations[component] = replace(self.operations[component], cancelled=True)

    def ask_for_release(self, component: str, release: str, *, way: Way = Way.ROLLING) -> None:
        """Change the version in the stack file."""
        desired = self.desired[component]
        members = tuple(
            replace(member, release=release, revision=f"{member.revision}@{release}")
            for member in desired.members
        )
        old = desired.members[0].release
        upgrade = Upgrade(old, release, Jump(way), mode=True, members=members)
        self.releases[component] = Releases(desired.members, upgrade, release)
        self.compile_again()

    def resize(self, component: str, count: int) -> None:
        """Change the number of members in the stack file."""

        def resized(found: tuple[MemberDesired, ...]) -> tuple[MemberDesired, ...]:
            return tuple(replace(found[0], name=f"{component}-{n}", ordinal=n) for n in range(count))

        self._rewrite(component, resized)

    def change(self, component: str) -> None:
        """Change something in the stack file that nodes read when they start."""

        def changed(found: tuple[MemberDesired, ...]) -> tuple[MemberDesired, ...]:
            return tuple(replace(member, revision=f"s{member.revision}") for member in found)

        self._rewrite(component, changed)

    def _rewrite(
        self, component: str, rewritten: Callable[[tuple[MemberDesired, ...]], tuple[MemberDesired, ...]]
    ) -> None:
        """Put other members into the stack file, and into what an upgrade would make of them."""
        asked = self.releases.get(component)
        if asked is not None:
            upgrade = replace(asked.upgrade, members=rewritten(asked.upgrade.members))
            self.releases[component] = replace(asked, old=rewritten(asked.old), upgrade=upgrade)
        desired = self.desired[component]
        self.desired[component] = replace(desired, members=rewritten(desired.members))
        self.compile_again()

    def put_back(self, component: str) -> None:
        """Write the old version into the stack file again; an upgrade that is under way is cancelled by that."""
        asked = self.releases[component]
        self.releases[component] = replace(asked, named=asked.upgrade.from_release)
        if component in self.operations:
            self.cancel(component)
        self.compile_again()

    def view(self, component: str) -> View:
        """A component as the host sees it when somebody asks for something."""
        view = self.outcomes[component].view
        memory = self.executors[component].memory
        return replace(view, desired=self.compiled(component), memory=memory, now=self.clock.now())

    def serving(self, component: str) -> int:
        """Members of a component that serve now."""
        return len(self.outcomes[component].view.serving())

    def serving_members(self, component: str) -> tuple[str, ...]:
        """The members of a component that serve now, by name."""
        return tuple(member.name for member in self.outcomes[component].view.serving())

    def calls(self, name: str) -> int:
        """How often a flow was started."""
        return sum(1 for step in self.steps if isinstance(step, Call) and step.call == name)


def world(*components: ComponentDesired) -> World:
    """A world of the given components, or of a whole small stack."""
    chosen = components or (database(), edge(), product(), companion())
    return World({component.name: component for component in chosen})

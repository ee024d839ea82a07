"""One history: a stack comes up, is operated on, and is hurt, all by one seed; then it must be as desired."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from telamon.desired.component import Saving
from telamon.indexfiles.place import IndexPlace
from telamon.naming import DATABASE
from telamon.plan.writer import recorded
from telamon.platforms.memory.parts import Behaviour, Fault
from telamon.products.indexing import IndexStrategy, IndexWays
from telamon.products.release import Way
from telamon.state.phase import Phase
from telamon.state.world import Life, Role
from tests.simulation.faulty import ControllerDied, FaultyPlatform, Odds
from tests.support.stacks import World, database, product, world

COMPONENT = "tracker"
ROTATION = "rotate-database-password"
DATABASE_RELEASE = "database-release"
"""No operation: the stack file names other programs for the database's servers."""
SCALE = "scale"
"""No operation: the stack file names one member more, and later as many as before."""
CHANGE = "change"
"""No operation: the stack file says something else of every member."""
OLD, NEW = "1.0.0", "1.1.0"
OF_THE_FILE = frozenset({DATABASE_RELEASE, SCALE, CHANGE})
"""What nobody asks for by an operation."""

UPGRADES = {"upgrade": Way.ROLLING, "major-upgrade": Way.DOWNTIME}
FAULTS = (Fault.CRASH, Fault.HANG, Fault.ERROR, Fault.BREAK_INDEX, Fault.LEAVE_CLUSTER)
SERVER_FAULTS = (Fault.CRASH, Fault.HANG)


@dataclass(frozen=True)
class Asked:
    """Of whom an operation is asked, and how."""

    component: str = COMPONENT
    member: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


ASKED: Mapping[str, Asked] = {
    "quarantine": Asked(member=f"{COMPONENT}-1"),
    "index-sync": Asked(member=f"{COMPONENT}-1", params={"source": f"{COMPONENT}-0"}),
    "index-rebuild": Asked(),
    "backup": Asked(),
    "restore": Asked(params={"from": "b"}),
    "rotate-cluster-secret": Asked(params={"downtime": "yes"}),
    "switchover": Asked(component=DATABASE),
}
"""Operations that leave release and log-in as they are."""
AT_THE_DATABASE = Asked(component=DATABASE)
CHANGING = ("upgrade", "upgrade", "major-upgrade", "restart", ROTATION, SCALE, CHANGE)
"""What replaces members; half of all histories are about one of these."""


@dataclass(frozen=True)
class Plot:
    """What happens in a history.

    Attributes:
        verb: the operation asked for.
        servers: of the database.
        good: whether the release of an upgrade is any good.
        cancelled_at: pass at which somebody cancels it, or ``None``.
        struck_at: passes at which a member is hurt.
        odds: how hostile the world is meanwhile.
        cdn: whether static files come from a content delivery network.
        saving: what must be saved before a rolling upgrade.
        resized_at: passes at which the stack file names one member more, and as many as before, in turn.
        changed_at: pass at which the stack file says something else of every member, or ``None``.
    """

    verb: str
    good: bool
    cancelled_at: int | None
    struck_at: tuple[int, ...]
    odds: Odds
    cdn: bool = False
    servers: int = 1
    saving: Saving | None = None
    resized_at: tuple[int, ...] = ()
    changed_at: int | None = None

    @property
    def asked(self) -> Asked:
        """What is asked of whom."""
        return AT_THE_DATABASE if self.verb == DATABASE_RELEASE else ASKED.get(self.verb, Asked())


def plot_of(dice: random.Random) -> Plot:
    """Draw a plot."""
    return Plot(
        verb=dice.choice(CHANGING if dice.random() < 0.5 else tuple(ASKED)),
        good=dice.random() < 0.7,
        cancelled_at=dice.randrange(120) if dice.random() < 0.25 else None,
        struck_at=tuple(dice.randrange(150) for _ in range(dice.choice((0, 0, 1, 2)))),
        odds=Odds(
            refused=dice.choice((0.0, 0.05, 0.2)),
            lied=dice.choice((0.0, 0.05, 0.2)),
            late=dice.choice((0.0, 0.2, 0.5)),
            blind=dice.choice((0.0, 0.05)),
            dead=dice.choice((0.0, 0.02, 0.1)),
            tardy=dice.choice((0.0, 0.1, 0.3)),
            slow=dice.choice((0.0, 0.0, 0.05)),
        ),
        cdn=dice.random() < 0.5,
        servers=dice.choice((1, 2)),
        saving=Saving(asked=True, possible=True, recent=3_600.0) if dice.random() < 0.5 else None,
        resized_at=_draw_resizing(dice),
        changed_at=dice.randrange(150) if dice.random() < 0.25 else None,
    )


def _draw_resizing(dice: random.Random) -> tuple[int, ...]:
    """Draw when there is a member more for a while; mostly never."""
    return tuple(sorted(dice.sample(range(150), 2))) if dice.random() < 0.25 else ()


@dataclass
class History:
    """A history under way.

    Args:
        seed: of all chance in it.
        servers: of the database; as drawn where ``None``.
        verb: what is asked for; as drawn where ``None``.
    """

    seed: int
    servers: int | None = None
    verb: str | None = None
    plot: Plot = field(init=False)
    made: World = field(init=False)
    platform: FaultyPlatform = field(init=False)
    dice: random.Random = field(init=False)
    deaths: int = 0
    _count: int = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        drawn = plot_of(self.dice)
        self.plot = replace(drawn, verb=self.verb or drawn.verb)
        servers = self.plot.servers if self.servers is None else self.servers
        ways = IndexWays(IndexPlace("index"), (IndexStrategy.COPY, IndexStrategy.SNAPSHOT), noted_apart=True)
        self._count = self.dice.choice((2, 3))
        kept = replace(product(self._count), index=ways, saving=self.plot.saving, forgets=True)
        self.made = world(database(servers), kept)
        self.platform = FaultyPlatform(self.made.platform, self.dice)
        self._connect()
        self.made.run()

    def play(self) -> None:
        """Play it to its end, and see that all is as it must be.

        Raises:
            AssertionError: something is not.
        """
        self.begin()
        self.platform.odds = self.plot.odds
        for number in range(200):
            self._pass(number)
        self.platform.odds = Odds()
        self.end()

    def begin(self) -> None:
        """Ask for the operation."""
        made, plot = self.made, self.plot
        if plot.cdn:
            made.platform.use_cdn(COMPONENT)
        if plot.verb == DATABASE_RELEASE:
            servers = len(made.desired[DATABASE].members)
            made.desired[DATABASE] = database(servers, revision="r2", release=NEW)
        elif plot.verb == SCALE:
            made.resize(COMPONENT, self._count + 1)
            self.plot = replace(plot, resized_at=(self.dice.randrange(1, 150),))
        elif plot.verb == CHANGE:
            made.change(COMPONENT)
            self.plot = replace(plot, changed_at=None)
        elif plot.verb in UPGRADES:
            bad = frozenset({NEW})
            behaviour = Behaviour()
            if not plot.good:
                kinds = (Behaviour(dead_releases=bad), Behaviour(sick_releases=bad))
                behaviour = self.dice.choice(kinds)
            made.platform.behave(COMPONENT, behaviour)
            made.ask_for_release(COMPONENT, NEW, way=UPGRADES[plot.verb])
            made.operate(COMPONENT, plot.verb, to=NEW)
        else:
            asked = plot.asked
            made.operate(asked.component, plot.verb, member=asked.member, **asked.params)

    def end(self) -> None:
        """Let the world be kind, let whoever is in quarantine come back, and see what has become of it."""
        if self.plot.verb == "quarantine":
            # A change of the stack file may wait for whoever is in quarantine.
            self.made.run_until(lambda: not self.made.operations)
            self.made.operate(COMPONENT, "release", member=self.plot.asked.member)
        self.made.heal()
        self._judge()

    def survive(self, act: Callable[[], object]) -> None:
        """Do something; where the controller dies of it, another one takes over."""
        try:
            act()
        except ControllerDied:
            self.deaths += 1
            self.platform.forget_looks()
            self._connect()

    # ---------------------------------------------------------------------------------------------------------- inside

    def _connect(self) -> None:
        self.made.restart_controller()
        for executor in self.made.executors.values():
            executor.platform = self.platform

    def _pass(self, number: int) -> None:
        plot = self.plot
        if number == plot.cancelled_at and plot.asked.component in self.made.operations:
            self.made.cancel(plot.asked.component)
        if number in plot.resized_at:
            many = len(self.made.desired[COMPONENT].members) > self._count
            self.made.resize(COMPONENT, self._count + (not many))
        if number == plot.changed_at:
            self.made.change(COMPONENT)
        if number in plot.struck_at:
            self._strike()
        self.survive(self.made.tick)
        self._check_serving()

    def _strike(self) -> None:
        """Hurt a server where the database is what changes; else a member of the product, unless it is the last."""
        changing = self.plot.verb == DATABASE_RELEASE
        if not changing and self._healthy() <= 1:
            return
        component, faults = (DATABASE, SERVER_FAULTS) if changing else (COMPONENT, FAULTS)
        member = self.dice.choice(sorted(self.made.desired[component].members, key=lambda one: one.name))
        self.made.platform.strike(component, member.name, fault=self.dice.choice(faults))

    def _healthy(self) -> int:
        state = self.made.platform.observe(self.made.desired[COMPONENT])
        return sum(member.phase is Phase.RUNNING and member.admitted for member in state.members)

    def _check_serving(self) -> None:
        """Nothing the engine does by itself leaves users without a member."""
        if self.plot.struck_at or self.made.platform.observe(self.made.desired[COMPONENT]).held:
            return
        assert self._healthy() >= 1, "no member serves though nothing was hurt"

    def _judge(self) -> None:
        made = self.made
        state = made.platform.observe(made.desired[COMPONENT])
        releases = {member.release for member in state.members if member.life is Life.ALIVE}
        memory = made.executors[COMPONENT].memory
        assert releases == {memory.release}, f"members run {releases}, recorded is {memory.release}"
        wanted = {member.name: member for member in made.desired[COMPONENT].members}
        assert len(wanted) == self._count
        assert set(made.serving_members(COMPONENT)) == set(wanted), (
            "who is wanted does not serve, or somebody else does"
        )
        assert {one.name for one in state.members} == set(wanted), "somebody was left behind"
        assert set(state.registered) == set(wanted), "a node that has left is still registered"
        for member in state.members:
            assert member.revision == wanted[member.name].revision, (
                f"{member.name} is as it was before the change"
            )
        assert not [fact for fact in memory.facts if fact.startswith(f"{self.plot.verb}-")], (
            "facts are left over"
        )
        if self.plot.verb == DATABASE_RELEASE:
            self._judge_servers()
        if self.plot.verb not in OF_THE_FILE:
            self._judge_ending(made.endings[f"{self.plot.verb}-{self.plot.asked.component}-1"].ending)
        assert made.platform.cdn(COMPONENT) is self.plot.cdn, "static files come from elsewhere than before"
        used = {member.login for member in made.platform.living(COMPONENT)}
        assert used == {memory.login or "tracker"}, f"nodes log in as {used}, recorded is {memory.login}"
        assert made.platform.may_log_in(memory.login or "tracker"), "nodes log in as a role that was ended"
        assert made.calls("set-up") <= 1

    def _judge_ending(self, ending: str) -> None:
        made, memory = self.made, self.made.executors[COMPONENT].memory
        if self.plot.verb in UPGRADES:
            assert (memory.release == NEW) is (ending == "Succeeded")
            assert self.plot.good or memory.release == OLD, "a bad release is in force"
            assert made.platform.upgrade_mode(COMPONENT) is None, "upgrade mode was left on"
        if self.plot.verb == ROTATION:
            assert (memory.login == "_tracker_a") is (ending == "Succeeded")

    def _judge_servers(self) -> None:
        """Every server runs the new release, one of them takes writes, and the other one lacks none."""
        desired, memory = self.made.desired[DATABASE], self.made.executors[DATABASE].memory
        state, record = self.made.platform.observe(desired), recorded(memory)
        assert {member.release for member in state.members} == {memory.release} == {NEW}
        parts = {member.name: member.replication for member in state.members}
        writers = [name for name, part in parts.items() if part is not None and part.role is Role.PRIMARY]
        assert record is not None
        assert writers == [record.primary], f"{writers} take writes, recorded is {record.primary}"
        assert bool(record.synced) is (len(desired.members) > 1), "a standby is out of step for good"


def play(seed: int, verb: str | None = None) -> None:
    """Play the history of a seed.

    Args:
        seed: of all chance in it.
        verb: what is asked for; as drawn where ``None``.

    Raises:
        AssertionError: with the command that plays it again.
    """
    try:
        History(seed, verb=verb).play()
    except Exception as error:
        told = f" --verb {verb}" if verb else ""
        raise AssertionError(
            f"seed {seed}: {error}\nagain: python -m tests.simulation --seed {seed}{told}"
        ) from error

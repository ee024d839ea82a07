"""No history of faults loses an acknowledged write, or lets two servers take writes.

The real rules, guards and executor keep two servers that are lists of writes. A client writes all the time; servers
crash, hang and lose their data, links are cut, the controller dies. Whatever was acknowledged must be in the log of
whoever takes writes, whenever somebody does, and everything must heal when the faults end.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telamon.plan.database_step import Bootstrap, Fence, Promote
from telamon.plan.step import StopMember, Wait
from telamon.plan.writer import recorded
from telamon.platforms.memory.parts import Fault
from telamon.platforms.memory.servers import Servers
from telamon.state.world import Role
from tests.simulation.faulty import ControllerDied, FaultyPlatform, Odds
from tests.support.stacks import World, database, world

FIRST, SECOND = "database-0", "database-1"


@dataclass
class Site:
    """A database under a client that writes after every pass."""

    world: World = field(default_factory=lambda: world(database(2)))
    written: int = 0

    @property
    def servers(self) -> Servers:
        """The data."""
        return self.world.platform.servers(self.world.desired["database"])

    @property
    def acknowledged(self) -> set[str]:
        """What clients were told is kept."""
        return set(self.servers.acknowledged)

    def up(self) -> Site:
        """Bring it up, with a standby in sync."""
        self.world.run()
        assert recorded(self.world.executors["database"].memory) is not None
        return self

    def write(self) -> bool:
        """One write of a client. Returns whether it was acknowledged at once."""
        self.written += 1
        return self.servers.write(f"w{self.written}")

    def tick(self) -> None:
        """One pass with a write before and after it, and the promises held against what there is."""
        self.write()
        self.world.tick()
        self.hold()
        self.write()
        self.hold()

    def hold(self) -> None:
        """What must hold at every instant."""
        writers = self.servers.writers()
        assert len(writers) <= 1, writers
        for writer in writers:
            kept = set(self.servers.kept(writer))
            assert self.acknowledged <= kept, self.acknowledged - kept

    def strike(self, name: str, member: str) -> None:
        """Let something happen."""
        match name:
            case "cut":
                self.servers.cut.add(member)
            case "mend":
                self.servers.cut.discard(member)
            case "controller":
                self.world.restart_controller()
            case _:
                self.world.platform.strike("database", member, fault=Fault(name))

    def heal(self) -> None:
        """Faults end; everything must become well again, and a write must be acknowledged."""
        self.servers.cut.clear()
        self.world.run(seconds=5_000.0)
        self.hold()
        assert self.write()
        self.hold()

    @property
    def primary(self) -> str:
        """The recorded primary."""
        record = recorded(self.world.executors["database"].memory)
        assert record is not None
        return record.primary


def pass_(site: Site, count: int = 40) -> None:
    """Let some passes go by under writes."""
    for _ in range(count):
        site.tick()


def test_first_start_ends_with_a_standby_in_sync() -> None:
    site = Site().up()
    record = recorded(site.world.executors["database"].memory)
    assert record is not None
    assert (record.primary, record.synced) == (FIRST, SECOND)
    assert site.write()
    assert site.servers.kept(SECOND) == site.servers.kept(FIRST)


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.HANG, Fault.ERROR])
def test_lost_primary_is_fenced_before_the_standby_is_promoted(fault: Fault) -> None:
    site = Site().up()
    site.write()
    site.world.steps.clear()
    site.strike(fault.value, FIRST)
    pass_(site)
    site.heal()
    steps = [step for step in site.world.steps if isinstance(step, Fence | Promote)]
    assert [(type(step), step.member) for step in steps] == [(Fence, FIRST), (Promote, SECOND)]
    assert site.primary == SECOND


def test_own_roles_are_made_once_and_a_succeeding_standby_has_them() -> None:
    site = Site().up()
    site.strike(Fault.CRASH.value, FIRST)
    pass_(site)
    site.heal()
    assert site.primary == SECOND
    assert [step.member for step in site.world.steps if isinstance(step, Bootstrap)] == [FIRST]


def test_cluster_of_an_earlier_release_gets_the_roles_from_its_primary() -> None:
    site = Site().up()
    site.servers.forget_roles()
    site.world.steps.clear()
    pass_(site)
    site.heal()
    assert [step.member for step in site.world.steps if isinstance(step, Bootstrap)] == [FIRST]
    parts = [site.servers.part(member) for member in (FIRST, SECOND)]
    assert [part is not None and part.admits for part in parts] == [True, True]


def test_standby_is_let_alone_while_its_primary_has_no_roles_and_is_lost() -> None:
    site = Site().up()
    site.servers.forget_roles()
    site.strike(Fault.HANG.value, FIRST)
    site.world.steps.clear()
    site.tick()
    assert not any(isinstance(step, Bootstrap) for step in site.world.steps)
    site.heal()


def test_standby_that_lacks_writes_is_not_promoted() -> None:
    site = Site().up()
    site.strike("cut", SECOND)
    pass_(site)
    assert site.write(), "commits go on without the standby"
    site.strike("crash", FIRST)
    site.servers.destroy(FIRST)
    pass_(site)
    assert site.primary == FIRST
    decision = site.world.outcomes["database"].decision
    assert isinstance(decision, Wait)
    assert decision.reason == "PrimaryLost"
    assert site.servers.writers() == ()


def test_primary_whose_disk_is_lost_is_succeeded_and_becomes_the_standby() -> None:
    site = Site().up()
    site.strike("crash", FIRST)
    site.servers.destroy(FIRST)
    pass_(site)
    site.heal()
    assert site.primary == SECOND
    part = site.servers.part(FIRST)
    assert part is not None
    assert part.role is Role.STANDBY


def test_without_a_standby_the_primary_is_started_again() -> None:
    site = Site().up()
    site.strike("cut", SECOND)
    pass_(site)
    site.strike("crash", FIRST)
    pass_(site)
    site.heal()
    assert site.primary == FIRST


def test_commits_go_on_within_seconds_of_the_loss_of_a_standby() -> None:
    site = Site().up()
    site.strike("cut", SECOND)
    lost = site.world.clock.now()
    while not site.write():
        site.world.tick()
        site.hold()
    assert site.world.clock.now() - lost <= 4.0


def test_primary_that_is_told_to_wait_for_nobody_is_made_to_wait_for_its_standby_again() -> None:
    site = Site().up()
    record = recorded(site.world.executors["database"].memory)
    assert record is not None
    site.servers.synchronise(FIRST, standby="", term=record.term)
    pass_(site)
    part = site.servers.part(FIRST)
    assert part is not None
    assert part.demands == SECOND
    again = recorded(site.world.executors["database"].memory)
    assert again is not None
    assert (again.primary, again.synced) == (FIRST, SECOND)
    assert again.term > record.term
    site.strike("crash", FIRST)
    pass_(site)
    assert site.primary == SECOND


def test_change_of_configuration_takes_the_standby_first_and_hands_over() -> None:
    site = Site().up()
    site.world.steps.clear()
    site.world.desired["database"] = database(2, revision="r2")
    pass_(site)
    site.heal()
    stops = [step.member for step in site.world.steps if isinstance(step, StopMember)]
    assert stops[:2] == [SECOND, FIRST]
    assert site.primary == SECOND
    view = site.world.outcomes["database"].view
    assert {member.revision for member in view.seen.members} == {"r2"}


def test_standby_that_cannot_follow_any_more_gets_a_new_copy() -> None:
    site = Site().up()
    site.strike("cut", SECOND)
    pass_(site)
    site.servers.diverge(SECOND)
    site.heal()
    record = recorded(site.world.executors["database"].memory)
    assert record is not None
    assert (record.primary, record.synced) == (FIRST, SECOND)
    assert not [fact for fact in site.world.executors["database"].memory.facts if fact.startswith("stale:")]


def test_one_server_alone_is_kept_as_before() -> None:
    site = Site(world(database()))
    site.world.run()
    site.strike("crash", FIRST)
    pass_(site, 20)
    site.heal()
    assert site.primary == FIRST


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_verbs_that_fail_and_looks_that_come_late_lose_nothing(seed: int) -> None:
    dice = random.Random(seed)
    site = Site()
    odds = Odds(refused=0.1, lied=0.1, late=0.1, blind=0.05, dead=0.03, tardy=0.1, slow=0.02)
    platform = FaultyPlatform(site.world.platform, dice, odds)
    for _ in range(150):
        for executor in site.world.executors.values():
            executor.platform = platform
        if dice.random() < 0.06:
            site.strike(dice.choice(EVENTS), dice.choice([FIRST, SECOND]))
        try:
            site.tick()
        except ControllerDied:
            platform.forget_looks()
            site.world.restart_controller()
    site.world.restart_controller()
    site.heal()


EVENTS = ("crash", "hang", "error", "cut", "mend", "controller")


@settings(max_examples=40, deadline=None)
@given(
    events=st.lists(
        st.tuples(st.integers(0, 120), st.sampled_from(EVENTS), st.sampled_from([FIRST, SECOND])), max_size=16
    )
)
def test_any_history_keeps_every_acknowledged_write(events: Sequence[tuple[int, str, str]]) -> None:
    site = Site()
    for tick in range(121):
        for _, name, member in (event for event in events if event[0] == tick):
            site.strike(name, member)
        site.tick()
    site.heal()


@pytest.mark.parametrize("first", ["crash", "hang", "cut"])
@pytest.mark.parametrize("second", ["crash", "hang", "cut", "controller"])
def test_every_pair_of_faults_at_every_distance(first: str, second: str) -> None:
    for one, other, distance in itertools.product((FIRST, SECOND), (FIRST, SECOND), range(0, 24, 6)):
        site = Site().up()
        site.strike(first, one)
        pass_(site, distance)
        site.strike(second, other)
        pass_(site, 30)
        site.heal()

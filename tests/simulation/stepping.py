"""The real host in simulated time, and the world as it lies there after every single thing that lasts.

What lasts are verbs of the platform, lines of the journal and writes of the store. A controller that is killed leaves
the world as one of them left it: what it held in memory is gone, and whether it had meant to do more, nobody knows.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from telamon.desired.component import ComponentDesired
from telamon.desired.in_force import InForce
from telamon.model.stack import Stack
from telamon.operator.host import Host
from telamon.operator.lane import KeptLane
from telamon.operator.operations import UNENDED
from telamon.plan.step import Begin, Call, Done, Wait
from telamon.platforms.memory.clock import ManualClock
from telamon.platforms.memory.parts import Behaviour
from telamon.platforms.memory.platform import MemoryPlatform
from telamon.platforms.memory.store import MemoryJournal, MemoryStore
from telamon.ports import Entry, Stored
from telamon.products.indexing import IndexWays
from tests.simulation.faulty import FaultyPlatform
from tests.support.hosting import Components
from tests.support.stacks import INFRASTRUCTURE, LONGEST_LOOK, LOOK, logging_in

END = "the end of"
"""Begins what is said of an operation whose end was written into the store."""

LONGEST = 20_000.0
"""Simulated seconds in which everything must have come to rest."""


@dataclass(frozen=True)
class Lying:
    """A world without a controller.

    Attributes:
        after: the thing that lasts which was done last, in words.
    """

    after: str
    clock: ManualClock
    platform: MemoryPlatform
    store: MemoryStore
    journal: MemoryJournal

    @classmethod
    def empty(cls) -> Lying:
        """A world in which nothing is yet."""
        clock = ManualClock()
        plain = Behaviour(clustered=False, indexed=False, set_up=False)
        behaviours = {"database": INFRASTRUCTURE, "edge": INFRASTRUCTURE, "jira-helper": plain}
        return cls("", clock, MemoryPlatform(clock, behaviours), MemoryStore(), MemoryJournal())

    def as_left_by(self, after: str) -> Lying:
        """The same once more, after this: what happens to the one does not happen to the other."""
        # Lines and objects never change once they are written, so both worlds may have them.
        kept: list[object] = [*self.journal.entries, *self.store._objects.values()]
        shared = {id(one): one for one in kept}
        return replace(copy.deepcopy(self, shared), after=after)


class Lasting(FaultyPlatform):
    """A platform that says of every verb that it was done."""

    told: Callable[[str], None]

    def _do(self, verb: Callable[[], None], subject: Callable[[], object]) -> None:
        super()._do(verb, subject)
        self.told("a verb of the platform")


@dataclass
class LastingStore:
    """A store that says of every write that it was done."""

    inner: MemoryStore
    told: Callable[[str], None]

    def get(self, kind: str, name: str) -> Stored | None:
        """What the store says."""
        return self.inner.get(kind, name)

    def list(self, kind: str) -> tuple[Stored, ...]:
        """What the store says."""
        return self.inner.list(kind)

    def watch(self, kind: str, *, since: int) -> Iterator[Stored]:
        """What the store says."""
        return self.inner.watch(kind, since=since)

    def put(self, stored: Stored) -> Stored:
        """Write, and say so."""
        written = self.inner.put(stored)
        self.told(f"{END} {stored.name}" if "finished" in stored.status else f"a write of {stored.name}")
        return written

    def delete(self, kind: str, name: str, *, version: int) -> None:
        """Delete, and say so."""
        self.inner.delete(kind, name, version=version)
        self.told(f"{name} was deleted")


@dataclass
class LastingJournal:
    """A journal that says of every line that it was written."""

    inner: MemoryJournal
    told: Callable[[str], None]

    def append(self, entry: Entry) -> Entry:
        """Write, and say so."""
        written = self.inner.append(entry)
        self.told(f"the line {entry.kind} {entry.subject} of {entry.component}")
        return written

    def read(
        self, component: str | None = None, *, since: int = 0, last: int | None = None
    ) -> tuple[Entry, ...]:
        """What the journal says."""
        return self.inner.read(component, since=since, last=last)


@dataclass
class Compiled(Components):
    """A small stack, whose nodes log in as the journal says.

    Attributes:
        index: what can be done about the index of a node.
        servers: of the database.
    """

    index: IndexWays | None = None

    def components(self, stack: Stack, in_force: InForce) -> Sequence[ComponentDesired]:
        """Compile."""
        found = super().components(stack, in_force)
        login = in_force.logins.get("jira")
        return [self._in_full(one, login) if one.name == "jira" else _with_standby(one) for one in found]

    def _in_full(self, component: ComponentDesired, login: str | None) -> ComponentDesired:
        made = replace(component, index=self.index, cluster_secret=True)
        return made if login is None else logging_in(made, login)


def _with_standby(component: ComponentDesired) -> ComponentDesired:
    if component.name != "database":
        return component
    first = component.members[0]
    return replace(component, members=(first, replace(first, name="database-1", ordinal=1)))


class SteppedHost(Host):
    """A host whose lanes take turns on one thread."""

    def _run(self, name: str, lane: KeptLane) -> None:
        """Nothing goes on by itself."""

    def turn(self) -> bool:
        """One pass of every lane. Returns whether anything was done."""
        acted = False
        for name, lane in tuple(self._lanes.items()):
            self._pass(name, lane)
            assert lane.trouble is None, f"{name}: {lane.trouble}"
            assert lane.outcome is not None
            decision = lane.outcome.decision
            broken = isinstance(decision, Wait) and decision.reason == "InvariantBroken"
            assert not broken, f"{name}: {lane.outcome.error}"
            acted |= not isinstance(decision, Wait | Done)
        return acted

    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        if any(operation.status.phase in UNENDED for operation in self.operations.all()):
            return False
        outcomes = [lane.outcome for lane in self._lanes.values()]
        return all(
            one is not None and (isinstance(one.decision, Done) or one.view.is_paused()) for one in outcomes
        )

    def picture(self) -> list[tuple[object, ...]]:
        """What every lane waits for, and how its members are."""
        found: list[tuple[object, ...]] = []
        for lane in self._lanes.values():
            if lane.outcome is not None:
                decision, view = lane.outcome.decision, lane.outcome.view
                waits = (decision.reason, decision.message) if isinstance(decision, Wait) else None
                found.append((waits, *(view.condition(member) for member in view.seen.members)))
        return found


@dataclass
class Stepped:
    """A controller over a world.

    Args:
        world: that it found; it changes.
        index: what can be done about the index of a node.
    """

    world: Lying
    index: IndexWays | None = None
    deaths: list[Lying] = field(default_factory=list)
    """The world as a controller leaves it that dies, once for each thing that lasts since :meth:`watch`."""
    host: SteppedHost = field(init=False)
    _watches: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        world = self.world
        platform = Lasting(world.platform, random.Random(0))
        platform.told = self._lasts
        self.host = SteppedHost(
            LastingStore(world.store, self._lasts),
            LastingJournal(world.journal, self._lasts),
            platform,
            world.clock,
            Compiled(index=self.index),
        )

    def watch(self) -> None:
        """From now on keep the world as it is after each thing that lasts; as it is now comes first."""
        self._watches = True
        self._lasts("nothing")

    def has_looked(self) -> bool:
        """Whether every component was looked at."""
        return all(lane.outcome is not None for lane in self.host.lanes().values())

    def has_begun(self) -> bool:
        """Whether some work or call was just begun."""
        outcomes = [lane.outcome for lane in self.host.lanes().values()]
        return any(one is not None and isinstance(one.decision, Begin | Call) for one in outcomes)

    def run(self, holds: Callable[[], bool] | None = None) -> None:
        """Go on until everything has come to rest, or until something holds.

        While everything stays as it is, it is looked at ever more rarely, as in :class:`tests.support.stacks.World`.

        Raises:
            AssertionError: it never did.
        """
        end, rest, known = self.world.clock.now() + LONGEST, LOOK, self.host.picture()
        over = self.host.is_settled if holds is None else holds
        while True:
            acted, found = self.host.turn(), self.host.picture()
            if over():
                return
            assert self.world.clock.now() < end, f"not at rest after {LONGEST} s: {found}"
            rest = LOOK if acted or found != known else min(rest * 2, LONGEST_LOOK)
            known = found
            if not acted:
                self.world.clock.sleep(rest)

    def _lasts(self, what: str) -> None:
        if self._watches:
            self.deaths.append(self.world.as_left_by(what))

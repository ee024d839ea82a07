"""A whole lab in a test: parts as the controller wires them, kept by the real host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from telamon import wiring
from telamon.model.stack import Stack
from telamon.operator.host import Host
from telamon.plan.step import Done
from telamon.plan.view import Standing, View
from telamon.platforms.lab import facts as machine_facts
from telamon.platforms.lab.platform import LabPlatform
from telamon.state.classify import Condition
from telamon.state.world import Life, MemberState
from tests.lab.superuser import statements, strange
from tests.lab.support import until


@contextmanager
def kept(root: Path, stack: Stack, *, within: float = 240.0, down: bool = True) -> Iterator[World]:
    """A lab that is up inside the block. Whatever happens there, nobody keeps it afterwards.

    Args:
        root: its state root.
        stack: what it runs.
        within: seconds that it may take to come up.
        down: whether it is taken down at the end; where it is not, its processes end with their folder.
    """
    made = World(root, stack)
    try:
        made.up(within=within)
        yield made
        if down:
            made.host.down()
            assert made.host.wait_ended(120), made.told()
        made.end()
    finally:
        # A host that still kept a lab of which nothing may be left would start again what is ended.
        made.leave()


@dataclass
class World:
    """One lab that is kept up.

    Args:
        root: its state root.
        stack: what it runs.
    """

    root: Path
    stack: Stack

    def __post_init__(self) -> None:
        self.parts = wiring.lab_parts(self.root)
        self.host = self._host()

    def restart_host(self) -> None:
        """Keep the lab again with another host."""
        self.resume()
        self.settle()

    def resume(self) -> None:
        """Keep the lab again, and do not wait. A host that still keeps it ends first: two would act at once."""
        self.host.end()
        self.host = self._host()
        self.host.resume()

    def _host(self) -> Host:
        parts = self.parts
        return Host(parts.store, parts.journal, parts.platform, parts.clock, parts.compiler)

    @property
    def platform(self) -> LabPlatform:
        """The adapter."""
        return self.parts.platform

    def up(self, *, within: float = 240.0) -> None:
        """Bring everything up and wait until nothing is left to do."""
        self.host.put(self.stack, "test")
        self.settle(within=within)

    def settle(self, *, within: float = 60.0) -> None:
        """Wait until every component has looked at itself anew, from now on, and has nothing left to do."""
        since = self.parts.clock.now()
        for lane in tuple(self.host._lanes.values()):
            lane.wake.set()
        try:
            until(lambda: self._settled(since), within=within)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.told()}") from error

    def told(self) -> str:
        """What every component does or waits for, and every operation, for a test that fails."""
        lanes = [
            f"{name}: {lane.trouble or (lane.outcome and lane.outcome.decision)}"
            for name, lane in self.host.lanes().items()
        ]
        return "\n".join((*lanes, *(str(one.status) for one in self.host.operations.all()[-3:])))

    def end(self) -> None:
        """Let go of everything; members go on. Whatever the lab went through, its superuser made roles alone."""
        self.leave()
        beyond = strange(statements(self.root))
        assert not beyond, beyond

    def leave(self) -> None:
        """Let go of everything, and look at nothing."""
        self.host.end()
        self.parts.close()

    def front(self, product: str = "tiny") -> tuple[str, int]:
        """Host and port of a product's own front door."""
        facts = machine_facts.load(self.root)
        assert facts is not None
        return facts.front_address(product), facts.front_port

    def view(self, component: str) -> View:
        """A component as its last pass saw it."""
        outcome = self.host.lanes()[component].outcome
        assert outcome is not None
        return outcome.view

    def standing(self, component: str) -> Standing:
        """How a component stands."""
        return self.view(component).standing()

    def member(self, component: str, name: str) -> MemberState:
        """A member as the last pass saw it; absent where it did not."""
        return self.view(component).seen.member(name) or MemberState(name, 0)

    def condition(self, component: str, name: str) -> Condition:
        """A member's condition as of the last pass."""
        return self.view(component).condition(self.member(component, name))

    def intents(self) -> int:
        """How often anything was done. What is remembered and forgotten meanwhile does not count."""
        return sum(entry.kind == "intent" for entry in self.parts.journal.read())

    def pid(self, name: str) -> int:
        """The pid of a member's process; 0 where it has none."""
        found = self.platform._processes.seen().get(name)
        return 0 if found is None else found.pid

    def replaced(self, component: str, name: str, *, old: int) -> None:
        """Wait until another process of a member serves, by a look that began after it was started."""
        until(lambda: self.pid(name) not in {old, 0}, within=60.0)
        since = self.parts.clock.now()

        def look() -> bool:
            view = self.view(component)
            member = view.seen.member(name)
            return (
                view.seen.at > since
                and member is not None
                and member.life is Life.ALIVE
                and view.condition(member) is Condition.SERVING
            )

        until(look, within=60.0)

    def rows(self) -> list[str]:
        """What the small application keeps in its database."""
        part = self.platform._part("tiny")
        assert part.database is not None
        wanted = part.database
        with psycopg.connect(
            host=wanted.endpoint.host,
            port=wanted.endpoint.port,
            user=wanted.name,
            dbname=wanted.name,
            password=self.platform.secrets.get(wanted.password.secret, wanted.password.key),
        ) as connection:
            return [row[0] for row in connection.execute("SELECT text FROM rows").fetchall()]

    def _settled(self, since: float) -> bool:
        lanes = tuple(self.host.lanes().values())
        return bool(lanes) and all(
            lane.current
            and lane.outcome is not None
            and lane.outcome.view.seen.at > since
            and isinstance(lane.outcome.decision, Done)
            for lane in lanes
        )

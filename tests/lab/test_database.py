"""The database of a lab under writes: servers are killed, stopped and cut off, and nothing acknowledged is lost."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from telamon import wiring
from telamon.errors import TelamonError
from telamon.naming import DATABASE
from telamon.plan.fault import BlackHoleLink
from telamon.plan.step import Wait
from telamon.plan.view import QUARANTINED
from telamon.plan.writer import Writer, recorded
from telamon.platforms import procfs
from telamon.ports import Entry
from telamon.run.recall import recall
from telamon.state.world import Life, Role
from tests.lab.support import strike, tiny_stack, until
from tests.lab.world import World, kept

FIRST, SECOND = "database-0", "database-1"
BACK_WITHIN = 30.0
"""Seconds in which writes must be back on any machine; how fast they are is for the benchmark to say."""


@dataclass
class Client:
    """Writes one row after the other to the writer's address, and remembers which were acknowledged."""

    world: World
    acknowledged: list[str] = field(default_factory=list)
    instants: list[float] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def connect(self) -> psycopg.Connection:
        """Log in as the small application does."""
        part = self.world.platform._part("tiny")
        assert part.database is not None
        wanted = part.database
        return psycopg.connect(
            host=wanted.endpoint.host,
            port=wanted.endpoint.port,
            user=wanted.name,
            dbname=wanted.name,
            password=self.world.platform.secrets.get(wanted.password.secret, wanted.password.key),
            connect_timeout=2,
            autocommit=True,
        )

    def run(self) -> None:
        """Write until told to end."""
        number = 0
        while not self._ended.is_set():
            try:
                with self.connect() as connection:
                    connection.execute("CREATE TABLE IF NOT EXISTS history (token text PRIMARY KEY)")
                    while not self._ended.is_set():
                        number += 1
                        connection.execute("INSERT INTO history VALUES (%s)", (f"w{number}",))
                        self.acknowledged.append(f"w{number}")
                        self.instants.append(time.monotonic())
            except psycopg.Error:
                self._ended.wait(0.02)

    def end(self) -> None:
        """Write no more."""
        self._ended.set()

    def kept(self) -> set[str]:
        """What is there."""
        with self.connect() as connection:
            return {str(row[0]) for row in connection.execute("SELECT token FROM history").fetchall()}

    def wait_for_more(self) -> None:
        """Wait until a write that began from now on is acknowledged."""
        count = len(self.acknowledged)
        until(lambda: len(self.acknowledged) > count + 1, within=BACK_WITHIN)


@contextmanager
def writing(world: World) -> Iterator[Client]:
    """Write while the block lasts; afterwards every acknowledged write must be there."""
    client = Client(world)
    thread = threading.Thread(target=client.run, daemon=True)
    thread.start()
    try:
        client.wait_for_more()
        yield client
        client.wait_for_more()
    finally:
        client.end()
        thread.join(10)
    lost = set(client.acknowledged) - client.kept()
    assert lost == set()


def record(world: World) -> Writer:
    """Who takes writes, as the journal has it."""
    found = recorded(world.view(DATABASE).memory)
    assert found is not None
    return found


def known(world: World) -> Writer:
    """The same, straight from the journal."""
    found = recorded(recall(world.parts.journal.read(DATABASE)))
    assert found is not None
    return found


def freeze(pid: int) -> tuple[int, ...]:
    """Stop a server with everything it has started. Returns the processes."""
    pids = (pid, *(other for other in procfs.pids() if procfs.is_descendant(other, pid)))
    for one in pids:
        strike(one, signal.SIGSTOP)
    return pids


def in_sync(world: World, primary: str) -> bool:
    """Whether a server takes writes, with the other one in sync."""
    with suppress(AssertionError):
        found = record(world)
        return found.primary == primary and bool(found.synced) and world.standing(DATABASE).ready
    return False


@pytest.fixture
def world(root: Path) -> Iterator[World]:
    """A lab whose database has a standby in sync."""
    with kept(root, tiny_stack(), down=False) as made:
        assert record(made) == Writer(1, FIRST, SECOND)
        yield made


@pytest.fixture
def disturbable(root: Path) -> Iterator[World]:
    """The same, with relays in its links."""
    with kept(root, tiny_stack(platform={"disturbable": True}), down=False) as made:
        assert record(made).synced == SECOND
        yield made


def test_silent_link_between_the_servers_promotes_nobody(disturbable: World) -> None:
    world = disturbable
    faults = wiring.faults(world.root)
    with writing(world) as client:
        faults.disturb(BlackHoleLink(SECOND, FIRST), name="hole", seconds=120)
        until(lambda: record(world).synced == "", within=BACK_WITHIN)
        client.wait_for_more()
        killed = world.pid(FIRST)
        strike(killed, signal.SIGKILL)
        # The standby runs all the while, and lacks what was acknowledged without it.
        until(lambda: world.pid(FIRST) not in {0, killed}, within=BACK_WITHIN)
        client.wait_for_more()
        assert record(world).primary == FIRST
        faults.calm("hole")
        until(lambda: in_sync(world, FIRST), within=60)


def other(name: str) -> str:
    """The server that this one is not."""
    return SECOND if name == FIRST else FIRST


def test_killed_primary_is_succeeded_under_writes_and_follows(world: World) -> None:
    with writing(world) as client:
        for primary in (FIRST, SECOND):
            killed = time.monotonic()
            strike(world.pid(primary), signal.SIGKILL)
            until(lambda primary=primary: record(world).primary != primary, within=BACK_WITHIN)  # type: ignore[misc]
            client.wait_for_more()
            assert client.instants[-1] > killed
            until(lambda primary=primary: in_sync(world, other(primary)), within=60)  # type: ignore[misc]
    until(lambda: roles(world) == [Role.PRIMARY, Role.STANDBY])


def roles(world: World) -> list[Role]:
    """The parts of the servers, as the last look has them."""
    parts = [member.replication for member in world.view(DATABASE).seen.members]
    return [part.role for part in parts if part is not None]


def test_primary_and_controller_killed_together(world: World) -> None:
    with writing(world) as client:
        world.host.end()
        strike(world.pid(FIRST), signal.SIGKILL)
        world.restart_host()
        until(lambda: in_sync(world, SECOND), within=60)
        client.wait_for_more()


def test_stopped_primary_never_takes_writes_again(world: World) -> None:
    with writing(world):
        frozen = freeze(world.pid(FIRST))
        until(lambda: record(world).primary == SECOND, within=BACK_WITHIN)
        # Whatever wakes it up now comes too late: nothing of it is left to wake.
        for pid in frozen:
            with suppress(ProcessLookupError):
                strike(pid, signal.SIGCONT)
        left = [pid for pid in frozen if (seen := procfs.stat(pid)) and seen.state != procfs.ZOMBIE]
        assert [pid for pid in left if procfs.working_folder(pid) == f"{world.root}/data/{FIRST}"] == []
        until(lambda: in_sync(world, SECOND), within=60)


def test_lost_standby_holds_commits_up_for_a_moment_only(world: World) -> None:
    with writing(world) as client:
        freeze(world.pid(SECOND))
        until(lambda: record(world).synced == "", within=BACK_WITHIN)
        client.wait_for_more()
        until(lambda: in_sync(world, FIRST), within=60)


def test_standby_that_lacks_writes_waits_for_the_primary(world: World) -> None:
    data = world.root / "data" / FIRST
    aside = f"{QUARANTINED}{SECOND}"
    with writing(world) as client:
        world.host.end()
        world.platform.stop(DATABASE, SECOND, grace=0)
        until(lambda: world.pid(SECOND) == 0)
        note(world, "fact", aside)
        world.resume()
        until(lambda: known(world).synced == "", within=BACK_WITHIN)
        client.wait_for_more()
        world.host.end()
        strike(world.pid(FIRST), signal.SIGKILL)
        until(lambda: _ended(world, FIRST))
        data.rename(data.with_name("away"))
        note(world, "forgotten", aside)
        world.resume()
        until(lambda: world.pid(SECOND) != 0 and _reason(world) == "PrimaryLost", within=BACK_WITHIN)
        assert "may lack acknowledged writes" in _message(world)
        assert known(world).primary == FIRST
        data.with_name("away").rename(data)
        until(lambda: in_sync(world, FIRST), within=60)


def note(world: World, kind: str, subject: str) -> None:
    """Write a line into the journal, while nobody keeps the lab."""
    journal = world.parts.journal
    journal.append(Entry(0, world.parts.clock.now(), DATABASE, kind, subject))


def _ended(world: World, member: str) -> bool:
    found = world.platform._processes.seen().get(member)
    return found is None or found.life is Life.EXITED


def _reason(world: World) -> str:
    outcome = world.host.lanes()[DATABASE].outcome
    return outcome.decision.reason if outcome is not None and isinstance(outcome.decision, Wait) else ""


def _message(world: World) -> str:
    outcome = world.host.lanes()[DATABASE].outcome
    assert outcome is not None
    assert isinstance(outcome.decision, Wait)
    return outcome.decision.message


def test_server_that_could_take_writes_is_not_promoted_beside_another(world: World) -> None:
    part = world.platform._part(DATABASE)
    world.host.end()
    with pytest.raises(TelamonError, match="still lives"):
        world.platform.promote(part.desired, SECOND)

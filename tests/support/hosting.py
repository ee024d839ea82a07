"""A host on the memory platform with all its parts: real threads, time at two hundred times its speed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from telamon.desired.component import ComponentDesired, MemberDesired, Requirement, Upgrade
from telamon.desired.in_force import InForce
from telamon.desired.windows import windows_of
from telamon.errors import MachineError
from telamon.model.stack import Stack
from telamon.naming import ProductName
from telamon.operator.api import About, Api, HealthLine
from telamon.operator.host import Host
from telamon.operator.report import Transitions
from telamon.operator.serving import serve
from telamon.operator.soaking import Soaking
from telamon.platforms.memory.parts import Behaviour
from telamon.platforms.memory.platform import MemoryPlatform
from telamon.platforms.memory.store import MemoryJournal, MemoryStore
from telamon.ports import Entry, Stored
from telamon.products.registry import registry
from tests.support.stacks import INFRASTRUCTURE, companion, database, edge, members, product

SPEED = 200.0


class FastClock:
    """Time that runs faster than it does."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._skipped = 0.0

    def now(self) -> float:
        """Simulated seconds."""
        return 1_000_000.0 + self._skipped + (time.monotonic() - self._start) * SPEED

    def skip(self, seconds: float) -> None:
        """Let simulated seconds go by at once."""
        self._skipped += seconds

    def sleep(self, seconds: float) -> None:
        """Wait the shorter time."""
        time.sleep(seconds / SPEED)


@dataclass
class Components:
    """A compiler whose answer follows the nodes and the version in the stack, and nothing else.

    Attributes:
        installed: names of the stacks that were installed.
        trouble: why nothing can be installed on this machine just now; "" where all is well.
    """

    installed: list[str] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    trouble: str = ""

    def components(self, stack: Stack, in_force: InForce) -> Sequence[ComponentDesired]:
        """A small stack with as many product nodes as asked for."""
        asked = stack.spec.products[ProductName("jira")]
        assert asked.nodes is not None
        wish = in_force.upgrades.get("jira", str(asked.version))
        force = in_force.releases.get("jira", wish)
        made = replace(product(), name="jira", members=_members(asked.nodes, force))
        if force != wish:
            jump = registry()["jira"].jump(force, wish)
            upgrade = Upgrade(force, wish, jump, mode=True, members=_members(asked.nodes, wish))
            made = replace(made, upgrade=upgrade)
        made = replace(made, windows=windows_of(stack.spec.maintenance))
        helper = replace(companion(), requires=(Requirement("jira", "set-up"),))
        helper = replace(helper, name="jira-helper", members=members("jira-helper", 2))
        return (replace(database(), required_by=("jira",)), edge(), made, helper)

    def install(self, stack: Stack, in_force: InForce) -> Sequence[ComponentDesired]:
        """The same."""
        if self.trouble:
            raise MachineError(self.trouble, remedy="mend it")
        self.installed.append(stack.metadata.name)
        return self.components(stack, in_force)


def _members(count: int, release: str) -> tuple[MemberDesired, ...]:
    return members("jira", count, revision=f"r-{release}", release=release)


class FullJournal(MemoryJournal):
    """A journal on a disk that may be full."""

    full = False

    def append(self, entry: Entry) -> Entry:
        """Write, if there is room."""
        if self.full:
            raise MachineError("there is no room left", remedy="free some space")
        return super().append(entry)


class BusyStore(MemoryStore):
    """A store that somebody else may hold for too long."""

    busy = False

    def list(self, kind: str) -> tuple[Stored, ...]:
        """Read all, if it is let."""
        self._open()
        return super().list(kind)

    def get(self, kind: str, name: str) -> Stored | None:
        """Read, if it is let."""
        self._open()
        return super().get(kind, name)

    def put(self, stored: Stored) -> Stored:
        """Write, if it is let."""
        self._open()
        return super().put(stored)

    def _open(self) -> None:
        if self.busy:
            raise MachineError("the store is locked", remedy="wait for who holds it")


def stack(nodes: int = 2, *, version: str = "11.3.1", window: str = "", lasts: str = "30m") -> Stack:
    """A stack file of one product, with a maintenance window from a time of day on, or without."""
    windows = [{"start": window, "duration": lasts}] if window else []
    return Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": "acme"},
            "spec": {
                "domain": "acme.example",
                "products": {"jira": {"version": version, "nodes": nodes}},
                "maintenance": {"windows": windows},
            },
        },
        strict=False,
    )


@dataclass
class Rig:
    """A host with all its parts."""

    clock: FastClock
    platform: MemoryPlatform
    store: BusyStore
    journal: FullJournal
    host: Host

    @classmethod
    def fresh(cls) -> Rig:
        """A host over an empty world."""
        clock = FastClock()
        plain = Behaviour(clustered=False, indexed=False, set_up=False)
        behaviours = {"database": INFRASTRUCTURE, "edge": INFRASTRUCTURE, "jira-helper": plain}
        platform = MemoryPlatform(clock, behaviours)
        store, journal = BusyStore(), FullJournal()
        return cls(
            clock, platform, store, journal, Host(store, journal, platform, clock, Components(), poll=0.01)
        )

    def successor(self) -> Rig:
        """Another host after this one died, over the same world."""
        host = Host(self.store, self.journal, self.platform, self.clock, Components(), poll=0.01)
        return Rig(self.clock, self.platform, self.store, self.journal, host)

    def meanwhile(self, release: str, act: Callable[[], object]) -> None:
        """Do something as soon as a node of another release is seen; no lane comes any further in between."""

        def caught() -> bool:
            with self.host._lock:
                outcome = self.host.lanes()["jira"].outcome
                seen = outcome is not None and any(
                    member.release == release for member in outcome.view.seen.members
                )
                if seen:
                    act()
                return seen

        eventually(caught, f"a node of {release}")

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """A client of the host's socket."""
        api = Api(
            self.host,
            About("0.1.0", 1, "/state", 0.0),
            urls=lambda _: {"jira": "http://127.0.0.1:8080"},
            doctor=lambda: [HealthLine("jira", "jira-0", "index", healthy=True)],
            transitions=Transitions(),
            soaking=Soaking(),
        )
        with tempfile.TemporaryDirectory(prefix="tm", dir="/tmp") as folder:
            path = Path(folder) / "c.sock"
            transport = httpx.HTTPTransport(uds=str(path))
            with (
                serve(api.application(), path),
                httpx.Client(transport=transport, base_url="http://host") as client,
            ):
                yield client


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Poll until it holds, or fail after a real minute."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, f"never so: {what}"
        time.sleep(0.01)


def is_ready(client: httpx.Client) -> bool:
    """Whether the stack reports Ready."""
    conditions = client.get("/v1/stack").json()["status"]["conditions"]
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)


def endings(rig: Rig) -> list[tuple[str, str]]:
    """Every operation and how it stands, the oldest first."""
    return [(found.spec.verb, found.status.phase) for found in rig.host.operations.all()]


def serving(client: httpx.Client) -> set[str]:
    """Nodes of the product that serve."""
    members = client.get("/v1/stack").json()["status"]["members"]
    return {found["name"] for found in members if found["component"] == "jira" and found["serving"]}


def versions(client: httpx.Client) -> set[str | None]:
    """What the members run."""
    members = client.get("/v1/stack").json()["status"]["members"]
    return {found.get("version") for found in members if found["component"] == "jira"}

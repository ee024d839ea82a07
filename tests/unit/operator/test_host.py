"""The host on the memory platform: real threads, time at two hundred times its speed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from telamon.desired.component import ComponentDesired, MemberDesired, Requirement, Upgrade
from telamon.desired.in_force import InForce
from telamon.errors import ConflictError, MachineError, RefusedError
from telamon.model.stack import Stack
from telamon.naming import ProductName
from telamon.operator.api import About, Api, HealthLine
from telamon.operator.host import Host
from telamon.operator.report import Transitions
from telamon.operator.schedule import Schedule
from telamon.operator.serving import serve
from telamon.operator.soaking import Soaking
from telamon.platforms.memory.parts import Behaviour, Fault
from telamon.platforms.memory.platform import MemoryPlatform
from telamon.platforms.memory.store import MemoryJournal, MemoryStore
from telamon.ports import Entry
from telamon.products.registry import registry
from telamon.state.world import Life
from tests.support.stacks import INFRASTRUCTURE, companion, database, edge, members, product

SPEED = 200.0


class FastClock:
    """Time that runs faster than it does."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def now(self) -> float:
        """Simulated seconds."""
        return 1_000_000.0 + (time.monotonic() - self._start) * SPEED

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
        wish, force = str(asked.version), in_force.releases.get("jira", str(asked.version))
        made = replace(product(), name="jira", members=_members(asked.nodes, force))
        if force != wish:
            jump = registry()["jira"].jump(force, wish)
            upgrade = Upgrade(force, wish, jump, mode=True, members=_members(asked.nodes, wish))
            made = replace(made, upgrade=upgrade)
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


def stack(nodes: int = 2, *, version: str = "11.3.1") -> Stack:
    """A stack file of one product."""
    return Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": "acme"},
            "spec": {"domain": "acme.example", "products": {"jira": {"version": version, "nodes": nodes}}},
        }
    )


@dataclass
class Rig:
    """A host with all its parts."""

    clock: FastClock
    platform: MemoryPlatform
    store: MemoryStore
    journal: FullJournal
    host: Host

    @classmethod
    def fresh(cls) -> Rig:
        """A host over an empty world."""
        clock = FastClock()
        plain = Behaviour(clustered=False, indexed=False, set_up=False)
        behaviours = {"database": INFRASTRUCTURE, "edge": INFRASTRUCTURE, "jira-helper": plain}
        platform = MemoryPlatform(clock, behaviours)
        store, journal = MemoryStore(), FullJournal()
        return cls(
            clock, platform, store, journal, Host(store, journal, platform, clock, Components(), poll=0.01)
        )

    def successor(self) -> Rig:
        """Another host after this one died, over the same world."""
        host = Host(self.store, self.journal, self.platform, self.clock, Components(), poll=0.01)
        return Rig(self.clock, self.platform, self.store, self.journal, host)

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
    """Poll until it holds, or fail after twenty real seconds."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, f"never so: {what}"
        time.sleep(0.01)


def is_ready(client: httpx.Client) -> bool:
    """Whether the stack reports Ready."""
    conditions = client.get("/v1/stack").json()["status"]["conditions"]
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A host that ends with the test."""
    made = Rig.fresh()
    yield made
    made.host.end()


@pytest.fixture
def client(rig: Rig) -> Iterator[httpx.Client]:
    """A client of the rig's host."""
    with rig.client() as made:
        yield made


def test_a_stack_becomes_ready_and_a_second_put_changes_nothing(rig: Rig, client: httpx.Client) -> None:
    assert client.get("/v1/stack").status_code == 404
    body = {"stack": stack().model_dump(mode="json"), "source": "stack.yaml"}
    assert client.put("/v1/stack", json=body).json() == {"generation": 1, "changed": True, "notes": []}
    eventually(lambda: is_ready(client), "ready")
    intents = len([entry for entry in rig.journal.entries if entry.kind == "intent"])
    assert client.put("/v1/stack", json=body).json() == {"generation": 1, "changed": False, "notes": []}
    eventually(lambda: is_ready(client), "ready again")
    assert len([entry for entry in rig.journal.entries if entry.kind == "intent"]) == intents
    assert client.post("/v1/plan", json=body).json() == {"steps": [], "waits": []}


def test_status_names_every_member(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    status = client.get("/v1/stack").json()["status"]
    assert [found["name"] for found in status["members"]] == [
        "database-0",
        "edge-0",
        "edge-1",
        "jira-0",
        "jira-1",
        "jira-helper-0",
        "jira-helper-1",
    ]
    assert all(found["serving"] for found in status["members"])
    assert status["observedGeneration"] == 1
    assert status["urls"] == {"jira": "http://127.0.0.1:8080"}


def test_a_crashed_member_comes_back_and_is_counted(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    rig.platform.strike("jira", "jira-1", fault=Fault.CRASH)

    def healed() -> bool:
        members = {found["name"]: found for found in client.get("/v1/stack").json()["status"]["members"]}
        return bool(members["jira-1"]["restarts"] == 1 and members["jira-1"]["serving"])

    eventually(healed, "healed")


def test_down_ends_every_member_then_the_host(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    assert client.post("/v1/down").json() == {"components": 4}
    eventually(lambda: rig.host.wait_ended(0.01), "ended")
    seen = [rig.platform.observe(desired) for desired in (database(), edge(), product(), companion())]
    assert [member.name for found in seen for member in found.members if member.life is not Life.ABSENT] == []


def test_nothing_is_applied_to_a_stack_that_goes_down(rig: Rig) -> None:
    rig.host.put(stack(), "stack.yaml")
    rig.host.down()
    with pytest.raises(ConflictError, match="taken down"):
        rig.host.put(stack(3), "stack.yaml")


def test_a_successor_goes_on_where_the_host_died(rig: Rig) -> None:
    rig.host.put(stack(), "stack.yaml")
    with rig.client() as client:
        eventually(lambda: is_ready(client), "ready")
    rig.host.end()
    second = rig.successor()
    second.host.resume()
    try:
        with second.client() as client:
            eventually(lambda: is_ready(client), "ready under the successor")
        calls = [entry for entry in rig.journal.entries if entry.subject.startswith("set-up on")]
        assert len([entry for entry in calls if entry.kind == "intent"]) == 1
    finally:
        second.host.end()


def test_a_stack_that_was_taken_down_stays_down(rig: Rig) -> None:
    rig.host.put(stack(), "stack.yaml")
    rig.host.down()
    eventually(lambda: rig.host.wait_ended(0.01), "ended")
    second = rig.successor()
    second.host.resume()
    assert second.host.lanes() == {}


def test_a_successor_finishes_a_shutdown(rig: Rig) -> None:
    rig.host.put(stack(), "stack.yaml")
    with rig.client() as client:
        eventually(lambda: is_ready(client), "ready")
    rig.host.down()
    rig.host.end()
    second = rig.successor()
    second.host.resume()
    assert second.host.down() == 4
    eventually(lambda: second.host.wait_ended(0.01), "ended")
    seen = [rig.platform.observe(desired) for desired in (database(), edge(), product(), companion())]
    assert [member.name for found in seen for member in found.members if member.life is not Life.ABSENT] == []


def test_a_host_that_could_not_begin_ends_and_takes_nothing_more(rig: Rig) -> None:
    rig.host.compiler = Components(trouble="port 8099 is taken")
    with pytest.raises(MachineError, match="8099"):
        rig.host.put(stack(), "stack.yaml")
    assert rig.host.wait_ended(0)
    rig.host.compiler = Components()
    with pytest.raises(ConflictError):
        rig.host.put(stack(), "stack.yaml")


def test_a_file_that_cannot_be_built_ends_nothing_that_is_kept(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    rig.host.compiler = Components(trouble="port 8099 is taken")
    with pytest.raises(MachineError, match="8099"):
        rig.host.put(stack(3), "stack.yaml")
    assert not rig.host.wait_ended(0)
    eventually(lambda: is_ready(client), "ready")


def test_a_successor_that_cannot_keep_the_stack_tells_why_and_can_end_it(rig: Rig) -> None:
    rig.host.put(stack(), "stack.yaml")
    rig.host.end()
    second = rig.successor()
    second.host.compiler = Components(trouble="facts.json is damaged")
    second.host.resume()
    with second.client() as client:
        assert client.get("/v1/stack").json()["metadata"]["name"] == "acme"
        assert client.post("/v1/down").json() == {"components": 0}
    assert second.host.wait_ended(0)


def test_another_version_rolls_out_by_an_operation_of_its_own(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    assert rig.host.put(stack(version="11.3.2"), "stack.yaml").generation == 2
    eventually(lambda: versions(client) == {"11.3.2"} and is_ready(client), "upgraded")
    operations = client.get("/v1/operations").json()["operations"]
    assert [(found["spec"]["verb"], found["status"]["phase"]) for found in operations] == [
        ("upgrade", "Succeeded")
    ]
    assert not rig.host.put(stack(version="11.3.2"), "stack.yaml").changed


def test_a_version_that_fails_is_held_and_retry_tries_again(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    rig.platform.behave("jira", Behaviour(dead_releases=frozenset({"11.3.2"})))
    rig.host.put(stack(version="11.3.2"), "stack.yaml")

    def held() -> bool:
        conditions = client.get("/v1/stack").json()["status"]["conditions"]
        return any(found["type"] == "UpgradeFailed" and found["status"] == "True" for found in conditions)

    eventually(held, "held")
    assert versions(client) == {"11.3.1"}
    assert not is_ready(client)
    rig.platform.behave("jira", Behaviour())
    client.post("/v1/retry", json={"component": "jira"})
    eventually(lambda: versions(client) == {"11.3.2"} and is_ready(client), "upgraded")


def test_putting_the_old_version_back_cancels_the_upgrade(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    rig.host.put(stack(version="11.3.2"), "stack.yaml")
    eventually(lambda: "11.3.2" in versions(client), "begun")
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: versions(client) == {"11.3.1"} and is_ready(client), "back")


def test_a_version_that_needs_a_downtime_is_refused(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    body = {"stack": stack(version="12.0.1").model_dump(mode="json"), "source": "stack.yaml"}
    refused = client.put("/v1/stack", json=body)
    assert refused.status_code == 409
    assert refused.json()["guard"] == "downtime-is-asked-for"
    assert "--downtime" in refused.json()["remedy"]
    rig.platform.strike("jira", "jira-1", fault=Fault.CRASH)

    def healed() -> bool:
        members = {found["name"]: found for found in client.get("/v1/stack").json()["status"]["members"]}
        found = members["jira-1"]
        return bool(found["restarts"] == 1 and found["serving"] and found["version"] == "11.3.1")

    eventually(healed, "healed")
    assert rig.host.put(stack(3), "stack.yaml").generation == 2


def test_another_version_is_refused_while_the_stack_is_down_too(rig: Rig) -> None:
    rig.host.put(stack(), "stack.yaml")
    with rig.client() as client:
        eventually(lambda: is_ready(client), "ready")
    rig.host.down()
    eventually(lambda: rig.host.wait_ended(0.01), "ended")
    second = rig.successor()
    with pytest.raises(RefusedError):
        second.host.put(stack(version="10.3.1"), "stack.yaml")


def versions(client: httpx.Client) -> set[str | None]:
    """What the members run."""
    members = client.get("/v1/stack").json()["status"]["members"]
    return {found.get("version") for found in members if found["component"] == "jira"}


def test_what_cannot_be_recorded_is_not_done_and_told(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    rig.journal.full = True
    rig.platform.strike("jira", "jira-1", fault=Fault.CRASH)

    def jira() -> dict[str, object]:
        components = client.get("/v1/stack").json()["status"]["components"]
        return next(found for found in components if found["name"] == "jira")

    eventually(lambda: jira()["reason"] == "NothingRecorded", "told")
    assert jira()["remedy"] == "free some space"
    assert not is_ready(client)
    conditions = {found["type"]: found for found in client.get("/v1/stack").json()["status"]["conditions"]}
    assert conditions["Degraded"]["status"] == "True"


def test_refusals_carry_branch_remedy_and_exit_code(client: httpx.Client) -> None:
    answer = client.post("/v1/retry", json={"component": "nobody"})
    assert answer.status_code == 404
    assert answer.json()["branch"] == "NotReadyError"
    assert answer.json()["exit"] == 9
    broken = client.put("/v1/stack", json={"stack": {"kind": "Stack"}})
    assert broken.status_code == 400
    assert client.put("/v1/stack", content=b"{").status_code == 400


def test_doctor_and_journal_are_served(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    assert client.get("/v1/doctor").json()["checks"][0]["name"] == "index"
    entries = client.get("/v1/journal", params={"component": "jira"}).json()["entries"]
    assert {entry["component"] for entry in entries} == {"jira"}
    last = entries[-1]["sequence"]
    assert client.get("/v1/journal", params={"since": last, "component": "jira"}).json() == {"entries": []}


def test_backups_come_round_by_themselves(rig: Rig) -> None:
    spec = stack().spec.model_dump(mode="json", by_alias=True) | {"backup": {"every": "15m"}}
    document = stack().model_dump(mode="json", by_alias=True, exclude={"status"}) | {"spec": spec}
    rig.host.put(Stack.model_validate(document, strict=False), "test")
    schedule = Schedule(rig.host)
    with rig.client() as client:
        eventually(lambda: is_ready(client), "ready")
    assert schedule.keep() == ()
    asked: list[str] = []

    def look() -> bool:
        asked.extend(schedule.keep())
        return bool(asked)

    eventually(look, "a backup is asked for")
    assert asked == ["jira"]
    (operation,) = rig.host.operations.all()
    assert operation.spec.verb == "backup"
    assert operation.spec.params == {"reason": "scheduled"}

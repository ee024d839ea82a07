"""The host on the memory platform."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import httpx
import pytest

from telamon.desired.component import ComponentDesired
from telamon.desired.in_force import InForce
from telamon.errors import ConflictError, MachineError
from telamon.model.stack import Stack
from telamon.operator.operations import Wish
from telamon.operator.schedule import Schedule
from telamon.platforms.memory.parts import Fault
from telamon.ports import Stored
from telamon.state.world import ComponentState, Life
from tests.support.hosting import Components, Rig, endings, eventually, is_ready, stack
from tests.support.stacks import companion, database, edge, members, product


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


def test_what_is_desired_anew_is_not_called_done_before_it_was_looked_at(
    rig: Rig, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Facts and operations change what is desired within a generation, also of components they are not about."""
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    seen, may_look = rig.platform.observe, threading.Event()

    def observe(wanted: ComponentDesired) -> ComponentState:
        assert wanted.name != "edge" or may_look.wait(20)
        return seen(wanted)

    def components(wanted: Stack, in_force: InForce) -> Sequence[ComponentDesired]:
        found = Components().components(wanted, in_force)
        return [replace(one, members=members("edge", 3)) if one.name == "edge" else one for one in found]

    monkeypatch.setattr(rig.platform, "observe", observe)
    monkeypatch.setattr(rig.host.compiler, "install", components)
    assert not rig.host.put(stack(), "stack.yaml").changed
    others = {name for name in rig.host.lanes() if name != "edge"}
    eventually(lambda: all(rig.host.lanes()[name].current for name in others), "the others were looked at")
    assert not is_ready(client)
    may_look.set()
    eventually(lambda: is_ready(client), "ready again")
    assert "edge-2" in {member.name for member in rig.platform.observe(edge()).members}


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


def test_what_is_asked_of_a_successor_before_its_first_look_waits_for_that(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.host.put(stack(), "stack.yaml")
    with rig.client() as client:
        eventually(lambda: is_ready(client), "ready")
    rig.host.end()
    second = rig.successor()
    seen, may_look = second.platform.observe, threading.Event()

    def observe(wanted: ComponentDesired) -> ComponentState:
        assert may_look.wait(20)
        return seen(wanted)

    monkeypatch.setattr(second.platform, "observe", observe)
    second.host.resume()
    asked = threading.Thread(target=lambda: second.host.operate(Wish("quarantine", "jira", "jira-1", {})))
    try:
        asked.start()
        assert second.host.operations.all() == ()
        may_look.set()
        asked.join(20)
        eventually(lambda: endings(second)[-1:] == [("quarantine", "Succeeded")], "jira-1 is set aside")
    finally:
        may_look.set()
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


def test_a_store_that_is_held_for_a_while_ends_no_keeping(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    rig.host.operate(Wish("restart", "jira", "", {}))
    rig.store.busy = True
    eventually(lambda: rig.host.lanes()["jira"].trouble is not None, "told by the lane that has to write")
    assert rig.host.lanes()["edge"].trouble is None
    rig.store.busy = False
    eventually(lambda: endings(rig)[-1] == ("restart", "Succeeded"), "carried through all the same")
    rig.platform.strike("jira", "jira-1", fault=Fault.CRASH)
    eventually(lambda: rig.host.lanes()["jira"].restarts.get("jira-1", 0) > 0, "healed all the same")
    eventually(lambda: is_ready(client), "ready again")


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
    spec = stack().spec.model_dump(mode="json", by_alias=True) | {"backup": {"every": "1d"}}
    document = stack().model_dump(mode="json", by_alias=True, exclude={"status"}) | {"spec": spec}
    rig.host.put(Stack.model_validate(document, strict=False), "test")
    schedule = Schedule(rig.host)
    with rig.client() as client:
        eventually(lambda: is_ready(client), "ready")
    assert schedule.keep() == ()
    rig.clock.skip(86_400.0)
    asked: list[str] = []

    def look() -> bool:
        asked.extend(schedule.keep())
        return bool(asked)

    eventually(look, "a backup is asked for")
    assert asked == ["jira"]
    (operation,) = rig.host.operations.all()
    assert operation.spec.verb == "backup"
    assert operation.spec.params == {"reason": "scheduled"}


def test_who_reads_that_an_operation_has_ended_finds_its_members_as_they_are_then(
    rig: Rig, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    found: list[set[str]] = []
    put = rig.store.put

    def watched(stored: Stored) -> Stored:
        written = put(stored)
        if (stored.status or {}).get("phase") == "Succeeded":
            outcome = rig.host.lanes()["jira"].outcome
            assert outcome is not None
            found.append({member.name for member in outcome.view.serving()})
        return written

    monkeypatch.setattr(rig.store, "put", watched)
    for verb in ("quarantine", "release"):
        rig.host.operate(Wish(verb, "jira", "jira-1", {}))
        eventually(lambda: endings(rig)[-1][1] == "Succeeded", f"{verb} has ended")
    assert found == [{"jira-0"}, {"jira-0", "jira-1"}]


def test_what_an_operation_would_do_is_told_and_nothing_is_done(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    wish = {"verb": "restart", "component": "jira", "member": "jira-1", "params": {}}
    told = client.post("/v1/operations/plan", json=wish).json()
    assert [step["step"] for step in told["steps"]] == [
        "drain jira-1",
        "stop jira-1",
        "start jira-1",
        "admit jira-1 to the front door",
    ]
    assert rig.host.operations.all() == ()
    refused = client.post("/v1/operations/plan", json=wish | {"verb": "release"})
    assert refused.json()["branch"] == "RefusedError"

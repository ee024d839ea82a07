"""Changes of version: begun, held, cancelled and agreed to, by the host on the memory platform."""

from __future__ import annotations

import httpx
import pytest

from telamon.errors import MachineError, RefusedError
from telamon.platforms.memory.parts import Behaviour, Fault
from tests.support.hosting import Components, Rig, endings, eventually, is_ready, serving, stack, versions


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
    rig.meanwhile("11.3.2", lambda: rig.host.put(stack(), "stack.yaml"))
    eventually(lambda: versions(client) == {"11.3.1"} and is_ready(client), "back")
    assert rig.platform.upgrade_mode("jira") is None
    assert endings(rig) == [("upgrade", "Cancelled")]
    assert rig.host.put(stack(version="11.3.2"), "stack.yaml").changed
    eventually(lambda: versions(client) == {"11.3.2"} and is_ready(client), "upgraded after all")


def test_the_old_version_put_back_in_a_major_upgrade_brings_the_old_data_back(rig: Rig) -> None:
    with rig.client() as client:
        rig.host.put(stack(), "stack.yaml")
        eventually(lambda: is_ready(client), "ready")
        with rig.host._lock:
            # Nodes that run look as if they started, too, and a pass in between would have the upgrade refused.
            rig.platform.behave("jira", Behaviour(start=10_000.0))
            rig.host.put(stack(version="12.0.1"), "stack.yaml", downtime=["jira"])
        rig.meanwhile("12.0.1", lambda: rig.host.put(stack(), "stack.yaml"))
        rig.platform.behave("jira", Behaviour())
        rig.host.end()
        second = rig.successor()
        second.host.resume()
    try:
        with second.client() as client:
            eventually(lambda: versions(client) == {"11.3.1"} and is_ready(client), "back")
        assert endings(second) == [("major-upgrade", "Cancelled")]
        put_back = [entry for entry in rig.journal.entries if "switch-data" in entry.subject]
        assert put_back, "old nodes were started on new data"
    finally:
        second.host.end()


def test_a_held_release_is_not_tried_again_by_an_edit_of_something_else(
    rig: Rig, client: httpx.Client
) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    rig.platform.behave("jira", Behaviour(dead_releases=frozenset({"11.3.2"})))
    rig.host.put(stack(version="11.3.2"), "stack.yaml")
    eventually(lambda: endings(rig) == [("upgrade", "Failed")], "held")
    assert rig.host.put(stack(3, version="11.3.2"), "elsewhere.yaml").generation == 3
    eventually(lambda: len(serving(client)) == 3, "the edit is in force")
    assert not rig.host.put(stack(3, version="11.3.2"), "stack.yaml").changed
    rig.host.end()
    second = rig.successor()
    second.host.resume()
    try:
        with second.client() as after:
            eventually(lambda: len(serving(after)) == 3, "kept")
        assert endings(second) == [("upgrade", "Failed")]
    finally:
        second.host.end()


def test_a_failed_major_upgrade_interrupts_nobody_again_without_another_agreement(
    rig: Rig, client: httpx.Client
) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    rig.platform.behave("jira", Behaviour(dead_releases=frozenset({"12.0.1"})))
    assert rig.host.put(stack(version="12.0.1"), "stack.yaml", downtime=["jira"]).changed
    assert not rig.host.put(stack(version="12.0.1"), "stack.yaml").changed
    eventually(lambda: endings(rig) == [("major-upgrade", "Failed")], "held")
    rig.platform.behave("jira", Behaviour())
    assert not rig.host.put(stack(version="12.0.1"), "stack.yaml").changed
    refused = client.post("/v1/retry", json={"component": "jira"})
    assert refused.json()["guard"] == "downtime-is-asked-for"
    client.post("/v1/retry", json={})
    assert endings(rig) == [("major-upgrade", "Failed")]
    eventually(lambda: len(serving(client)) == 2, "well again")
    assert not rig.host.put(stack(version="12.0.1"), "stack.yaml", downtime=["jira"]).changed
    eventually(lambda: versions(client) == {"12.0.1"} and is_ready(client), "upgraded")
    assert endings(rig) == [("major-upgrade", "Failed"), ("major-upgrade", "Succeeded")]


def test_a_file_that_is_refused_cancels_nothing(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    rig.platform.behave("jira", Behaviour(start=100.0))
    rig.host.put(stack(version="11.3.2"), "stack.yaml")
    eventually(lambda: "11.3.2" in versions(client), "begun")
    rig.host.compiler = Components(trouble="port 8099 is taken")
    with pytest.raises(MachineError, match="8099"):
        rig.host.put(stack(), "stack.yaml")
    rig.host.compiler = Components()
    (operation,) = rig.host.operations.all()
    assert not operation.status.cancelled


def test_final_tasks_that_failed_are_shown_and_tried_again(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    rig.platform.behave("jira", Behaviour(stuck_tasks=4))
    rig.host.put(stack(version="11.3.2"), "stack.yaml")

    def told() -> bool:
        components = client.get("/v1/stack").json()["status"]["components"]
        found = next(one for one in components if one["name"] == "jira")
        return bool(found["reason"] == "FinalTasksFailed" and "telamon retry jira" in found["remedy"])

    eventually(told, "told")
    assert not is_ready(client)
    client.post("/v1/retry", json={"component": "jira"})
    eventually(lambda: is_ready(client), "done")
    assert endings(rig) == [("upgrade", "Failed"), ("finish-upgrade", "Succeeded")]


def test_what_has_come_too_far_is_not_cancelled(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    rig.platform.behave("jira", Behaviour(stuck_tasks=10_000))
    rig.host.put(stack(version="11.3.2"), "stack.yaml")
    approved = "upgrade-jira-1:approved"
    eventually(lambda: any(found.subject == approved for found in rig.journal.entries), "approved")
    with pytest.raises(RefusedError, match="nothing turns back"):
        rig.host.cancel("upgrade-jira-1")
    with pytest.raises(RefusedError, match="nothing turns back"):
        rig.host.put(stack(), "stack.yaml")


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

"""Upgrades that wait for a maintenance window: told, cancelled, begun there, and known to the next controller."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from telamon.errors import RefusedError
from telamon.model.stack import Stack
from telamon.plan.view import LATER
from tests.support.hosting import Rig, endings, eventually, is_ready, stack, versions


def in_hours(rig: Rig, hours: float, version: str, *, lasts: str = "30m") -> Stack:
    """A stack file whose window opens in some hours of the rig's time."""
    opens = datetime.fromtimestamp(rig.clock.now(), UTC) + timedelta(hours=hours)
    return stack(version=version, window=f"{opens:%H:%M}", lasts=lasts)


def told(client: httpx.Client) -> dict[str, Any]:
    """How the product stands."""
    components = client.get("/v1/stack").json()["status"]["components"]
    found: dict[str, Any] = next(one for one in components if one["name"] == "jira")
    return found


def test_nothing_is_touched_before_the_window_and_status_and_operations_say_so(
    rig: Rig, client: httpx.Client
) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    rig.host.put(in_hours(rig, 12.0, "11.3.2"), "stack.yaml", in_window=["jira"])
    eventually(lambda: told(client)["reason"] == "AwaitsWindow", "told")
    assert "11.3.1 to 11.3.2 begins in the maintenance window that opens" in told(client)["message"]
    eventually(lambda: is_ready(client), "ready, with what waits left to wait")
    (operation,) = rig.host.operations.all()
    assert (operation.spec.verb, operation.status.phase) == ("upgrade", "Pending")
    assert "begins in the maintenance window" in operation.status.message
    assert versions(client) == {"11.3.1"}
    assert rig.host.put(in_hours(rig, 12.0, "11.3.2"), "stack.yaml", in_window=["jira"]).generation >= 2
    assert endings(rig) == [("upgrade", "Pending")]


def test_it_begins_in_the_window_also_under_the_next_controller(rig: Rig) -> None:
    with rig.client() as client:
        rig.host.put(stack(), "stack.yaml")
        eventually(lambda: is_ready(client), "ready")
        # Eighteen minutes of the rig's time are five seconds; once open, it stays so for as long as any test may take.
        rig.host.put(in_hours(rig, 0.3, "11.3.2", lasts="23h"), "stack.yaml", in_window=["jira"])
        rig.host.end()
    second = rig.successor()
    second.host.resume()
    try:
        with second.client() as client:
            eventually(lambda: versions(client) == {"11.3.2"} and is_ready(client), "upgraded")
        assert endings(second) == [("upgrade", "Succeeded")]
        assert second.host._lanes["jira"].executor.memory.later is None
    finally:
        second.host.end()


def test_cancelled_it_is_not_begun_and_retry_begins_it_at_once(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    later = in_hours(rig, 12.0, "11.3.2")
    rig.host.put(later, "stack.yaml", in_window=["jira"])
    eventually(lambda: told(client)["reason"] == "AwaitsWindow", "told")
    (operation,) = rig.host.operations.all()
    rig.host.retry("jira")
    assert endings(rig) == [("upgrade", "Pending")]
    rig.host.cancel(operation.metadata.name)
    rig.host.put(later, "stack.yaml")
    assert endings(rig) == [("upgrade", "Cancelled")]
    eventually(lambda: told(client)["reason"] == "UpgradeFailed", "told")
    rig.host.retry("jira")
    eventually(lambda: versions(client) == {"11.3.2"} and is_ready(client), "upgraded")
    assert endings(rig) == [("upgrade", "Cancelled"), ("upgrade", "Succeeded")]


def test_another_version_in_the_file_takes_it_back(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    rig.host.put(in_hours(rig, 12.0, "11.3.2"), "stack.yaml", in_window=["jira"])
    rig.host.put(in_hours(rig, 12.0, "11.3.1"), "stack.yaml")
    assert endings(rig) == [("upgrade", "Cancelled")]
    rig.host.put(in_hours(rig, 12.0, "11.3.2"), "stack.yaml")
    eventually(
        lambda: versions(client) == {"11.3.2"} and is_ready(client), "upgraded without a word of windows"
    )


def test_a_controller_that_died_before_it_wrote_the_operation_down_writes_it_later(
    rig: Rig, client: httpx.Client
) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    rig.host._lanes["jira"].executor.remember(f"{LATER}11.3.2", "somebody asked for it")
    rig.host.put(in_hours(rig, 12.0, "11.3.2"), "stack.yaml")
    assert endings(rig) == [("upgrade", "Pending")]


def test_a_major_version_waits_too_once_the_interruption_is_agreed_to(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    with pytest.raises(RefusedError) as caught:
        rig.host.put(in_hours(rig, 12.0, "12.0.1"), "stack.yaml", in_window=["jira"])
    assert caught.value.guard == "downtime-is-asked-for"
    rig.host.put(in_hours(rig, 12.0, "12.0.1"), "stack.yaml", in_window=["jira"], downtime=["jira"])
    assert endings(rig) == [("major-upgrade", "Pending")]


def test_without_a_window_it_is_refused_and_nothing_changes(rig: Rig, client: httpx.Client) -> None:
    rig.host.put(stack(), "stack.yaml")
    eventually(lambda: is_ready(client), "ready")
    with pytest.raises(RefusedError) as caught:
        rig.host.put(stack(version="11.3.2"), "stack.yaml", in_window=["jira"])
    assert caught.value.guard == "window-is-named"
    assert endings(rig) == []
    assert versions(client) == {"11.3.1"}

"""Upgrades without downtime, and what is refused on the way."""

from __future__ import annotations

import httpx
import pytest

from tests.understudy.jirasupport import ADMIN, JiraCluster, command
from tests.understudy.support import NodeProcess, eventually

pytestmark = pytest.mark.lab
ZDU = "/rest/api/2/cluster/zdu"


def state(client: httpx.Client) -> str:
    return str(client.get(f"{ZDU}/state").json()["state"])


def refused(node: NodeProcess, sentence: str) -> None:
    node.start()
    node.wait_for("ERROR")
    assert node.status() == (500, "ERROR")
    assert sentence in node.tail()
    node.stop()


def test_a_rolling_upgrade_of_two_nodes(jira: JiraCluster) -> None:
    one, _ = jira.set_up_node("one"), jira.join_node("two")
    client = one.client(auth=ADMIN)
    assert client.get(f"{ZDU}/state").json() == {
        "state": "STABLE",
        "build": {"buildNumber": 11030001, "version": "11.3.1"},
    }
    for verb in ("cancel", "approve", "retryUpgrade"):
        assert client.post(f"{ZDU}/{verb}").status_code == 409
    two = jira.nodes["two"]
    two.stop()
    refused(jira.node("two", version="11.3.5"), "is not in upgrade mode")
    assert client.post(f"{ZDU}/start").status_code == 201
    assert client.post(f"{ZDU}/start").status_code == 409
    assert client.post(f"{ZDU}/cancel").status_code == 200
    assert client.post(f"{ZDU}/start").status_code == 201
    assert state(client) == "READY_TO_UPGRADE"
    refused(
        jira.node("two", version="12.0.0"), "does not support zero downtime upgrades between major releases"
    )
    refused(jira.node("two", version="11.3.0"), "is older")
    jira.node("two", version="11.3.5")
    two = jira.nodes["two"]
    two.start()
    two.wait_for("RUNNING")
    assert state(client) == "MIXED"
    for verb in ("cancel", "approve", "start"):
        assert client.post(f"{ZDU}/{verb}").status_code == 409
    one.stop()
    second = two.client(auth=ADMIN)
    one = jira.node("one", version="11.3.5")
    one.start()
    one.wait_for("RUNNING")
    assert state(second) == "READY_TO_RUN_UPGRADE_TASKS"
    assert second.get(f"{ZDU}/state").json()["build"]["version"] == "11.3.1"
    command(two, "upgrade-tasks", fail=True)
    assert second.post(f"{ZDU}/approve").json()["state"] == "RUNNING_UPGRADE_TASKS"
    eventually(lambda: state(second) == "UPGRADE_TASKS_FAILED", what="the tasks fail")
    command(two, "upgrade-tasks", fail=False)
    assert second.post(f"{ZDU}/retryUpgrade").status_code == 200
    eventually(lambda: state(second) == "STABLE", what="the tasks end")
    assert second.get(f"{ZDU}/state").json()["build"] == {"buildNumber": 11030005, "version": "11.3.5"}
    assert {node["nodeVersion"] for node in second.get("/rest/api/2/cluster/nodes").json()} == {"11.3.5"}
    refused(jira.node("three", version="11.3.1"), "is older")


def test_an_upgrade_can_be_cancelled_once_every_node_is_back(jira: JiraCluster) -> None:
    one, two = jira.set_up_node("one"), jira.join_node("two")
    client = one.client(auth=ADMIN)
    assert client.post(f"{ZDU}/start").status_code == 201
    two.stop()
    newer = jira.node("two", version="11.4.0")
    newer.start()
    newer.wait_for("RUNNING")
    assert client.post(f"{ZDU}/cancel").status_code == 409
    newer.stop()
    back = jira.node("two")
    back.start()
    back.wait_for("RUNNING")
    assert state(client) == "READY_TO_UPGRADE"
    assert client.post(f"{ZDU}/cancel").json()["state"] == "STABLE"


def test_a_major_upgrade_needs_every_other_node_down(jira: JiraCluster) -> None:
    one, two = jira.set_up_node("one"), jira.join_node("two")
    two.stop()
    refused(jira.node("two", version="12.0.0"), "between major releases")
    one.stop()
    two = jira.node("two", version="12.0.0")
    two.start()
    two.wait_for("RUNNING")
    assert two.client(auth=ADMIN).get(f"{ZDU}/state").json()["build"]["version"] == "12.0.0"
    refused(jira.node("one", version="11.3.1"), "is older")


def test_upgrade_rest_is_for_administrators(jira: JiraCluster) -> None:
    node = jira.set_up_node("one")
    admin = node.client(auth=ADMIN)
    body = {"name": "user", "password": "pw", "emailAddress": "u@example.com", "displayName": "User"}
    assert admin.post("/rest/api/2/user", json=body).status_code == 201
    assert node.client(auth=("user", "pw")).post(f"{ZDU}/start").status_code == 403
    assert node.client().post(f"{ZDU}/start").status_code == 401

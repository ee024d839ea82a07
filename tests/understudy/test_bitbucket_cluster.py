"""Membership, rolling upgrades, the maintenance lock, and a node that loses its database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.understudy.gitserver import ADMIN, VERSION, Stack, Worktree
from tests.understudy.support import NodeProcess, PostgreSQL, eventually, free_port

pytestmark = pytest.mark.lab
NEWER = "9.4.17"


@pytest.fixture
def stack(tmp_path: Path, database: Mapping[str, str]) -> Iterator[Stack]:
    stack = Stack(tmp_path, database)
    yield stack
    stack.clean_up()


@pytest.fixture
def pair(stack: Stack) -> tuple[NodeProcess, NodeProcess]:
    stack.plan(2)
    return stack.running(0), stack.running(1)


def members(node: NodeProcess) -> dict[str, str]:
    cluster = node.client(auth=ADMIN).get("/rest/api/latest/admin/cluster").json()
    return {one["name"]: one["buildVersion"] for one in cluster["nodes"]}


def zdu(node: NodeProcess, path: str = "cluster") -> dict[str, Any]:
    overview: dict[str, Any] = node.client(auth=ADMIN).get(f"/rest/zdu/{path}").json()
    return overview


def states(node: NodeProcess) -> dict[str, tuple[str, str]]:
    return {one["name"]: (one["version"], one["state"]) for one in zdu(node)["nodes"]}


def upgrade(stack: Stack, node: NodeProcess, version: str) -> None:
    assert node.stop() == 0
    node.environment["UNDERSTUDY_VERSION"] = version
    node.start()


def test_both_nodes_see_both_and_one_that_leaves_is_gone(pair: tuple[NodeProcess, NodeProcess]) -> None:
    first, second = pair
    for node in pair:
        eventually(lambda node=node: len(members(node)) == 2, what="two members")  # type: ignore[misc]
    local = zdu(first, "state")["buildInfo"]
    assert (local["name"], local["local"], local["state"]) == ("node0", True, "ACTIVE")
    assert zdu(first, f"nodes/{local['id']}")["id"] == local["id"]
    assert first.client(auth=ADMIN).get("/rest/zdu/nodes/nobody").status_code == 404
    assert second.stop() == 0
    eventually(lambda: len(members(first)) == 1, what="one member", seconds=3)
    second.start()
    second.wait_for("RUNNING")
    eventually(lambda: len(members(first)) == 2, what="two members again")
    second.kill()
    eventually(lambda: len(members(first)) == 1, what="a killed node is gone")


def test_a_node_that_the_others_do_not_list_joins_by_its_own_list(stack: Stack) -> None:
    stack.plan(2)
    alone = f"{stack.addresses[0]}:{stack.hazelcast}"
    first = stack.running(0, HAZELCAST_NETWORK_TCPIP_MEMBERS=alone)
    second = stack.running(1)
    for node in (first, second):
        eventually(lambda node=node: len(members(node)) == 2, what="two members")  # type: ignore[misc]


def test_a_wrong_group_password_makes_no_member(stack: Stack) -> None:
    stack.plan(2)
    first = stack.running(0)
    second = stack.running(1, HAZELCAST_GROUP_PASSWORD="other")
    assert len(members(first)) == len(members(second)) == 1
    assert "other" not in second.tail()
    checks = second.client(auth=ADMIN).get("/rest/troubleshooting/1.0/check/").json()["statuses"]
    assert {check["name"]: check["isHealthy"] for check in checks}["Cluster members"] is False


def test_a_rolling_upgrade_from_start_to_approval(
    stack: Stack, pair: tuple[NodeProcess, NodeProcess]
) -> None:
    first, second = pair
    eventually(lambda: len(members(first)) == 2, what="two members")
    admin = first.client(auth=ADMIN)
    assert zdu(first)["state"] == "STABLE"
    assert admin.post("/rest/zdu/approve").status_code == 409
    assert admin.post("/rest/zdu/cancel").status_code == 409
    started = admin.post("/rest/zdu/start").json()
    assert (started["state"], started["upgradeModeEnabled"], started["originalVersion"]) == (
        "READY_TO_UPGRADE",
        True,
        VERSION,
    )
    assert admin.post("/rest/zdu/start").status_code == 409
    assert second.stop() == 0
    eventually(lambda: states(first).get("node1") == (VERSION, "OFFLINE"), what="node1 is OFFLINE")
    second.environment["UNDERSTUDY_VERSION"] = NEWER
    second.start()
    second.wait_for("RUNNING")
    eventually(lambda: zdu(first)["state"] == "MIXED", what="MIXED")
    assert admin.post("/rest/zdu/cancel").status_code == 409
    assert admin.post("/rest/zdu/approve").status_code == 409
    upgrade(stack, first, NEWER)
    first.wait_for("RUNNING")
    eventually(lambda: zdu(second)["state"] == "READY_TO_RUN_UPGRADE_TASKS", what="every node is new")
    eventually(lambda: set(states(second).values()) == {(NEWER, "ACTIVE")}, what="every node is active")
    assert second.client(auth=ADMIN).post("/rest/zdu/approve").json()["state"] == "STABLE"
    assert zdu(first)["upgradeModeEnabled"] is False


def test_another_release_may_not_join_without_upgrade_mode(
    stack: Stack, pair: tuple[NodeProcess, NodeProcess]
) -> None:
    first, second = pair
    upgrade(stack, second, NEWER)
    second.wait_for("ERROR")
    assert second.status()[0] == 500
    assert len(members(first)) == 1
    assert first.client(auth=ADMIN).post("/rest/zdu/start").status_code == 200
    upgrade(stack, second, "9.5.0")
    second.wait_for("ERROR")
    upgrade(stack, second, VERSION)
    second.wait_for("RUNNING")
    eventually(lambda: zdu(first)["state"] == "READY_TO_UPGRADE", what="everything is as it was")
    assert first.client(auth=ADMIN).post("/rest/zdu/cancel").json()["state"] == "STABLE"


def test_the_variant_of_the_prose(stack: Stack) -> None:
    node = stack.running(UNDERSTUDY_VARIANTS="zdu-prose")
    admin = node.client(auth=ADMIN)
    assert admin.get("/rest/zdu/state").status_code == 404
    assert admin.get("/rest/zdu/cluster/state").json()["state"] == "STABLE"
    assert admin.post("/rest/zdu/cluster/start").json()["state"] == "READY_TO_UPGRADE"
    assert admin.get("/rest/zdu/cluster").json()["originalVersion"] == VERSION


def test_the_maintenance_lock_closes_every_node_and_a_backup_drains(
    pair: tuple[NodeProcess, NodeProcess], tmp_path: Path
) -> None:
    first, second = pair
    admin = first.client(auth=ADMIN)
    admin.post("/rest/api/latest/projects", json={"key": "PROJ", "name": "Project"})
    admin.post("/rest/api/latest/projects/PROJ/repos", json={"name": "repo"})
    assert admin.get("/mvc/maintenance").status_code == 404
    locked = admin.post("/mvc/maintenance/lock")
    assert locked.status_code == 202
    token = locked.json()["unlockToken"]
    assert admin.post("/mvc/maintenance/lock").status_code == 409
    for node in pair:
        node.wait_for("MAINTENANCE")
        assert node.status() == (200, "MAINTENANCE")
        assert node.client(auth=ADMIN).get("/rest/api/latest/projects").status_code == 503
    tree = Worktree.make(tmp_path / "tree")
    tree.commit({"a": "1\n"})
    url = f"{second.url}/scm/proj/repo.git".replace("http://", f"http://{ADMIN[0]}:{ADMIN[1]}@")
    assert tree.git("push", url, "main", check=False).returncode != 0
    holder = {"X-Atlassian-Maintenance-Token": token}
    external = {"external": "true"}
    assert admin.post("/mvc/admin/backups", params=external).status_code == 403
    begun = admin.post("/mvc/admin/backups", params=external, headers=holder)
    assert begun.status_code == 202
    assert begun.json()["cancelToken"] != token

    def drained() -> bool:
        answer = second.client(auth=ADMIN).get("/mvc/maintenance", headers=holder).json()
        words = (answer["db-state"], answer["scm-state"], answer["task"]["state"])
        return words == ("DRAINED", "DRAINED", "RUNNING")

    eventually(drained, what="everything is drained")
    assert "db-state" not in admin.get("/mvc/maintenance").json()
    progress = {"token": token, "percentage": "100"}
    assert admin.post("/mvc/admin/backups/progress/client", params=progress).status_code == 202
    assert admin.delete("/mvc/maintenance/lock", params={"token": "wrong"}).status_code == 403
    assert admin.delete("/mvc/maintenance/lock", params={"token": token}).status_code == 200
    for node in pair:
        node.wait_for("RUNNING")
    tree.git("push", "-q", url, "main")


def test_a_lock_outlives_a_restart(stack: Stack) -> None:
    node = stack.running()
    token = node.client(auth=ADMIN).post("/mvc/maintenance/lock").json()["unlockToken"]
    node.kill()
    node.start()
    node.wait_for("MAINTENANCE")
    assert node.client(auth=ADMIN).delete("/mvc/maintenance/lock", params={"token": token}).status_code == 200
    node.wait_for("RUNNING")


def test_a_node_without_a_database_at_its_start_is_in_error(stack: Stack) -> None:
    node = stack.add(JDBC_URL=f"jdbc:postgresql://127.0.0.1:{free_port('127.0.0.1')}/nothing")
    node.start()
    node.wait_for("STARTING")
    assert node.status()[0] == 503
    assert node.client().get("/rest/api/latest/projects").status_code == 503
    node.wait_for("ERROR")
    assert node.status() == (500, "ERROR")


def test_a_database_that_goes_and_comes_back(stack: Stack, postgres: PostgreSQL) -> None:
    node = stack.running()
    admin = node.client(auth=ADMIN)
    assert admin.get("/rest/api/latest/projects").status_code == 200
    postgres.kill()
    try:
        assert admin.get("/rest/api/latest/projects").status_code == 500
        assert node.status() == (200, "RUNNING")
        assert (
            admin.get("/scm/proj/repo.git/info/refs", params={"service": "git-upload-pack"}).status_code
            == 500
        )
    finally:
        postgres.start()
    eventually(
        lambda: admin.get("/rest/api/latest/projects").status_code == 200, what="it reconnects by itself"
    )


def test_starting_and_stopping_take_their_time(stack: Stack) -> None:
    node = stack.add(UNDERSTUDY_START_SECONDS="2", UNDERSTUDY_STOP_SECONDS="2")
    node.start()
    node.wait_for("STARTING")
    assert node.status()[0] == 503
    node.wait_for("RUNNING")
    assert node.process is not None
    node.process.terminate()
    node.wait_for("STOPPING")
    assert node.client(auth=ADMIN).get("/rest/api/latest/projects").status_code == 200
    assert node.process.wait(20) == 0


def test_wrong_settings_are_told_at_once_and_without_secrets(stack: Stack) -> None:
    node = stack.add(
        SERVER_PORT="many", JDBC_URL="mysql:x", HAZELCAST_NETWORK_AWS="true", JDBC_PASSWORD="s3cr3t"
    )
    node.start()
    assert node.process is not None
    assert node.process.wait(20) == 2
    said = node.tail()
    assert all(name in said for name in ("SERVER_PORT", "JDBC_URL", "HAZELCAST_NETWORK_AWS"))
    assert "s3cr3t" not in said

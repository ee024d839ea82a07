"""Upgrades without downtime: states, refusals, and what may start on what."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.understudy.support import NodeProcess, PostgreSQL, cleaned, eventually
from tests.understudy.wiki_support import ADMIN, WikiCluster, WikiTemplate, make_cluster, set_up, start_all
from understudy.confluence.configfile import read_config
from understudy.confluence.membership import Member
from understudy.confluence.upgrade import StartRefused, StoredVersion, check_start, cluster_state
from understudy.kit.settings import Release


def member(node_id: str, version: str) -> Member:
    return Member(node_id, node_id, "127.0.0.1", version, 1, "RUNNING", 0, 0, local=False)


def stored(
    version: str = "10.2.7", *, mode: bool = True, runner: str = "", failure: str = ""
) -> StoredVersion:
    release = Release.parse(version)
    return StoredVersion(release, release.build_number, mode, runner, failure)


@pytest.mark.parametrize(
    ("said", "versions", "state"),
    [
        (stored(mode=False), ["10.2.7", "10.2.7"], "STABLE"),
        (stored(), ["10.2.7", "10.2.7"], "READY_TO_UPGRADE"),
        (stored(), ["10.2.7", "10.2.8"], "MIXED"),
        (stored(), ["10.2.8", "10.2.8"], "READY_TO_RUN_UPGRADE_TASKS"),
        (stored(runner="0"), ["10.2.8", "10.2.8"], "RUNNING_UPGRADE_TASKS"),
        (stored(runner="gone"), ["10.2.8", "10.2.8"], "UPGRADE_TASKS_FAILED"),
        (stored(failure="x"), ["10.2.8", "10.2.8"], "UPGRADE_TASKS_FAILED"),
    ],
)
def test_the_state_follows_from_the_database_and_the_members(
    said: StoredVersion, versions: list[str], state: str
) -> None:
    members = [member(str(number), version) for number, version in enumerate(versions)]
    assert cluster_state(said, members) == state


@pytest.mark.parametrize(
    ("release", "said", "alone", "outcome"),
    [
        ("10.2.7", stored(mode=False), False, "start"),
        ("10.2.8", stored(mode=False), True, "upgrade"),
        ("11.0.0", stored(mode=False), True, "upgrade"),
        ("10.2.8", stored(mode=False), False, "refuse"),
        ("10.2.8", stored(), False, "start"),
        ("10.3.0", stored(), False, "start"),
        ("10.4.0", stored(), False, "refuse"),
        ("11.0.0", stored(), False, "refuse"),
        ("10.2.6", stored(), True, "refuse"),
    ],
)
def test_a_release_starts_only_where_the_rules_allow(
    release: str, said: StoredVersion, alone: bool, outcome: str
) -> None:
    if outcome == "refuse":
        with pytest.raises(StartRefused):
            check_start(Release.parse(release), said, alone=alone)
    else:
        assert check_start(Release.parse(release), said, alone=alone) == (outcome == "upgrade")


@pytest.fixture(scope="module")
def template(
    postgres: PostgreSQL, database_numbers: Iterator[int], tmp_path_factory: pytest.TempPathFactory
) -> WikiTemplate:
    database = postgres.create_database(f"u{os.getpid()}_{next(database_numbers)}")
    return WikiTemplate.make(database, tmp_path_factory.mktemp("template"))


@pytest.fixture
def cluster(
    postgres: PostgreSQL, template: WikiTemplate, database_numbers: Iterator[int], tmp_path: Path
) -> Iterator[WikiCluster]:
    """Two nodes that run, with a space DEV."""
    name = f"u{os.getpid()}_{next(database_numbers)}"
    laid_out = template.lay_out(postgres, name, tmp_path, size=2)
    with cleaned(laid_out.nodes):
        start_all(laid_out.nodes)
        yield laid_out


def state_of(client: httpx.Client) -> str:
    return str(client.get("/rest/zdu/cluster").json()["state"])


def change_release(node: NodeProcess, version: str) -> None:
    node.stop()
    node.environment["UNDERSTUDY_VERSION"] = version
    node.start()


@pytest.mark.lab
def test_a_rolling_upgrade_goes_through_its_states(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    client, other = first.client(auth=ADMIN), second.client(auth=ADMIN)
    assert state_of(client) == "STABLE"
    assert client.post("/rest/zdu/approve").status_code == 409
    assert client.post("/rest/zdu/cancel").status_code == 409
    assert client.post("/rest/zdu/start").json()["state"] == "READY_TO_UPGRADE"
    assert client.post("/rest/zdu/start").status_code == 409
    change_release(second, "10.2.8")
    second.wait_for("RUNNING")
    eventually(lambda: state_of(client) == "MIXED", what="MIXED")
    assert client.post("/rest/zdu/cancel").status_code == 409
    assert client.post("/rest/zdu/approve").status_code == 409
    change_release(first, "10.2.8")
    first.wait_for("RUNNING")
    eventually(lambda: state_of(other) == "READY_TO_RUN_UPGRADE_TASKS", what="all nodes are new")
    assert other.post("/rest/zdu/approve").json()["state"] == "RUNNING_UPGRADE_TASKS"
    eventually(lambda: state_of(other) == "STABLE", what="the tasks end")
    overview = other.get("/rest/zdu/cluster").json()
    assert overview["originalVersion"] == "10.2.8"
    assert {node["version"] for node in overview["nodes"]} == {"10.2.8"}

    def builds() -> bool:
        configs = [read_config(home) for home in (cluster.shared_home, *map(cluster.home, cluster.nodes))]
        return {config.build_number for config in configs if config} == {Release.parse("10.2.8").build_number}

    eventually(builds, what="every configuration file has the new build number")
    start_again = cluster.nodes[0]
    start_again.stop()
    start_again.start()
    start_again.wait_for("RUNNING")


@pytest.mark.lab
def test_an_upgrade_is_rolled_back_and_cancelled(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    client = first.client(auth=ADMIN)
    client.post("/rest/zdu/start")
    change_release(second, "10.2.8")
    second.wait_for("RUNNING")
    change_release(second, "10.2.7")
    second.wait_for("RUNNING")
    eventually(lambda: state_of(client) == "READY_TO_UPGRADE", what="every node is old again")
    assert client.post("/rest/zdu/cancel").json()["state"] == "STABLE"


@pytest.mark.lab
def test_another_release_does_not_join_without_upgrade_mode(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    change_release(second, "10.2.8")
    second.wait_for("ERROR")
    assert "not in upgrade mode" in second.tail()
    assert first.status()[1] == "RUNNING"


@pytest.mark.lab
def test_the_whole_cluster_is_upgraded_by_the_first_node_after_a_stop(cluster: WikiCluster) -> None:
    first, second = cluster.nodes
    second.stop()
    change_release(first, "11.0.0")
    first.wait_for("RUNNING")
    second.environment["UNDERSTUDY_VERSION"] = "11.0.0"
    second.start()
    second.wait_for("RUNNING")
    assert state_of(second.client(auth=ADMIN)) == "STABLE"


@pytest.mark.lab
def test_the_administration_guide_s_path_is_a_variant(cluster: WikiCluster) -> None:
    first = cluster.nodes[0]
    first.stop()
    first.environment["UNDERSTUDY_VARIANTS"] = "zdu-admin-path"
    first.start()
    first.wait_for("RUNNING")
    client = first.client(auth=ADMIN)
    assert client.post("/rest/zdu/start").status_code == 404
    assert client.post("/rest/zdu/cluster/zdu/start").json()["state"] == "READY_TO_UPGRADE"


@pytest.mark.lab
def test_a_single_node_has_no_rolling_upgrade(database: Mapping[str, str], tmp_path: Path) -> None:
    alone = make_cluster(database, tmp_path, size=1, clustered=False)
    with cleaned(alone.nodes):
        set_up(alone.nodes[0])
        answer = alone.nodes[0].client(auth=ADMIN).get("/rest/zdu/cluster")
        assert answer.status_code == 403
        assert "clustered installation" in answer.json()["message"]

"""Several nodes of the issue tracker: replication, loss of a node, of the database, of the index."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import httpx
import pytest

from tests.understudy.jirasupport import (
    ADMIN,
    LICENCE,
    JiraCluster,
    command,
    make_issue,
    make_project,
    search,
    walk,
)
from tests.understudy.support import NodeProcess, PostgreSQL, eventually

pytestmark = pytest.mark.lab


def nodes_by_id(client: httpx.Client) -> dict[str, dict[str, object]]:
    answer = client.get("/rest/api/2/cluster/nodes")
    assert answer.status_code == 200, answer.text
    return {node["nodeId"]: node for node in answer.json()}


def checks_by_name(client: httpx.Client) -> dict[str, dict[str, object]]:
    answer = client.get("/rest/troubleshooting/1.0/check/")
    assert answer.status_code == 200, answer.text
    return {check["name"]: check for check in answer.json()["statuses"]}


def healthy(client: httpx.Client, name: str) -> bool:
    return bool(checks_by_name(client)[name]["isHealthy"])


def wait_healthy(client: httpx.Client, name: str) -> None:
    eventually(lambda: healthy(client, name), what=f"{name} is healthy")


def count(client: httpx.Client) -> int:
    return int(client.get("/rest/api/2/search", params={"jql": "", "maxResults": 0}).json()["total"])


def test_two_nodes_see_each_other_and_each_others_writes(jira: JiraCluster) -> None:
    one = jira.set_up_node("one")
    first = make_project(one)
    make_issue(first, "Before the second node")
    two = jira.join_node("two")
    second = two.client(auth=ADMIN)
    assert search(second, "text ~ before") == ["TEL-1"]
    for client in (first, second):
        assert {node["state"] for node in nodes_by_id(client).values()} == {"ACTIVE"}
        wait_healthy(client, "Cluster Cache Replication")
    make_issue(first, "Written on one")
    make_issue(second, "Written on two")
    assert search(second, "summary ~ two") == ["TEL-3"]
    eventually(lambda: search(second, "summary ~ one") == ["TEL-2"], what="two finds what one wrote")
    eventually(lambda: search(first, "summary ~ two") == ["TEL-3"], what="one finds what two wrote")
    assert first.get("/rest/api/2/issue/TEL-3").json()["fields"]["summary"] == "Written on two"
    attached = first.post(
        "/rest/api/2/issue/TEL-2/attachments",
        files={"file": ("a.txt", b"shared")},
        headers={"X-Atlassian-Token": "no-check"},
    ).json()[0]
    assert second.get(f"/secure/attachment/{attached['id']}/a.txt").content == b"shared"
    first.put("/rest/api/2/settings/baseUrl", json="http://tracker.example")
    eventually(
        lambda: second.get("/rest/api/2/serverInfo").json()["baseUrl"] == "http://tracker.example",
        what="two has the new base URL",
    )


def test_a_session_ends_with_its_node_and_remember_me_outlives_it(jira: JiraCluster) -> None:
    one = jira.set_up_node("one")
    two = jira.join_node("two")
    browser = one.client()
    login = {"os_username": "admin", "os_password": ADMIN[1]}
    assert browser.post("/login.jsp", data=login).status_code == 302
    elsewhere = {"Cookie": f"JSESSIONID={browser.cookies['JSESSIONID']}"}
    assert httpx.get(f"{two.url}/rest/api/2/myself", headers=elsewhere).status_code == 401
    browser.post("/login.jsp", data=login | {"os_cookie": "true"})
    remembered = {"Cookie": f"seraph.rememberme.cookie={browser.cookies['seraph.rememberme.cookie']}"}
    answer = httpx.get(f"{two.url}/rest/api/2/myself", headers=remembered)
    assert (answer.status_code, answer.json()["name"]) == (200, "admin")
    assert "JSESSIONID" in answer.cookies
    browser.get("/logout")
    assert httpx.get(f"{two.url}/rest/api/2/myself", headers=remembered).status_code == 401


def test_no_acknowledged_write_is_lost_when_a_node_is_killed(jira: JiraCluster) -> None:
    one = jira.set_up_node("one")
    make_project(one)
    two = jira.join_node("two")
    acknowledged: dict[str, str] = {}
    attachments: dict[str, bytes] = {}
    killed = threading.Event()

    def write(worker: int) -> None:
        with httpx.Client(base_url=two.url, auth=ADMIN, timeout=10) as client:
            for number in range(1000):
                summary = f"worker {worker} number {number}"
                try:
                    key = make_issue(client, summary)
                    acknowledged[key] = summary
                    content = f"{summary} {'x' * 5000}".encode()
                    answer = client.post(
                        f"/rest/api/2/issue/{key}/attachments",
                        files={"file": ("a.txt", content)},
                        headers={"X-Atlassian-Token": "no-check"},
                    )
                    if answer.status_code == 200:
                        attachments[answer.json()[0]["id"]] = content
                except httpx.TransportError:
                    assert killed.is_set()
                    return

    workers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    eventually(lambda: len(attachments) > 40, what="writes are under way")
    killed.set()
    two.kill()
    for worker in workers:
        worker.join()
    first = one.client(auth=ADMIN)
    for key, summary in acknowledged.items():
        assert first.get(f"/rest/api/2/issue/{key}?fields=summary").json()["fields"]["summary"] == summary
    for attachment_id, content in attachments.items():
        assert first.get(f"/secure/attachment/{attachment_id}/a.txt").content == content
    eventually(lambda: count(first) >= len(acknowledged), what="the survivor finds every issue")
    two.start()
    two.wait_for("RUNNING")
    second = two.client(auth=ADMIN)
    assert count(second) == count(first)


def test_a_dead_node_can_be_set_offline_and_deleted(jira: JiraCluster) -> None:
    one = jira.set_up_node("one")
    client = one.client(auth=ADMIN)
    two = jira.join_node("two")
    path = "/rest/api/2/cluster/node/two"
    assert client.put(f"{path}/offline").status_code == 409
    assert client.delete(path).status_code == 409
    two.kill()
    eventually(lambda: not nodes_by_id(client)["two"]["alive"], what="two has no pulse")
    assert nodes_by_id(client)["two"]["state"] == "ACTIVE"
    assert client.put(f"{path}/offline").status_code == 200
    assert nodes_by_id(client)["two"]["state"] == "OFFLINE"
    assert client.delete(path).status_code == 204
    assert list(nodes_by_id(client)) == ["one"]
    assert client.delete(path).status_code == 404
    two.start()
    two.wait_for("RUNNING")
    assert two.stop() == 0
    assert nodes_by_id(client)["two"]["state"] == "OFFLINE"


def test_a_node_that_is_not_clustered_says_so(jira: JiraCluster) -> None:
    node = jira.set_up_node("one", CLUSTERED="false")
    answer = node.client(auth=ADMIN).get("/rest/api/2/cluster/nodes")
    assert (answer.status_code, answer.json()["errorMessages"]) == (
        405,
        ["This Jira instance is not clustered"],
    )


def test_stopping_still_answers_and_ends_with_zero(jira: JiraCluster) -> None:
    node = jira.set_up_node("one", UNDERSTUDY_STOP_SECONDS="1.5")
    client = node.client(auth=ADMIN)
    assert node.process is not None
    node.process.terminate()
    node.wait_for("STOPPING")
    assert node.status() == (200, "STOPPING")
    assert client.get("/rest/api/2/myself").status_code == 200
    assert node.process.wait(20) == 0
    assert "stopped" in (Path(node.environment["JIRA_HOME"]) / "log" / "atlassian-jira.log").read_text()


def test_a_database_that_goes_and_comes_back(jira: JiraCluster, postgres: PostgreSQL) -> None:
    node = jira.set_up_node("one")
    client = make_project(node)
    key = make_issue(client, "Written before")
    assert healthy(client, "Database connection")
    postgres.kill()
    try:
        assert client.get(f"/rest/api/2/issue/{key}").status_code == 500
        assert client.post("/rest/api/2/issue", json={"fields": {}}).status_code in {400, 500}
        assert node.status() == (200, "RUNNING")
        assert not healthy(client, "Database connection")
        late = jira.node("two")
        late.start()
        late.wait_for("ERROR")
        assert late.status() == (500, "ERROR")
        assert late.client().get("/").status_code == 503
    finally:
        postgres.start()
    assert client.get(f"/rest/api/2/issue/{key}").json()["fields"]["summary"] == "Written before"
    make_issue(client, "Written after")
    assert search(client, "summary ~ written ORDER BY key") == ["TEL-1", "TEL-2"]
    assert healthy(client, "Database connection")
    assert late.status() == (500, "ERROR")
    late.stop()
    late.start()
    late.wait_for("RUNNING")


def test_a_cut_to_the_database_shows_on_one_node_alone(jira: JiraCluster) -> None:
    node = jira.set_up_node("one")
    client = node.client(auth=ADMIN)
    assert client.get("/rest/api/2/myself").status_code == 200
    command(node, "database", cut=True)
    assert client.get("/rest/api/2/project").status_code == 500
    assert not healthy(client, "Database connection")
    command(node, "database", cut=False)
    assert healthy(client, "Database connection")


def index_folder(node: NodeProcess) -> Path:
    return Path(node.environment["JIRA_HOME"]) / "caches" / "indexesV1" / "issues"


@pytest.mark.parametrize("damage", ["gone", "torn", "intact"])
def test_a_node_gets_its_index_back(jira: JiraCluster, damage: str) -> None:
    one = jira.set_up_node("one")
    client = make_project(one)
    for number in range(30):
        make_issue(client, f"Number {number}")
    two = jira.join_node("two")
    two.kill()
    make_issue(client, "While two was away")
    client.delete("/rest/api/2/issue/TEL-5")
    segments = index_folder(two) / "segments"
    if damage == "gone":
        shutil.rmtree(index_folder(two))
    elif damage == "torn":
        for path in segments.iterdir():
            if path.suffix in {".term", ".idx", ".store", ".fast"}:
                path.write_bytes(path.read_bytes()[:10])
    two.log.write_text("")
    two.start()
    two.wait_for("RUNNING")
    second = two.client(auth=ADMIN)
    assert search(second, "text ~ away") == ["TEL-31"]
    assert count(second) == 30
    expected = {
        "gone": "there is no index in",
        "torn": "cannot be read",
        "intact": "index caught up by 2 operations",
    }
    assert expected[damage] in two.log.read_text()
    assert ("re-index: 30 of 30 issues" in two.log.read_text()) == (damage != "intact")


def test_a_snapshot_spares_the_full_reindex(jira: JiraCluster) -> None:
    one = jira.set_up_node("one")
    client = make_project(one)
    for number in range(20):
        make_issue(client, f"Number {number}")
    search(client, "")
    path = Path(client.post("/rest/api/2/index-snapshot").json()["futureAbsolutePath"])
    eventually(path.exists, what="the snapshot is there")
    assert path.name.startswith("IndexSnapshot_")
    assert path.name.endswith(".tar.sz")
    make_issue(client, "After the snapshot")
    no_reindex = "-Dcom.atlassian.jira.startup.allow.full.reindex=false"
    two = jira.join_node("two", JVM_SUPPORT_RECOMMENDED_ARGS=no_reindex)
    assert f"index restored from {path.name}" in two.log.read_text()
    assert count(two.client(auth=ADMIN)) == 21
    two.stop()
    path.unlink()
    shutil.rmtree(index_folder(two))
    two.start()
    two.wait_for("MAINTENANCE")
    assert two.status() == (503, "MAINTENANCE")


def test_a_foreground_reindex_reaches_the_other_nodes(jira: JiraCluster) -> None:
    one = jira.set_up_node("one")
    client = make_project(one)
    make_issue(client, "An issue")
    two = jira.join_node("two")
    second = two.client(auth=ADMIN)
    command(two, "index", reason="damaged")
    assert second.get("/rest/api/2/index/summary").json()["issueIndex"]["indexReadable"] is False
    assert second.get("/rest/api/2/search", params={"jql": ""}).status_code == 500
    assert not healthy(second, "Search index")
    assert client.post("/rest/api/2/reindex?type=FOREGROUND").status_code == 202
    one.wait_for("RUNNING")
    wait_healthy(second, "Search index")
    make_issue(client, "Another issue")
    eventually(lambda: count(second) == 2, what="two goes on from there")


def test_a_killed_holder_of_the_start_lock_blocks_until_it_is_dead(
    jira: JiraCluster, postgres: PostgreSQL
) -> None:
    one = jira.set_up_node("one")
    one.stop()
    name = jira.database["url"].rpartition("/")[2]
    with postgres.connect(name) as connection:
        connection.execute(
            """insert into clusternode values ('ghost', 'ACTIVATING', 0, '127.0.0.2', 40001, 11030001, '11.3.1')"""
        )
        connection.execute(
            """insert into clusternodeheartbeat
               select 'ghost', (extract(epoch from now()) * 1000)::bigint + 1000, 0"""
        )
        connection.execute(
            """update clusterlockstatus set locked_by_node = 'ghost'
               where lock_name = 'com.atlassian.jira.start.index.lock'"""
        )
    one.start()
    one.wait_for("RUNNING")
    text = one.log.read_text()
    assert "is held by node ghost" in text
    assert "is taken over from node ghost, which is dead" in text


def test_no_secret_reaches_a_log(jira: JiraCluster) -> None:
    node = jira.node("one")
    node.start()
    node.wait_for("FIRST_RUN")
    walk(node)
    client = node.client(auth=ADMIN)
    raw = client.post("/rest/pat/latest/tokens", json={"name": "t"}).json()["rawToken"]
    client.post("/login.jsp", data={"os_username": "admin", "os_password": ADMIN[1]})
    home_log = Path(node.environment["JIRA_HOME"]) / "log" / "atlassian-jira.log"
    text = node.log.read_text() + home_log.read_text()
    for secret in (ADMIN[1], jira.database["password"], LICENCE, raw):
        assert secret not in text

"""Settings of the official image, and one variant for each fact that public sources leave open."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import httpx
import pytest

from tests.understudy.jirasupport import ADMIN, JiraCluster, command, make_issue, make_project
from tests.understudy.support import NodeProcess, eventually

pytestmark = pytest.mark.lab
NO_REINDEX = "-Dcom.atlassian.jira.startup.allow.full.reindex=false"


def snapshot(client: httpx.Client) -> Path:
    path = Path(client.post("/rest/api/2/index-snapshot").json()["futureAbsolutePath"])
    eventually(path.exists, what="the snapshot is there")
    return path


def drop_index(node: NodeProcess) -> None:
    shutil.rmtree(Path(node.environment["JIRA_HOME"]) / "caches" / "indexesV1" / "issues")


def test_links_go_through_the_proxy_and_the_context_path(jira: JiraCluster) -> None:
    node = jira.set_up_node(
        "one",
        ATL_TOMCAT_CONTEXTPATH="tracker",
        ATL_PROXY_NAME="jira.acme.example",
        ATL_PROXY_PORT="443",
        ATL_TOMCAT_SCHEME="https",
        ATL_TOMCAT_SECURE="true",
        JVM_SUPPORT_RECOMMENDED_ARGS="-DjvmRoute=one",
    )
    client = node.client(auth=ADMIN)
    me = client.get("/rest/api/latest/myself")
    assert me.json()["self"].startswith("https://jira.acme.example/tracker/rest/api/2/user")
    assert me.headers["x-anodeid"] == "one"
    browser = node.client()
    answer = browser.post("/login.jsp", data={"os_username": "admin", "os_password": ADMIN[1]})
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith("JSESSIONID"))
    assert ".one;" in cookie
    assert "Path=/tracker" in cookie
    assert "Secure" in cookie
    assert httpx.get(f"http://{node.address}:{node.port}/status").status_code == 404


def test_files_of_the_image_are_written_once_unless_forced(jira: JiraCluster) -> None:
    node = jira.set_up_node("one")
    home = Path(node.environment["JIRA_HOME"])
    assert "jira.node.id = one" in (home / "cluster.properties").read_text()
    assert (home / "dbconfig.xml").stat().st_mode & 0o077 == 0
    node.stop()
    node = jira.node("one", JIRA_NODE_ID="renamed", ATL_JDBC_PASSWORD="wrong")
    node.start()
    node.wait_for("RUNNING")
    assert "jira.node.id = one" in (home / "cluster.properties").read_text()
    node.stop()
    node = jira.node("one", ATL_FORCE_CFG_UPDATE="true", ATL_JDBC_PASSWORD=jira.database["password"])
    node.start()
    node.wait_for("RUNNING")
    assert "jira.node.id = renamed" in (home / "cluster.properties").read_text()
    assert node.client(auth=ADMIN).get("/rest/api/2/myself").headers["x-anodeid"] == "renamed"


def test_homes_that_cannot_be_used_lock_the_node(jira: JiraCluster) -> None:
    node = jira.set_up_node("one")
    again = jira.node("one", UNDERSTUDY_CONTROL="-")
    again.environment["ATL_TOMCAT_PORT"] = str(again.port + 1)
    again.port += 1
    again.start()
    again.wait_for("ERROR")
    assert "is in use by another process" in again.tail()
    again.stop()
    node.stop()
    shared = jira.folder / "shared"
    shared.rename(jira.folder / "elsewhere")
    shared.write_text("not a folder")
    node.start()
    node.wait_for("ERROR")
    assert "A home cannot be used" in node.tail()


def test_web_sudo_under_basic_login(jira: JiraCluster) -> None:
    node = jira.set_up_node("one", UNDERSTUDY_VARIANTS="websudo-basic")
    body = {"name": "svc", "password": "pw", "emailAddress": "s@example.com", "displayName": "S"}
    assert node.client(auth=ADMIN).post("/rest/api/2/user", json=body).status_code == 401
    browser = node.client()
    browser.post("/login.jsp", data={"os_username": "admin", "os_password": ADMIN[1]})
    sudo = {"webSudoPassword": ADMIN[1], "atl_token": browser.cookies["atlassian.xsrf.token"]}
    assert browser.post("/secure/admin/WebSudoAuthenticate.jspa", data=sudo).status_code == 302
    assert browser.post("/rest/api/2/user", json=body).status_code == 201
    node.stop()
    node = jira.node("one", JVM_SUPPORT_RECOMMENDED_ARGS="-Djira.websudo.is.disabled=true")
    node.start()
    node.wait_for("RUNNING")
    body["name"] = "other"
    assert node.client(auth=ADMIN).post("/rest/api/2/user", json=body).status_code == 201


def test_snapshots_too_old_and_a_start_without_an_index(jira: JiraCluster) -> None:
    node = jira.set_up_node("one", UNDERSTUDY_VARIANTS="snapshot-list-bean")
    client = make_project(node)
    make_issue(client, "An issue")
    path = snapshot(client)
    assert client.get("/rest/api/2/index-snapshot").json()["absolutePath"] == str(path)
    two_days_ago = time.time() - 2 * 86400
    os.utime(path, (two_days_ago, two_days_ago))
    node.stop()
    drop_index(node)
    variants = "snapshot-age-24h,index-failure-is-error"
    node = jira.node("one", UNDERSTUDY_VARIANTS=variants, JVM_SUPPORT_RECOMMENDED_ARGS=NO_REINDEX)
    node.start()
    node.wait_for("ERROR")
    assert node.status() == (500, "ERROR")
    node.stop()
    longer = f"{NO_REINDEX} -Dcom.atlassian.jira.startup.max.age.of.usable.index.snapshot.in.hours=72"
    node = jira.node("one", JVM_SUPPORT_RECOMMENDED_ARGS=longer)
    node.start()
    node.wait_for("RUNNING")
    node.stop()
    local_off = "-Dcom.atlassian.jira.startup.rebuild.local.index=false"
    node = jira.node("one", JVM_SUPPORT_RECOMMENDED_ARGS=local_off, UNDERSTUDY_VARIANTS="")
    node.log.write_text("")
    node.start()
    node.wait_for("RUNNING")
    assert "the local index is not used" in node.log.read_text()
    assert f"index restored from {path.name}" in node.log.read_text()


@pytest.mark.parametrize(
    ("variant", "expected"), [("", (503, "MAINTENANCE")), ("reindex-is-error", (500, "ERROR"))]
)
def test_a_foreground_reindex_takes_the_node_out(
    jira: JiraCluster, variant: str, expected: tuple[int, str]
) -> None:
    node = jira.set_up_node("one", UNDERSTUDY_VARIANTS=variant)
    client = make_project(node)
    for number in range(20):
        make_issue(client, f"Number {number}")
    assert client.post("/rest/api/2/reindex?type=FOREGROUND").status_code == 202
    seen = set()

    def ended() -> bool:
        seen.add(node.status())
        return node.status()[1] == "RUNNING" and len(seen) > 1

    eventually(ended, what="the re-index has been seen and has ended")
    assert seen == {expected, (200, "RUNNING")}


def test_maintenance_shuts_every_page_but_the_progress(jira: JiraCluster) -> None:
    node = jira.set_up_node("one")
    client = node.client(auth=ADMIN)
    command(node, "state", state="MAINTENANCE")
    assert node.status() == (503, "MAINTENANCE")
    assert client.get("/secure/Dashboard.jspa").status_code == 503
    assert client.get("/rest/api/2/myself").status_code == 503
    assert client.get("/rest/api/2/reindex/progress").status_code == 404
    command(node, "state", state="RUNNING")
    assert client.get("/rest/api/2/myself").status_code == 200


def test_starting_says_so_with_200_and_serves_nothing(jira: JiraCluster) -> None:
    node = jira.set_up_node("one")
    node.stop()
    node = jira.node("one", UNDERSTUDY_START_SECONDS="3")
    node.start()
    node.wait_for("STARTING")
    assert node.status() == (200, "STARTING")
    assert node.client().get("/").status_code == 503
    node.wait_for("RUNNING")

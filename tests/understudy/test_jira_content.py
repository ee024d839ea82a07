"""Content of the issue tracker through its REST routes and pages, on one node."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from atlassian import Jira
from jira import JIRA

from tests.understudy.jirasupport import ADMIN, JiraCluster, make_issue, make_project, search
from tests.understudy.support import NodeProcess, PostgreSQL, eventually

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def node(
    postgres: PostgreSQL, database_numbers: Iterator[int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NodeProcess]:
    """One node that the tests of this module share; each makes a project of its own."""
    database: Mapping[str, str] = postgres.create_database(f"content_{next(database_numbers)}")
    cluster = JiraCluster(tmp_path_factory.mktemp("jira"), database)
    yield cluster.set_up_node()
    for one in cluster.made:
        one.clean_up()


def test_the_client_jira_works(node: NodeProcess) -> None:
    make_project(node, "PYC")
    client: Any = JIRA(node.url, basic_auth=ADMIN)
    issue = client.create_issue(
        project="PYC", summary="First issue", issuetype={"name": "Bug"}, labels=["one"]
    )
    assert issue.key == "PYC-1"
    assert issue.fields.status.name == "To Do"
    client.add_comment(issue, "A remark about turnips")
    issue.update(summary="Renamed issue", priority={"name": "High"})
    client.transition_issue(issue, "Done")
    attachment = client.add_attachment(issue, attachment=__file__, filename="test.py")
    issue = client.issue("PYC-1")
    assert issue.fields.summary == "Renamed issue"
    assert issue.fields.priority.name == "High"
    assert issue.fields.resolution.name == "Done"
    assert [comment.body for comment in issue.fields.comment.comments] == ["A remark about turnips"]
    assert client.attachment(attachment.id).get() == Path(__file__).read_bytes()
    assert [found.key for found in client.search_issues('text ~ "turnips" AND project = PYC')] == ["PYC-1"]
    assert client.myself()["name"] == "admin"
    version = client.create_version("1.0", "PYC")
    client.create_issue(project="PYC", summary="Second", issuetype="Task", fixVersions=[{"name": "1.0"}])
    found = client.search_issues('fixVersion = "1.0"')
    assert found[0].fields.fixVersions[0].id == version.id
    issue.delete()
    assert [found.key for found in client.search_issues("project = PYC")] == ["PYC-2"]
    client.close()


def test_the_client_atlassian_works(node: NodeProcess) -> None:
    make_project(node, "ATL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client: Any = Jira(url=node.url, username=ADMIN[0], password=ADMIN[1])
        made = client.issue_create(
            {"project": {"key": "ATL"}, "summary": "Hello", "issuetype": {"name": "Task"}}
        )
        client.issue_add_comment(made["key"], "A word")
        client.update_issue_field(made["key"], {"description": "More of it"})
        client.set_issue_status(made["key"], "In Progress")
        client.add_attachment(made["key"], __file__)
        found = client.jql("project = ATL AND status = 'In Progress'")
        assert [issue["key"] for issue in found["issues"]] == [made["key"]]
        issue = client.issue(made["key"])
        assert issue["fields"]["description"] == "More of it"
        assert issue["fields"]["attachment"][0]["size"] == Path(__file__).stat().st_size
        assert "ATL" in {project["key"] for project in client.projects()}
        assert client.get_cluster_all_nodes()[0]["state"] == "ACTIVE"
        assert {status["isHealthy"] for status in client.health_check()["statuses"]} >= {True}
        client.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("project = JQL ORDER BY key ASC", ["JQL-1", "JQL-2", "JQL-3"]),
        ("project = JQL", ["JQL-3", "JQL-2", "JQL-1"]),
        ("key = JQL-2", ["JQL-2"]),
        ("project = JQL AND key >= JQL-2 ORDER BY key", ["JQL-2", "JQL-3"]),
        ("project = JQL AND (labels = red OR labels in (blue)) ORDER BY key", ["JQL-1", "JQL-2"]),
        ("project = JQL AND labels is EMPTY", ["JQL-3"]),
        ("project = JQL AND assignee = currentUser()", ["JQL-2"]),
        ("project = JQL AND assignee is not empty", ["JQL-2"]),
        ("project = JQL AND NOT summary ~ apple ORDER BY key", ["JQL-3"]),
        ('project = JQL AND text ~ "apple pie"', ["JQL-1"]),
        ("project = JQL AND summary ~ 'pea*'", ["JQL-3"]),
        (
            "project = JQL AND priority in (High, Low) ORDER BY priority, key DESC",
            ["JQL-1", "JQL-3", "JQL-2"],
        ),
        ("project = JQL AND created >= -1d AND updated <= now() ORDER BY key", ["JQL-1", "JQL-2", "JQL-3"]),
        ("project = JQL AND status != 'To Do'", []),
    ],
)
def test_queries(node: NodeProcess, query: str, expected: list[str]) -> None:
    client = node.client(auth=ADMIN)
    if client.get("/rest/api/2/project/JQL").status_code == 404:
        make_project(node, "JQL")
        make_issue(client, "An apple pie", project="JQL", labels=["red"], priority={"name": "High"})
        assignee = {"name": "admin"}
        make_issue(
            client, "One apple", project="JQL", labels=["blue"], priority={"name": "Low"}, assignee=assignee
        )
        make_issue(client, "A pear", project="JQL", priority={"id": "4"})
    assert search(client, query) == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("project = NONE", "does not exist for the field 'project'"),
        ("key = NONE-1", "does not exist for field 'key'"),
        ("colour = red", "Field 'colour' does not exist"),
        ("project =", "before the end of the query"),
        ("project = JQL AND (", "before the end of the query"),
        ("summary > x", "not supported"),
        ("created > yesterday", "is invalid"),
        ("ORDER BY summary", "not sortable"),
        ('"' + "(" * 200, "Unexpected character"),
        ("(" * 200, "nested too deeply"),
    ],
)
def test_wrong_queries_are_refused(node: NodeProcess, query: str, message: str) -> None:
    answer = node.client(auth=ADMIN).get("/rest/api/2/search", params={"jql": query})
    assert answer.status_code == 400
    assert message in answer.json()["errorMessages"][0]


def test_pages_of_results(node: NodeProcess) -> None:
    client = make_project(node, "PAG")
    for number in range(7):
        make_issue(client, f"Number {number}", project="PAG")
    pages = [
        search(client, "project = PAG ORDER BY key", startAt=start, maxResults=3) for start in (0, 3, 6, 9)
    ]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    answer = client.get("/rest/api/2/search", params={"jql": "project = PAG", "maxResults": 0}).json()
    assert (answer["total"], answer["issues"]) == (7, [])


def test_wrong_fields_are_told_by_name(node: NodeProcess) -> None:
    client = make_project(node, "BAD")
    fields = {"project": {"key": "BAD"}, "issuetype": {"name": "Nonsense"}, "summary": "x"}
    wrong = {
        "issuetype": fields,
        "summary": fields | {"issuetype": {"name": "Task"}, "summary": " "},
        "project": fields | {"issuetype": {"name": "Task"}, "project": {"key": "NONE"}},
        "assignee": fields | {"issuetype": {"name": "Task"}, "assignee": {"name": "nobody"}},
        "colour": fields | {"issuetype": {"name": "Task"}, "colour": "red"},
    }
    for name, body in wrong.items():
        answer = client.post("/rest/api/2/issue", json={"fields": body})
        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == [name]
    assert client.post("/rest/api/2/issue", content=b"not json").status_code == 400
    assert client.get("/rest/api/2/issue/BAD-77").status_code == 404


def test_attachments_need_the_header_and_lie_where_they_should(node: NodeProcess) -> None:
    client = make_project(node, "ATT")
    key = make_issue(client, "With a file", project="ATT")
    url = f"/rest/api/2/issue/{key}/attachments"
    content = bytes(range(256)) * 5000
    files = {"file": ("../evil/häßlich.bin", content)}
    assert client.post(url, files=files).status_code == 403
    answer = client.post(url, files=files, headers={"X-Atlassian-Token": "no-check"})
    assert answer.status_code == 200
    shown = answer.json()[0]
    assert shown["filename"] == "häßlich.bin"
    path = Path(node.environment["JIRA_SHARED_HOME"]) / "data/attachments/ATT/10000/ATT-1" / shown["id"]
    assert path.read_bytes() == content
    assert client.get(f"/secure/attachment/{shown['id']}/x").content == content
    assert client.delete(f"/rest/api/2/attachment/{shown['id']}").status_code == 204
    assert not path.exists()
    assert client.delete(f"/rest/api/2/issue/{key}").status_code == 204


def test_people_tokens_and_rights(node: NodeProcess) -> None:
    admin = node.client(auth=ADMIN)
    body = {
        "name": "svc",
        "password": "pw-svc-1",
        "emailAddress": "svc@example.com",
        "displayName": "Service",
    }
    assert admin.post("/rest/api/2/user", json=body).status_code == 201
    assert "username" in admin.post("/rest/api/2/user", json=body).json()["errors"]
    service = node.client(auth=("svc", "pw-svc-1"))
    assert service.get("/rest/api/2/cluster/nodes").status_code == 403
    members = "/rest/api/2/group/user?groupname=jira-administrators"
    assert admin.post(members, json={"name": "svc"}).status_code == 201
    made = service.post("/rest/pat/latest/tokens", json={"name": "t", "expirationDuration": 90}).json()
    bearer = node.client(token=made["rawToken"])
    assert bearer.get("/rest/api/2/myself").json()["name"] == "svc"
    assert bearer.get("/rest/api/2/cluster/nodes").status_code == 200
    assert bearer.delete(f"/rest/pat/latest/tokens/{made['id']}").status_code == 204
    assert bearer.get("/rest/api/2/myself").status_code == 401
    assert node.client().get("/rest/api/2/myself").status_code == 401
    assert node.client(token="nonsense").get("/rest/api/2/serverInfo").status_code == 401


def test_three_failed_logins_raise_a_challenge_that_a_person_solves(node: NodeProcess) -> None:
    admin = node.client(auth=ADMIN)
    body = {"name": "clumsy", "password": "right", "emailAddress": "c@example.com", "displayName": "Clumsy"}
    assert admin.post("/rest/api/2/user", json=body).status_code == 201
    wrong = node.client(auth=("clumsy", "wrong"))
    assert [wrong.get("/rest/api/2/myself").status_code for _ in range(3)] == [401, 401, 403]
    refused = node.client(auth=("clumsy", "right")).get("/rest/api/2/myself")
    assert refused.status_code == 403
    assert refused.headers["x-authentication-denied-reason"].startswith("CAPTCHA_CHALLENGE")
    browser = node.client()
    login = {"os_username": "clumsy", "os_password": "right"}
    page = browser.post("/login.jsp", data=login)
    assert page.status_code == 200
    challenge = page.text.split("To go on, type ")[1].split(" ")[0]
    assert browser.post("/login.jsp", data=login | {"os_captcha": challenge}).status_code == 302
    assert node.client(auth=("clumsy", "right")).get("/rest/api/2/myself").status_code == 200


def test_web_sudo_guards_sessions_and_not_basic_login(node: NodeProcess) -> None:
    browser = node.client()
    assert (
        browser.post("/login.jsp", data={"os_username": "admin", "os_password": ADMIN[1]}).status_code == 302
    )
    url = "/rest/api/2/settings/baseUrl"
    refused = browser.put(url, json=node.url)
    assert (refused.status_code, refused.json()["errorMessages"]) == (
        401,
        ["This resource requires WebSudo."],
    )
    assert "WebSudoAuthenticate" in browser.get("/secure/admin/ViewSystemInfo.jspa").headers["location"]
    sudo = {"webSudoPassword": ADMIN[1], "atl_token": browser.cookies["atlassian.xsrf.token"]}
    assert (
        browser.post("/secure/admin/WebSudoAuthenticate.jspa", data=sudo | {"atl_token": "x"}).status_code
        == 403
    )
    assert browser.post("/secure/admin/WebSudoAuthenticate.jspa", data=sudo).status_code == 302
    assert browser.put(url, json=node.url).status_code == 204
    assert browser.get("/secure/admin/ViewSystemInfo.jspa").status_code == 200
    assert node.client(auth=ADMIN).put(url, json=node.url).status_code == 204


def test_pages_for_people(node: NodeProcess) -> None:
    client = make_project(node, "WEB")
    key = make_issue(client, "Seen <b>in</b> a browser", project="WEB")
    browser = node.client()
    assert "login.jsp" in browser.get(f"/browse/{key}").headers["location"]
    login = {"os_username": "admin", "os_password": ADMIN[1], "os_destination": f"/browse/{key}"}
    assert browser.post("/login.jsp", data=login).headers["location"] == f"/browse/{key}"
    page = browser.get(f"/browse/{key}")
    assert "Seen &lt;b&gt;in&lt;/b&gt; a browser" in page.text
    assert "Understudy of an issue tracker" in page.text
    token = browser.cookies["atlassian.xsrf.token"]
    issue_id = client.get(f"/rest/api/2/issue/{key}").json()["id"]
    comment = {"id": issue_id, "comment": "From a page", "atl_token": token}
    assert browser.post("/secure/AddComment.jspa", data=comment | {"atl_token": ""}).status_code == 403
    assert browser.post("/secure/AddComment.jspa", data=comment).status_code == 302
    assert "From a page" in browser.get(f"/browse/{key}").text
    create = {"project": "WEB", "issuetype": "10002", "summary": "Made on a page", "atl_token": token}
    assert browser.post("/secure/CreateIssue.jspa", data=create).headers["location"] == "/browse/WEB-2"
    assert "Made on a page" in browser.get("/issues/", params={"jql": "project = WEB"}).text
    assert browser.get("/issues/", params={"jql": "nonsense"}).status_code == 400
    sheet = page.text.split('href="/s/')[1].split('"')[0]
    assert "max-age" in node.client().get(f"/s/{sheet}").headers["cache-control"]
    outside = browser.post("/login.jsp", data=login | {"os_destination": "//evil.example/"})
    assert outside.headers["location"] == "/secure/Dashboard.jspa"


def test_health_and_index_reports(node: NodeProcess) -> None:
    client = make_project(node, "HEA")
    make_issue(client, "Indexed", project="HEA")
    search(client, "project = HEA")
    summary = client.get("/rest/api/2/index/summary").json()
    assert summary["issueIndex"]["indexReadable"] is True
    assert summary["issueIndex"]["countInIndex"] == summary["issueIndex"]["countInDatabase"]
    assert summary["issueIndex"]["lastUpdatedInIndex"] == summary["issueIndex"]["lastUpdatedInDatabase"]
    assert summary["replicationQueues"]["one"]["queueSize"] == 0
    assert client.get("/rest/api/2/index-snapshot").json() == []
    made = client.post("/rest/api/2/index-snapshot")
    assert made.status_code == 202
    path = Path(made.json()["futureAbsolutePath"])
    eventually(path.exists, what="the snapshot is there")
    listed = client.get("/rest/api/2/index-snapshot").json()
    assert [entry["absolutePath"] for entry in listed] == [str(path)]
    checks = client.get("/rest/troubleshooting/1.0/check/").json()["statuses"]
    assert {check["name"] for check in checks} >= {
        "Cluster Index Replication",
        "Fresh index snapshot existence",
    }
    assert all(check["isHealthy"] for check in checks), checks
    assert client.get("/rest/plugins/1.0/").headers["upm-token"]


def test_background_and_foreground_reindex(node: NodeProcess) -> None:
    client = make_project(node, "REI")
    make_issue(client, "Stays", project="REI")
    for kind in ("BACKGROUND", "FOREGROUND"):
        begun = client.post("/rest/api/2/reindex", params={"type": kind})
        assert begun.status_code == 202
        url = begun.json()["progressUrl"].removeprefix(node.url)

        def ended(url: str = url) -> dict[str, object] | None:
            progress: dict[str, object] = client.get(url).json()
            return progress if progress["finishTime"] else None

        result = eventually(ended, what=f"the {kind} re-index ends")
        assert (result["type"], result["success"]) == (kind, True)
        node.wait_for("RUNNING")
        assert search(client, "project = REI") == ["REI-1"]


def test_status_is_answered_while_workers_are_busy(node: NodeProcess) -> None:
    assert httpx.get(f"{node.url}/status").json() == {"state": "RUNNING"}
    assert httpx.get(f"{node.url}/status").headers["content-type"] == "application/json"

"""Pages: the wizard, log in and remember-me, lists and views; and what a machine must not be able to do with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from tests.understudy.gitserver import ADMIN, Stack, Worktree
from tests.understudy.support import NodeProcess

pytestmark = pytest.mark.lab
VOID = {"input", "meta", "br", "link", "hr"}


class Outline(HTMLParser):
    """Reads a page strictly: every element closed, every input labelled."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.labels: set[str] = set()
        self.inputs: dict[str, str] = {}
        self.unlabelled: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self.open.append(tag)
        if tag == "label" and "for" in values:
            self.labels.add(values["for"])
        if tag == "input":
            self.inputs[values.get("name", "")] = values.get("value", "")
            if values.get("type") not in {"hidden", "submit"} and "label" not in self.open:
                self.unlabelled.append(values.get("id", "?"))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def read(response: httpx.Response) -> Outline:
    assert response.headers["content-type"].startswith("text/html")
    outline = Outline()
    outline.feed(response.text)
    assert outline.open == []
    assert set(outline.unlabelled) <= outline.labels
    return outline


@pytest.fixture
def stack(tmp_path: Path, database: Mapping[str, str]) -> Iterator[Stack]:
    stack = Stack(tmp_path, database)
    yield stack
    stack.clean_up()


def log_in(client: httpx.Client, **more: str) -> httpx.Response:
    form = read(client.get("/login"))
    fields = {**form.inputs, "j_username": ADMIN[0], "j_password": ADMIN[1], "next": "/projects", **more}
    fields.pop("_atl_remember_me") if "_atl_remember_me" not in more else None
    return client.post("/j_atl_security_check", data=fields)


def test_the_wizard_asks_for_what_is_missing(stack: Stack) -> None:
    node = stack.add(SETUP_LICENSE="", SETUP_SYSADMIN_PASSWORD="")
    node.start()
    node.wait_for("FIRST_RUN")
    assert node.status() == (200, "FIRST_RUN")
    client = node.client()
    assert client.get("/rest/api/latest/projects").status_code == 503
    assert client.get("/").headers["location"] == "/setup"
    form = read(client.get("/setup"))
    assert form.inputs["step"] == "settings"
    given = {"applicationTitle": "Git", "baseUrl": node.url, "license": "AAAB", "step": "settings"}
    assert client.post("/setup", data=given).status_code == 403
    given["atl_token"] = form.inputs["atl_token"]
    wrong = client.post("/setup", data={**given, "license": " "})
    assert wrong.status_code == 200
    assert read(wrong).inputs["step"] == "settings"
    assert "A licence is needed." in wrong.text
    assert client.post("/setup", data=given).headers["location"] == "/setup"
    form = read(client.get("/setup"))
    assert form.inputs["step"] == "user"
    user = {
        "step": "user",
        "atl_token": form.inputs["atl_token"],
        "username": "root",
        "fullname": "Root",
        "email": "root@example.com",
        "password": "pw",
        "confirmPassword": "other",
    }
    assert "do not match" in client.post("/setup", data=user).text
    assert client.post("/setup", data={**user, "confirmPassword": "pw"}).headers["location"] == "/login"
    node.wait_for("RUNNING")
    assert node.client(auth=("root", "pw")).get("/rest/api/latest/admin/cluster").status_code == 200
    assert client.get("/setup").headers["location"] == "/"


def test_a_second_node_goes_on_when_set_up_is_completed_on_the_first(stack: Stack) -> None:
    stack.plan(2)
    nodes = [stack.add(0, SETUP_SYSADMIN_PASSWORD=""), stack.add(1, SETUP_SYSADMIN_PASSWORD="")]
    for node in nodes:
        node.start()
        node.wait_for("FIRST_RUN")
    client = nodes[0].client()
    token = read(client.get("/setup")).inputs["atl_token"]
    user = {
        "step": "user",
        "atl_token": token,
        "username": "root",
        "fullname": "Root",
        "email": "r@example.com",
    }
    client.post("/setup", data={**user, "password": "pw", "confirmPassword": "pw"})
    for node in nodes:
        node.wait_for("RUNNING")


def test_log_in_lists_and_views(stack: Stack, tmp_path: Path) -> None:
    node = stack.running()
    admin = node.client(auth=ADMIN)
    admin.post("/rest/api/latest/projects", json={"key": "PROJ", "name": "<Project>"})
    admin.post("/rest/api/latest/projects/PROJ/repos", json={"name": "repo"})
    tree = Worktree.make(tmp_path / "tree")
    tree.commit({"src/a.py": "if 1 < 2: pass\n"})
    url = f"{node.url}/scm/proj/repo.git".replace("http://", f"http://{ADMIN[0]}:{ADMIN[1]}@")
    tree.git("push", "-q", url, "main")
    tree.git("checkout", "-q", "-b", "topic")
    tree.commit({"src/a.py": "pass\n"})
    tree.git("push", "-q", url, "topic")
    side = {"fromRef": {"id": "refs/heads/topic"}, "toRef": {"id": "refs/heads/main"}}
    made = admin.post(
        "/rest/api/latest/projects/PROJ/repos/repo/pull-requests", json={"title": "Topic", **side}
    )
    assert made.status_code == 201
    admin.post(
        "/rest/api/latest/projects/PROJ/repos/repo/pull-requests/1/comments", json={"text": "looks <b>good"}
    )
    client = node.client()
    assert client.get("/projects").headers["location"] == "/login?next=/projects"
    assert log_in(client).headers["location"] == "/projects"
    projects = client.get("/projects")
    read(projects)
    assert "&lt;Project&gt;" in projects.text
    assert "Bitbucket" not in projects.text
    read(client.get("/projects/PROJ"))
    read(client.get("/projects/PROJ/repos/repo/browse"))
    page = client.get("/projects/PROJ/repos/repo/browse/src/a.py")
    read(page)
    assert "if 1 &lt; 2: pass" in page.text
    read(client.get("/projects/PROJ/repos/repo/pull-requests"))
    pull = client.get("/projects/PROJ/repos/repo/pull-requests/1/overview")
    read(pull)
    assert "looks &lt;b&gt;good" in pull.text
    assert client.get("/projects/PROJ/repos/none/browse").status_code == 404
    read(client.get("/plugins/servlet/search"))
    client.get("/logout")
    assert client.get("/projects").status_code == 302


def test_remember_me_works_on_another_node_after_the_first_has_died(stack: Stack) -> None:
    stack.plan(2)
    first, second = stack.running(0), stack.running(1)
    client = first.client()
    assert log_in(client, _atl_remember_me="on").status_code == 302
    cookies = {name: client.cookies[name] for name in ("BITBUCKETSESSIONID", "_atl_bitbucket_remember_me")}
    first.kill()
    session_only = {"BITBUCKETSESSIONID": cookies["BITBUCKETSESSIONID"]}
    assert httpx.get(f"{second.url}/projects", cookies=session_only).status_code == 302
    answer = httpx.get(f"{second.url}/projects", cookies=cookies)
    assert answer.status_code == 200
    assert "BITBUCKETSESSIONID" in answer.cookies


def test_three_wrong_passwords_raise_a_challenge_that_a_person_can_solve(stack: Stack) -> None:
    node = stack.running()
    client = node.client()
    for _ in range(2):
        log_in(client, j_password="wrong")
    refused = log_in(client, j_password="wrong")
    question = re.search(r"What is (\d) plus (\d)\?", refused.text)
    assert question is not None
    denied = node.client(auth=ADMIN).get("/rest/api/latest/projects")
    assert denied.status_code == 403
    assert denied.headers["x-authentication-denied-reason"].startswith("CAPTCHA_CHALLENGE")
    form = read(refused)
    fields = {**form.inputs, "j_username": ADMIN[0], "j_password": ADMIN[1]}
    fields["captcha"] = str(int(question[1]) + int(question[2]))
    assert client.post("/j_atl_security_check", data=fields).status_code == 302
    assert node.client(auth=ADMIN).get("/rest/api/latest/projects").status_code == 200


def test_another_site_cannot_make_a_browser_change_things(stack: Stack) -> None:
    node = stack.running()
    client = node.client()
    log_in(client)
    forged = {"name": "mallory", "password": "x", "displayName": "M", "emailAddress": "m@example.com"}
    path = "/rest/api/latest/admin/users"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post(path, params=forged, headers=headers).status_code == 403
    allowed = {**headers, "X-Atlassian-Token": "no-check"}
    assert client.post(path, params=forged, headers=allowed).status_code == 204
    redirected = log_in(node.client(), next="//evil.example")
    assert redirected.headers["location"] == "/projects"


def test_a_context_path(stack: Stack) -> None:
    node = stack.add(SERVER_CONTEXT_PATH="/git", SETUP_BASEURL="http://git.example/git")
    node.context_path = "/git"
    node.start()
    node.wait_for("RUNNING")
    admin: NodeProcess = node
    made = admin.client(auth=ADMIN).post("/rest/api/latest/projects", json={"key": "P", "name": "P"})
    assert made.json()["links"]["self"][0]["href"] == "http://git.example/git/projects/P"
    assert admin.client().get("/projects").headers["location"] == "/git/login?next=/git/projects"

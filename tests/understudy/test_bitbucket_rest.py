"""Set-up from the environment, projects, repositories and pull requests, also through a client others wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from atlassian import Bitbucket

from tests.understudy.gitserver import ADMIN, VERSION, Stack, Worktree, fsck
from tests.understudy.support import NodeProcess

pytestmark = pytest.mark.lab


@pytest.fixture
def stack(tmp_path: Path, database: Mapping[str, str]) -> Iterator[Stack]:
    stack = Stack(tmp_path, database)
    yield stack
    stack.clean_up()


@pytest.fixture
def node(stack: Stack) -> NodeProcess:
    return stack.running()


@pytest.fixture
def client(node: NodeProcess) -> Any:
    library: Any = Bitbucket  # It has no types.
    return library(url=node.url, username=ADMIN[0], password=ADMIN[1])


def authenticated(url: str, auth: tuple[str, str] = ADMIN) -> str:
    return url.replace("http://", f"http://{auth[0]}:{auth[1]}@")


def add_user(node: NodeProcess, name: str) -> int:
    values = {
        "name": name,
        "password": "pw",
        "displayName": name.title(),
        "emailAddress": f"{name}@example.com",
    }
    return node.client(auth=ADMIN).post("/rest/api/latest/admin/users", params=values).status_code


def test_set_up_from_the_environment_alone(node: NodeProcess) -> None:
    assert node.status() == (200, "RUNNING")
    properties = node.client().get("/rest/api/latest/application-properties").json()
    assert properties["version"] == VERSION
    assert properties["displayName"] == "Git"
    assert node.client().get("/rest/api/latest/admin/cluster").status_code == 401
    cluster = node.client(auth=ADMIN).get("/rest/api/1.0/admin/cluster").json()
    assert cluster["localNode"]["name"] == "node0"
    assert cluster["localNode"]["buildVersion"] == VERSION
    assert len(cluster["nodes"]) == 1


def test_a_client_of_the_real_product_works(
    node: NodeProcess, client: Any, tmp_path: Path, stack: Stack
) -> None:
    client.create_project("PROJ", "A project", "for tests")
    assert client.project("PROJ")["description"] == "for tests"
    assert [project["key"] for project in client.project_list()] == ["PROJ"]
    made = client.create_repo("PROJ", "a-repo")
    assert made["slug"] == "a-repo"
    assert client.get_repo("PROJ", "a-repo")["project"]["key"] == "PROJ"
    links = {link["name"]: link["href"] for link in made["links"]["clone"]}
    assert links["http"] == f"{node.url}/scm/proj/a-repo.git"
    tree = Worktree.make(tmp_path / "tree")
    first = tree.commit({"readme.md": "hello\n", "src/main.py": "print('hi')\n"}, "first")
    tree.git("push", "-q", authenticated(links["http"]), "main")
    tree.git("checkout", "-q", "-b", "feature/one")
    second = tree.commit({"src/main.py": "print('hello')\n"}, "second")
    tree.git("push", "-q", authenticated(links["http"]), "feature/one")
    branches = {
        branch["displayId"]: branch["latestCommit"] for branch in client.get_branches("PROJ", "a-repo")
    }
    assert branches == {"main": first, "feature/one": second}
    assert client.get_default_branch("PROJ", "a-repo")["displayId"] == "main"
    assert [commit["id"] for commit in client.get_commits("PROJ", "a-repo", until="feature/one")] == [
        second,
        first,
    ]
    assert (
        client.get_content_of_file("PROJ", "a-repo", "src/main.py", at="feature/one") == b"print('hello')\n"
    )
    pull = client.open_pull_request(
        "PROJ", "a-repo", "PROJ", "a-repo", "feature/one", "main", "Greet", "Say hello"
    )
    assert [one["id"] for one in client.get_pull_requests("PROJ", "a-repo")] == [pull["id"]]
    assert client.is_pull_request_can_be_merged("PROJ", "a-repo", pull["id"])["canMerge"] is True
    with pytest.raises(requests.HTTPError, match="out-of-date"):
        client.merge_pull_request("PROJ", "a-repo", pull["id"], "go", pr_version=7)
    merged = client.merge_pull_request("PROJ", "a-repo", pull["id"], "go", pr_version=pull["version"])
    assert merged["state"] == "MERGED"
    merge_commit = merged["properties"]["mergeCommit"]["id"]
    tree.git("fetch", "-q", authenticated(links["http"]), "main")
    assert tree.git("rev-parse", "FETCH_HEAD").stdout.strip() == merge_commit
    assert tree.git("show", "FETCH_HEAD:src/main.py").stdout == "print('hello')\n"
    assert fsck(stack.repository(made["id"])) == ""
    assert client.health_check()["statuses"]


def test_stopping_ends_with_zero(node: NodeProcess) -> None:
    assert node.stop() == 0


def test_more_of_that_client(node: NodeProcess, client: Any, tmp_path: Path) -> None:
    admin = node.client(auth=ADMIN)
    for name in ("ann", "bob"):
        assert add_user(node, name) == 204
    assert add_user(node, "bob") == 409
    assert {user["name"] for user in client.get_users()["values"]} == {"admin", "ann", "bob"}
    assert [user["slug"] for user in client.get_users_info("bo")] == ["bob"]
    assert "stash-users" in list(client.get_groups())
    assert {user["name"] for user in client.group_members("stash-users")} == {"admin", "ann", "bob"}
    assert client.get_cluster_info()["running"] is True
    assert client.get_current_license()["license"] == "AAAB+licence"
    assert client.get_ssh_settings()["port"] == int(node.environment["PLUGIN_SSH_PORT"])
    client.create_project("PROJ", "Project")
    client.create_repo("PROJ", "repo")
    client.project_grant_user_permissions("PROJ", "ann", "PROJECT_WRITE")
    client.project_grant_group_permissions("PROJ", "stash-users", "PROJECT_READ")
    granted = {one["user"]["name"]: one["permission"] for one in client.project_users("PROJ")}
    assert granted == {"admin": "PROJECT_ADMIN", "ann": "PROJECT_WRITE"}
    assert [one["group"]["name"] for one in client.project_groups("PROJ")] == ["stash-users"]
    client.repo_grant_user_permissions("PROJ", "repo", "bob", "REPO_ADMIN")
    assert [one["user"]["name"] for one in client.repo_users("PROJ", "repo")] == ["bob"]
    client.repo_remove_user_permissions("PROJ", "repo", "bob")
    assert list(client.repo_users("PROJ", "repo")) == []
    tree = Worktree.make(tmp_path / "tree")
    first = tree.commit({"a": "1\n"})
    tree.git("push", "-q", authenticated(f"{node.url}/scm/PROJ/repo.git", ("ann", "pw")), "main")
    client.create_branch("PROJ", "repo", "topic", "main")
    client.create_branch("PROJ", "repo", "gone", first)
    client.delete_branch("PROJ", "repo", "gone", first)
    client.set_tag("PROJ", "repo", "v1", first)
    assert [tag["displayId"] for tag in client.get_tags("PROJ", "repo")] == ["v1"]
    client.delete_tag("PROJ", "repo", "v1")
    assert {branch["displayId"] for branch in client.get_branches("PROJ", "repo")} == {"main", "topic"}
    client.set_default_branch("PROJ", "repo", "refs/heads/topic")
    assert client.get_default_branch("PROJ", "repo")["id"] == "refs/heads/topic"
    assert client.get_file_list("PROJ", "repo") is not None
    client.update_repo("PROJ", "repo", description="of note")
    assert client.get_repo("PROJ", "repo")["description"] == "of note"
    assert client.check_reindexing_status()["repositories"] == 1
    with pytest.raises(requests.HTTPError, match="already taken"):
        client.create_repo("PROJ", "repo")
    with pytest.raises(requests.HTTPError, match="does not exist"):
        client.get_repo("PROJ", "none")
    client.delete_repo("PROJ", "repo")
    assert admin.delete("/rest/api/latest/projects/PROJ").status_code == 204


def test_reviews_conflicts_and_what_happens_by_a_push(node: NodeProcess, client: Any, tmp_path: Path) -> None:
    admin = node.client(auth=ADMIN)
    add_user(node, "ann")
    client.create_project("PROJ", "Project")
    client.create_repo("PROJ", "repo")
    client.project_grant_user_permissions("PROJ", "ann", "PROJECT_WRITE")
    url = authenticated(f"{node.url}/scm/proj/repo.git")
    tree = Worktree.make(tmp_path / "tree")
    tree.commit({"a": "1\n", "b": "1\n"})
    tree.git("checkout", "-q", "-b", "topic")
    tree.commit({"a": "2\n"})
    tree.git("push", "-q", url, "main", "topic")

    def pull_request(title: str, source: str) -> dict[str, Any]:
        made: dict[str, Any] = client.open_pull_request(
            "PROJ", "repo", "PROJ", "repo", source, "main", title, "", reviewers=["ann"]
        )
        return made

    pull = pull_request("One", "topic")
    assert [one["user"]["name"] for one in pull["reviewers"]] == ["ann"]
    with pytest.raises(requests.HTTPError, match="Only one pull request"):
        pull_request("Again", "topic")
    with pytest.raises(requests.HTTPError, match="up-to-date"):
        pull_request("Nothing", "main")
    path = f"/rest/api/latest/projects/PROJ/repos/repo/pull-requests/{pull['id']}"
    reviewed = node.client(auth=("ann", "pw")).post(f"{path}/approve").json()
    assert (reviewed["approved"], reviewed["role"]) == (True, "REVIEWER")
    comment = client.add_pull_request_comment("PROJ", "repo", pull["id"], "Looks good")
    client.add_pull_request_comment("PROJ", "repo", pull["id"], "Thanks", parent_id=comment["id"])
    changed = client.update_pull_request_comment(
        "PROJ", "repo", pull["id"], comment["id"], "Fine", comment["version"]
    )
    assert (changed["text"], changed["version"]) == ("Fine", 1)
    activities = list(client.get_pull_requests_activities("PROJ", "repo", pull["id"]))
    assert [one["action"] for one in activities] == ["COMMENTED", "APPROVED", "OPENED"]
    assert activities[0]["comment"]["comments"][0]["text"] == "Thanks"
    assert [
        one["path"]["toString"] for one in client.get_pull_requests_changes("PROJ", "repo", pull["id"])
    ] == ["a"]
    assert "+2" in admin.get(f"{path}.diff").text
    tree.git("checkout", "-q", "main")
    tree.commit({"a": "3\n"})
    tree.git("push", "-q", url, "main")
    moved = client.get_pull_request("PROJ", "repo", pull["id"])
    assert moved["version"] == pull["version"] + 1
    assert client.is_pull_request_can_be_merged("PROJ", "repo", pull["id"])["conflicted"] is True
    with pytest.raises(requests.HTTPError, match="conflicts"):
        client.merge_pull_request("PROJ", "repo", pull["id"], "", pr_version=moved["version"])
    with pytest.raises(requests.HTTPError, match="out-of-date"):
        client.decline_pull_request("PROJ", "repo", pull["id"], pull["version"])
    declined = client.decline_pull_request("PROJ", "repo", pull["id"], moved["version"])
    assert declined["state"] == "DECLINED"
    reopened = client.reopen_pull_request("PROJ", "repo", pull["id"], declined["version"])
    assert reopened["state"] == "OPEN"
    tree.git("merge", "-q", "--strategy=ours", "topic", "-m", "by hand")
    tree.git("push", "-q", url, "main")
    assert client.get_pull_request("PROJ", "repo", pull["id"])["state"] == "MERGED"

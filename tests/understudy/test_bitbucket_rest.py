"""Set-up from the environment, projects, repositories and pull requests, also through a client others wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

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
def client(node: NodeProcess) -> Bitbucket:
    return Bitbucket(url=node.url, username=ADMIN[0], password=ADMIN[1])


def authenticated(url: str, auth: tuple[str, str] = ADMIN) -> str:
    return url.replace("http://", f"http://{auth[0]}:{auth[1]}@")


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
    node: NodeProcess, client: Bitbucket, tmp_path: Path, stack: Stack
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

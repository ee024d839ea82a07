"""Code search: fed by itself, away and back, emptied and filled again; nothing else depends on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.understudy.gitserver import ADMIN, SearchServer, Stack, Worktree
from tests.understudy.support import NodeProcess, eventually

pytestmark = pytest.mark.lab
PATH = "/rest/api/latest/projects/PROJ/repos/repo"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SearchServer]:
    server = SearchServer.make(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def stack(tmp_path: Path, database: Mapping[str, str], server: SearchServer) -> Iterator[Stack]:
    stack = Stack(tmp_path, database, variables=server.variables)
    yield stack
    stack.clean_up()


@pytest.fixture
def node(stack: Stack) -> NodeProcess:
    node = stack.running()
    admin = node.client(auth=ADMIN)
    admin.post("/rest/api/latest/projects", json={"key": "PROJ", "name": "Project"})
    assert admin.post("/rest/api/latest/projects/PROJ/repos", json={"name": "repo"}).status_code == 201
    return node


@pytest.fixture
def tree(tmp_path: Path) -> Worktree:
    return Worktree.make(tmp_path / "tree")


def push(node: NodeProcess, tree: Worktree) -> None:
    url = f"{node.url}/scm/proj/repo.git".replace("http://", f"http://{ADMIN[0]}:{ADMIN[1]}@")
    tree.git("push", "-q", url, "main")


def search(node: NodeProcess, query: str, auth: tuple[str, str] = ADMIN) -> list[dict[str, Any]]:
    body = {"query": query, "entities": {"code": {"start": 0, "limit": 25}}}
    answer = node.client(auth=auth).post("/rest/search/latest/search", json=body)
    assert answer.status_code == 200, answer.text
    values: list[dict[str, Any]] = answer.json()["code"]["values"]
    return values


def files(node: NodeProcess, query: str) -> set[str]:
    """The files found; a question mark while search is not available."""
    answer = node.client(auth=ADMIN).post("/rest/search/latest/search", json={"query": query})
    if answer.status_code == 503:
        return {"?"}
    assert answer.status_code == 200, answer.text
    return {hit["file"] for hit in answer.json()["code"]["values"]}


def test_what_was_pushed_is_found(node: NodeProcess, tree: Worktree) -> None:
    tree.commit(
        {
            "src/wonder.py": "import os\n\ndef frobnicate(x):\n    return x < 3\n",
            "src/other.java": "class Other { void frobnicate() {} }\n",
            "docs/read.md": "nothing here\n",
        }
    )
    push(node, tree)
    eventually(
        lambda: files(node, "frobnicate") == {"src/wonder.py", "src/other.java"}, what="both files are found"
    )
    (hit,) = search(node, "frobnicate lang:python")
    assert hit["repository"]["slug"] == "repo"
    assert hit["hitCount"] == 1
    lines = {line["line"]: line["text"] for context in hit["hitContexts"] for line in context}
    assert lines[3] == "def <em>frobnicate</em>(x):"
    assert lines[4] == "    return x &lt; 3"
    assert files(node, "frobnicate ext:java") == {"src/other.java"}
    assert files(node, "frobnicate -java NOT class") == {"src/wonder.py"}
    assert files(node, '"return x"') == {"src/wonder.py"}
    assert files(node, "(frobnicate AND class) OR nothing") == {"src/other.java", "docs/read.md"}
    assert files(node, "repo:PROJ/repo path:docs/ here") == {"docs/read.md"}
    assert files(node, "project:NOPE frobnicate") == set()
    refused = node.client(auth=ADMIN).post("/rest/search/latest/search", json={"query": "(open"})
    assert refused.status_code == 400


def test_changes_and_removals_follow(node: NodeProcess, tree: Worktree) -> None:
    tree.commit({"a.txt": "apple\n", "b.txt": "banana\n"})
    push(node, tree)
    eventually(lambda: files(node, "apple OR banana") == {"a.txt", "b.txt"}, what="both are found")
    tree.git("rm", "-q", "b.txt")
    tree.commit({"a.txt": "apricot\n"})
    push(node, tree)
    eventually(lambda: files(node, "apricot") == {"a.txt"}, what="the change is found")
    assert files(node, "apple OR banana") == set()
    assert node.client(auth=ADMIN).delete(PATH).status_code == 202
    eventually(lambda: files(node, "apricot") == set(), what="the repository is gone from the index")


def test_only_what_one_may_read_is_found(node: NodeProcess, tree: Worktree) -> None:
    tree.commit({"a.txt": "apple\n"})
    push(node, tree)
    eventually(lambda: files(node, "apple") == {"a.txt"}, what="it is found")
    values = {"name": "bob", "password": "bob-pass", "displayName": "Bob", "emailAddress": "b@example.com"}
    node.client(auth=ADMIN).post("/rest/api/latest/admin/users", params=values)
    assert search(node, "apple", ("bob", "bob-pass")) == []
    granted = {"name": "bob", "permission": "REPO_READ"}
    assert node.client(auth=ADMIN).put(f"{PATH}/permissions/users", params=granted).status_code == 204
    assert len(search(node, "apple", ("bob", "bob-pass"))) == 1


def test_away_and_back(node: NodeProcess, tree: Worktree, server: SearchServer) -> None:
    tree.commit({"a.txt": "apple\n"})
    push(node, tree)
    eventually(lambda: files(node, "apple") == {"a.txt"}, what="it is found")
    server.kill()
    admin = node.client(auth=ADMIN)
    assert admin.post("/rest/search/latest/search", json={"query": "apple"}).status_code == 503
    tree.commit({"b.txt": "banana\n"})
    push(node, tree)
    assert admin.get(f"{PATH}/browse").json()["children"]["size"] == 2
    assert node.status() == (200, "RUNNING")

    def unhealthy() -> bool:
        checks = admin.get("/rest/troubleshooting/1.0/check/").json()["statuses"]
        return [check["isHealthy"] for check in checks if check["name"] == "Search server"] == [False]

    eventually(unhealthy, what="the health check tells")
    server.start()
    eventually(lambda: files(node, "apple OR banana") == {"a.txt", "b.txt"}, what="it caught up by itself")
    assert eventually(
        lambda: admin.get("/rest/indexing/latest/status").json()["status"] == "IDLE", what="idle"
    )


def test_an_emptied_index_is_filled_again(node: NodeProcess, tree: Worktree, server: SearchServer) -> None:
    tree.commit({"a.txt": "apple\n"})
    push(node, tree)
    eventually(lambda: files(node, "apple") == {"a.txt"}, what="it is found")
    server.kill()
    shutil.rmtree(server.folder / "search")
    server.start()
    eventually(lambda: files(node, "apple") == {"a.txt"}, what="it was sent again")

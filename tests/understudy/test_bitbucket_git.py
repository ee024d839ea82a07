"""Real git over HTTP and SSH: who may, what is recorded, and what a node's sudden death leaves behind."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from tests.understudy.gitserver import ADMIN, Stack, Worktree, fsck, new_key, ssh_command
from tests.understudy.support import NodeProcess, PostgreSQL, eventually

pytestmark = pytest.mark.lab
PATH = "/rest/api/latest/projects/PROJ/repos/repo"


@pytest.fixture
def stack(tmp_path: Path, database: Mapping[str, str]) -> Iterator[Stack]:
    stack = Stack(tmp_path, database)
    yield stack
    stack.clean_up()


def make_repository(node: NodeProcess) -> int:
    """A project and a repository; gives the repository's number."""
    admin = node.client(auth=ADMIN)
    assert admin.post("/rest/api/latest/projects", json={"key": "PROJ", "name": "Project"}).status_code == 201
    made = admin.post("/rest/api/latest/projects/PROJ/repos", json={"name": "repo", "scmId": "git"})
    assert made.status_code == 201
    return int(made.json()["id"])


def make_user(node: NodeProcess, name: str, permission: str | None = None) -> tuple[str, str]:
    """Somebody, with a permission on the repository; gives name and password."""
    admin = node.client(auth=ADMIN)
    values = {
        "name": name,
        "password": f"{name}-pass",
        "displayName": name,
        "emailAddress": f"{name}@example.com",
    }
    assert admin.post("/rest/api/latest/admin/users", params=values).status_code == 204
    if permission is not None:
        granted = {"name": name, "permission": permission}
        assert admin.put(f"{PATH}/permissions/users", params=granted).status_code == 204
    return name, f"{name}-pass"


def http_url(node: NodeProcess, auth: tuple[str, str] = ADMIN) -> str:
    return f"{node.url}/scm/proj/repo.git".replace("http://", f"http://{auth[0]}:{auth[1]}@")


def ssh_url(node: NodeProcess) -> str:
    return f"ssh://git@{node.address}:{node.environment['PLUGIN_SSH_PORT']}/proj/repo.git"


def branches(node: NodeProcess) -> dict[str, str]:
    page = node.client(auth=ADMIN).get(f"{PATH}/branches", params={"limit": 1000}).json()
    return {branch["displayId"]: branch["latestCommit"] for branch in page["values"]}


def pushes(node: NodeProcess) -> list[tuple[str, str, str]]:
    """Who moved which ref to what, newest first."""
    page = node.client(auth=ADMIN).get(f"{PATH}/ref-change-activities", params={"limit": 1000}).json()
    return [
        (one.get("user", {}).get("name", ""), one["refChange"]["refId"], one["refChange"]["toHash"])
        for one in page["values"]
    ]


def test_who_may_push_and_who_may_only_look(stack: Stack, tmp_path: Path) -> None:
    node = stack.running()
    make_repository(node)
    reader, writer = make_user(node, "reader", "REPO_READ"), make_user(node, "writer", "REPO_WRITE")
    stranger = make_user(node, "stranger")
    tree = Worktree.make(tmp_path / "tree")
    commit = tree.commit({"a": "1\n"})
    assert "403" in tree.git("push", http_url(node, reader), "main", check=False).stderr
    assert tree.git("push", http_url(node, ("reader", "wrong")), "main", check=False).returncode != 0
    tree.git("push", "-q", http_url(node, writer), "main")
    assert branches(node) == {"main": commit}
    assert pushes(node) == [("writer", "refs/heads/main", commit)]
    tree.git("clone", "-q", http_url(node, reader), str(tmp_path / "clone"))
    assert (tmp_path / "clone" / "a").read_text() == "1\n"
    assert tree.git("ls-remote", http_url(node, stranger), check=False).returncode != 0
    assert node.client(auth=stranger).get(PATH).status_code == 401
    assert node.client(auth=stranger).get("/rest/api/latest/projects").json()["values"] == []


def test_an_access_token_is_a_password_for_git(stack: Stack, tmp_path: Path) -> None:
    node = stack.running()
    make_repository(node)
    wanted = {"name": "ci", "permissions": ["REPO_WRITE"], "expiryDays": 10}
    made = node.client(auth=ADMIN).put("/rest/access-tokens/latest/users/admin", json=wanted).json()
    tree = Worktree.make(tmp_path / "tree")
    commit = tree.commit({"a": "1\n"})
    tree.git(
        "push", "-q", http_url(node, ("admin", made["token"].replace("/", "%2F").replace("+", "%2B"))), "main"
    )
    bearer = node.client(token=made["token"])
    assert bearer.get(f"{PATH}/commits").json()["values"][0]["id"] == commit
    assert bearer.delete(f"/rest/access-tokens/latest/users/admin/{made['id']}").status_code == 204
    assert bearer.get(f"{PATH}/commits").status_code == 401


def test_ssh_with_a_registered_key_and_one_host_key_for_all_nodes(stack: Stack, tmp_path: Path) -> None:
    stack.plan(2)
    first, second = stack.running(0), stack.running(1)
    make_repository(first)
    writer = make_user(first, "writer", "REPO_WRITE")
    key = new_key(tmp_path)
    registered = first.client(auth=writer).post(
        "/rest/ssh/latest/keys", json={"text": key.with_suffix(".pub").read_text()}
    )
    assert registered.status_code == 201
    assert registered.json()["label"] == "somebody@example.com"
    known_hosts = tmp_path / "known_hosts"
    tree = Worktree.make(tmp_path / "tree", GIT_SSH_COMMAND=ssh_command(key, known_hosts))
    commit = tree.commit({"a": "1\n", "b": "x" * 200_000})
    tree.git("push", "-q", ssh_url(first), "main")
    tree.git("clone", "-q", ssh_url(second), str(tmp_path / "clone"))
    assert (tmp_path / "clone" / "b").stat().st_size == 200_000
    assert pushes(second) == [("writer", "refs/heads/main", commit)]
    offered = {
        line.split()[-1] for line in known_hosts.read_text().splitlines() if line.split()[1] == "ssh-rsa"
    }
    assert len(offered) == 1
    assert len(known_hosts.read_text().splitlines()) == 2
    listed = first.client(auth=writer).get("/rest/ssh/latest/keys").json()["values"]
    assert first.client(auth=writer).delete(f"/rest/ssh/latest/keys/{listed[0]['id']}").status_code == 204
    refused = tree.git("ls-remote", ssh_url(first), check=False)
    assert "Permission denied" in refused.stderr


def test_ssh_runs_nothing_but_git(stack: Stack, tmp_path: Path) -> None:
    node = stack.running()
    key = new_key(tmp_path)
    node.client(auth=ADMIN).post("/rest/ssh/latest/keys", json={"text": key.with_suffix(".pub").read_text()})
    command = ssh_command(key, tmp_path / "known_hosts").split()
    port = node.environment["PLUGIN_SSH_PORT"]
    done = subprocess.run(
        [*command, "-p", port, f"git@{node.address}", "cat /etc/passwd"],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode != 0
    assert done.stdout == ""
    assert "Only git-upload-pack" in done.stderr


def test_two_nodes_serve_the_same_repository_at_once(stack: Stack, tmp_path: Path) -> None:
    stack.plan(2)
    nodes = [stack.running(0), stack.running(1)]
    identity = make_repository(nodes[0])
    wanted: dict[str, str] = {}
    lock = threading.Lock()

    def work(worker: int) -> None:
        tree = Worktree.make(tmp_path / f"tree{worker}")
        for round_ in range(5):
            name = f"w{worker}/r{round_}"
            commit = tree.commit({f"file{worker}": f"{round_}\n"}, name)
            tree.git("push", "-q", http_url(nodes[worker % 2]), f"HEAD:refs/heads/{name}")
            with lock:
                wanted[name] = commit

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wanted) == 20
    assert branches(nodes[0]) == branches(nodes[1]) == wanted
    assert len(pushes(nodes[0])) == 20
    assert fsck(stack.repository(identity)) == ""


@pytest.mark.parametrize("carrier", ["http", "ssh"])
def test_no_acknowledged_push_is_lost_when_nodes_are_killed(
    stack: Stack, tmp_path: Path, carrier: str
) -> None:
    stack.plan(2)
    nodes = [stack.running(0), stack.running(1)]
    identity = make_repository(nodes[0])
    pusher = Pusher(nodes[0], tmp_path, carrier)
    with pusher:
        for goal in (3, 6, 9):
            eventually(functools.partial(pusher.reached, goal), what=f"{goal} pushes")
            nodes[0].kill()
            nodes[0].start()
            nodes[0].wait_for("RUNNING")
    check_nothing_is_lost(stack, nodes[1], identity, pusher.acknowledged)


def test_no_acknowledged_push_is_lost_when_the_database_is_killed(
    stack: Stack, tmp_path: Path, postgres: PostgreSQL
) -> None:
    node = stack.running()
    identity = make_repository(node)
    pusher = Pusher(node, tmp_path, "http")
    with pusher:
        for goal in (3, 6):
            eventually(functools.partial(pusher.reached, goal), what=f"{goal} pushes")
            postgres.kill()
            postgres.start()
        eventually(functools.partial(pusher.reached, 9), what="pushes go on")
    check_nothing_is_lost(stack, node, identity, pusher.acknowledged)


class Pusher:
    """Pushes one new branch after another, and remembers which of them were acknowledged."""

    def __init__(self, node: NodeProcess, folder: Path, carrier: str) -> None:
        more = {}
        if carrier == "ssh":
            key = new_key(folder)
            text = key.with_suffix(".pub").read_text()
            node.client(auth=ADMIN).post("/rest/ssh/latest/keys", json={"text": text})
            more["GIT_SSH_COMMAND"] = ssh_command(key, folder / "known_hosts")
        self.acknowledged: dict[str, str] = {}
        self._url = ssh_url(node) if carrier == "ssh" else http_url(node)
        self._tree = Worktree.make(folder / "tree", **more)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._push)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def reached(self, goal: int) -> bool:
        return len(self.acknowledged) >= goal

    def _push(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            files = {"counter": f"{number}\n", f"big/{number}": f"{number}" * 50_000}
            commit = self._tree.commit(files, str(number))
            pushed = self._tree.git("push", "-q", self._url, f"HEAD:refs/heads/b{number}", check=False)
            if pushed.returncode == 0:
                self.acknowledged[f"b{number}"] = commit


def check_nothing_is_lost(
    stack: Stack, node: NodeProcess, identity: int, acknowledged: dict[str, str]
) -> None:
    """Git is sound, has every acknowledged commit, and the rows come to say what git says."""
    repository = stack.repository(identity)
    assert fsck(repository) == ""
    in_git = stack_refs(repository)
    assert acknowledged.items() <= in_git.items()

    def recorded() -> bool:
        return branches(node) == in_git and set(in_git.values()) <= {new for _, _, new in pushes(node)}

    def settled() -> bool:
        with stack_database(stack) as connection:
            return connection.execute("select count(*) from push_intent").fetchone() == (0,)

    eventually(recorded, what="every ref that moved has its row", seconds=30)
    eventually(settled, what="no push is left unfinished", seconds=30)
    assert {user for user, _, _ in pushes(node)} == {"admin"}


def test_many_refs_in_one_push(stack: Stack, tmp_path: Path) -> None:
    node = stack.running()
    make_repository(node)
    tree = Worktree.make(tmp_path / "tree")
    commit = tree.commit({"a": "1\n"})
    refs = "".join(f"create refs/heads/many/{number} {commit}\n" for number in range(300))
    subprocess.run(["git", "update-ref", "--stdin"], cwd=tree.folder, input=refs, text=True, check=True)
    tree.git("push", "-q", http_url(node), "refs/heads/*:refs/heads/*")
    assert len(stack_refs(stack.repository(1))) == 301
    page = node.client(auth=ADMIN).get(f"{PATH}/branches", params={"limit": 100, "start": 300}).json()
    assert (page["size"], page["isLastPage"]) == (1, True)


def test_a_big_repository_passes_through_in_little_memory(stack: Stack, tmp_path: Path) -> None:
    node = stack.running()
    make_repository(node)
    tree = Worktree.make(tmp_path / "tree")
    tree.git("config", "core.compression", "0")
    (tree.folder / "noise").write_bytes(os.urandom(40_000_000))
    tree.commit({"a": "1\n"})
    tree.git("push", "-q", http_url(node), "main")
    tree.git("clone", "-q", http_url(node), str(tmp_path / "clone"))
    assert (tmp_path / "clone" / "noise").stat().st_size == 40_000_000
    assert node.process is not None
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < 120_000  # kB


def test_a_client_that_dies_in_mid_push_leaves_nothing_behind(stack: Stack, tmp_path: Path) -> None:
    node = stack.running()
    identity = make_repository(node)
    tree = Worktree.make(tmp_path / "tree")
    first = tree.commit({"a": "1\n"})
    tree.git("push", "-q", http_url(node), "main")
    (tree.folder / "noise").write_bytes(os.urandom(30_000_000))
    tree.commit({"b": "2\n"})
    push = subprocess.Popen(
        ["git", "push", "-q", http_url(node), "main"],
        cwd=tree.folder,
        env=tree.environment,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    log = stack.folder / "shared" / "data" / "repositories" / str(identity) / "objects"
    eventually(
        lambda: any(log.glob("tmp_objdir-incoming-*")) or push.poll() is not None,
        what="the push is under way",
    )
    with contextlib.suppress(ProcessLookupError):
        os.killpg(push.pid, signal.SIGKILL)
    push.wait()
    eventually(lambda: not children_of(node), what="no git process is left")
    assert not any(log.glob("tmp_objdir-incoming-*"))
    assert fsck(stack.repository(identity)) == ""
    assert branches(node)["main"] in {first, tree.git("rev-parse", "HEAD").stdout.strip()}
    tree.git("push", "-q", http_url(node), "main")


def test_stopping_a_node_ends_its_git_processes(stack: Stack, tmp_path: Path) -> None:
    node = stack.running()
    make_repository(node)
    key = new_key(tmp_path)
    node.client(auth=ADMIN).post("/rest/ssh/latest/keys", json={"text": key.with_suffix(".pub").read_text()})
    command = ssh_command(key, tmp_path / "known_hosts").split()
    port = node.environment["PLUGIN_SSH_PORT"]
    # A push that never sends anything keeps git waiting.
    waiting = subprocess.Popen(
        [*command, "-p", port, f"git@{node.address}", "git-receive-pack '/proj/repo.git'"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: children_of(node), what="git waits for the push")
        left = children_of(node)
        assert node.stop(seconds=40) == 0
        assert not any(Path(f"/proc/{child}").exists() for child in left)
    finally:
        waiting.kill()
        waiting.communicate()


def children_of(node: NodeProcess) -> list[int]:
    """The processes a node started and did not reap yet; its threads come and go meanwhile."""
    assert node.process is not None
    found: list[int] = []
    for task in Path(f"/proc/{node.process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def stack_refs(repository: Path) -> dict[str, str]:
    """What git itself says about the branches."""
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", f"--git-dir={repository}", "for-each-ref", "refs/heads"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line.split() for line in done.stdout.splitlines())
    return {ref.removeprefix("refs/heads/"): commit for commit, _, ref in lines}


def stack_database(stack: Stack) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        stack.database["url"].removeprefix("jdbc:"),
        user=stack.database["user"],
        password=stack.database["password"],
    )


def test_when_every_place_is_taken_git_is_asked_to_come_again(stack: Stack, tmp_path: Path) -> None:
    node = stack.running(THROTTLE_RESOURCE_SCM_HOSTING="1", THROTTLE_RESOURCE_SCM_HOSTING_TIMEOUT="0.2")
    make_repository(node)
    key = new_key(tmp_path)
    node.client(auth=ADMIN).post("/rest/ssh/latest/keys", json={"text": key.with_suffix(".pub").read_text()})
    command = ssh_command(key, tmp_path / "known_hosts").split()
    port = node.environment["PLUGIN_SSH_PORT"]
    with subprocess.Popen(
        [*command, "-p", port, f"git@{node.address}", "git-receive-pack '/proj/repo.git'"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as waiting:
        eventually(lambda: children_of(node), what="the one place is taken")
        path = "/scm/proj/repo.git/info/refs"
        client = node.client(auth=ADMIN)
        assert client.get(path, params={"service": "git-upload-pack"}).status_code == 503
        assert client.get(PATH).status_code == 200
        waiting.kill()
    eventually(
        lambda: client.get(path, params={"service": "git-upload-pack"}).status_code == 200,
        what="a place is free again",
    )


def test_the_code_of_an_error_has_a_variant(stack: Stack) -> None:
    node = stack.add(UNDERSTUDY_VARIANTS="error-503", SETUP_BASEURL="http://x")
    shared = stack.folder / "shared" / "config"
    shared.mkdir(parents=True)
    (shared / "ssh-server-keys.pem").write_text("no key")
    node.start()
    node.wait_for("ERROR")
    assert node.status() == (503, "ERROR")
    assert "no usable host key" in node.client().get("/rest/api/latest/projects").text

"""Two nodes of the companion: editing together, and what survives a node."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.understudy.support import NodeProcess, PostgreSQL, cleaned, eventually, free_ports, own_address
from tests.understudy.wiki_support import ADMIN, create_page, create_space, make_cluster, set_up
from understudy.kit.database import Database, DatabaseAddress
from understudy.kit.edit_tokens import Claims, load_secret, make_token
from understudy.synchrony.operations import apply, read_operation

pytestmark = pytest.mark.lab
DOCUMENT = "page-7"


def make_nodes(database: Mapping[str, str], folder: Path, *, size: int = 2) -> list[NodeProcess]:
    """Lay out a cluster of the companion; every node has an address of its own, so they share ports."""
    addresses = [own_address() for _ in range(size)]
    http, cluster, messages, control = free_ports(addresses[0], 4)
    nodes = []
    for number, address in enumerate(addresses):
        home = folder / f"synchrony{number}"
        home.mkdir(parents=True)
        environment = {
            "SYNCHRONY_BIND": address,
            "SYNCHRONY_SERVICE_URL": "http://wiki.example/synchrony",
            "SYNCHRONY_DATABASE_URL": database["url"],
            "SYNCHRONY_DATABASE_USERNAME": database["user"],
            "SYNCHRONY_DATABASE_PASSWORD": database["password"],
            "CLUSTER_JOIN_TYPE": "tcpip",
            "JVM_SUPPORT_RECOMMENDED_ARGS": " ".join(
                (
                    f"-Dcluster.join.tcpip.members={','.join(addresses)}",
                    f"-Dsynchrony.port={http}",
                    f"-Dcluster.listen.port={cluster}",
                    f"-Dsynchrony.cluster.base.port={messages}",
                )
            ),
            "CONFLUENCE_HOME": str(home),
            "UNDERSTUDY_VERSION": "10.2.7",
            "UNDERSTUDY_CONTROL": f"{address}:{control}",
            "UNDERSTUDY_START_SECONDS": "0",
            "UNDERSTUDY_STOP_SECONDS": "0",
            "UNDERSTUDY_LINK_SECONDS": "0.3",
        }
        log = folder / f"synchrony{number}.log"
        nodes.append(NodeProcess("understudy.synchrony", address, http, environment, log, "/synchrony"))
    return nodes


def start(node: NodeProcess) -> None:
    node.start()

    def beats() -> bool:
        assert node.process is not None
        assert node.process.poll() is None, node.tail()
        try:
            return httpx.get(f"{node.url}/heartbeat", timeout=2, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    eventually(beats, what="the heartbeat answers")


@pytest.fixture
def nodes(database: Mapping[str, str], tmp_path: Path) -> Iterator[list[NodeProcess]]:
    with cleaned(make_nodes(database, tmp_path)) as laid_out:
        for node in laid_out:
            start(node)
        yield laid_out


@pytest.fixture
def secret(database: Mapping[str, str], nodes: list[NodeProcess]) -> Iterator[bytes]:
    address = DatabaseAddress.from_jdbc(database["url"], user=database["user"], password=database["password"])
    pool = Database(address)
    yield load_secret(pool, "jwt")
    pool.close()


class Editor:
    """A client: joins a document, edits it, and keeps its own copy by what it receives."""

    def __init__(self, socket: ClientConnection, token: str, *, document: str, since: int | None) -> None:
        self.socket = socket
        self.document = document
        self.text, self.revision = "", since or 0
        join: dict[str, Any] = {"type": "join", "document": document, "token": token}
        self.send(join if since is None else join | {"since": since})
        if since is None:
            state = self.receive("state")
            self.text, self.revision = state["text"], state["revision"]

    def send(self, message: Mapping[str, Any]) -> None:
        self.socket.send(json.dumps(message))

    def edit(self, edit_id: str, *operation: int | str, base: int | None = None) -> None:
        self.send(
            {
                "type": "edit",
                "document": self.document,
                "base": self.revision if base is None else base,
                "id": edit_id,
                "operation": list(operation),
            }
        )

    def receive(self, kind: str) -> dict[str, Any]:
        """The next message of a kind; edits that come before it are taken in."""
        while True:
            message: dict[str, Any] = json.loads(self.socket.recv(timeout=20))
            if message["type"] == "edit":
                assert message["revision"] == self.revision + 1
                self.text = apply(self.text, read_operation(message["operation"]))
                self.revision = message["revision"]
            if message["type"] == kind:
                return message

    def follow_to(self, revision: int) -> str:
        while self.revision < revision:
            self.receive("edit")
        return self.text


Join = Callable[..., Editor]


@pytest.fixture
def join() -> Iterator[Join]:
    """Opens editors that are closed when the test ends."""
    with contextlib.ExitStack() as stack:

        def opened(
            node: NodeProcess, token: str, document: str = DOCUMENT, since: int | None = None
        ) -> Editor:
            url = f"ws://{node.address}:{node.port}/synchrony/v1/bayeux-sync1"
            socket = stack.enter_context(connect(url, proxy=None, open_timeout=10))
            return Editor(socket, token, document=document, since=since)

        yield opened


def token_of(secret: bytes, user: str = "ada", document: str = DOCUMENT) -> str:
    return make_token(secret, Claims(user, document, 4_000_000_000))


def test_an_edit_reaches_every_client_on_every_node(
    nodes: list[NodeProcess], secret: bytes, join: Join
) -> None:
    ada, bob, cyd = (
        join(node, token_of(secret, user))
        for node, user in ((nodes[0], "ada"), (nodes[1], "bob"), (nodes[1], "cyd"))
    )
    ada.edit("1", "hello world")
    assert ada.receive("ack") == {"type": "ack", "document": DOCUMENT, "id": "1", "revision": 1}
    received = bob.receive("edit")
    assert (received["author"], received["id"]) == ("ada", "1")
    assert bob.text == cyd.follow_to(1) == ada.follow_to(1) == "hello world"


def test_edits_made_at_once_on_two_nodes_converge(
    nodes: list[NodeProcess], secret: bytes, join: Join
) -> None:
    editors = [join(node, token_of(secret, node.address)) for node in nodes]
    editors[0].edit("start", "----------")
    for editor in editors:
        editor.follow_to(1)

    def write(number: int) -> None:
        for turn in range(20):
            editors[number].edit(f"{number}-{turn}", 5, f"<{number}.{turn}>", base=1)
            editors[number].receive("ack")

    writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    texts = {editor.follow_to(41) for editor in editors}
    assert len(texts) == 1
    text = texts.pop()
    assert all(f"<{number}.{turn}>" in text for number in range(2) for turn in range(20))
    assert join(nodes[0], token_of(secret)).text == text


def test_an_acknowledged_edit_survives_the_death_of_its_node(
    nodes: list[NodeProcess], secret: bytes, join: Join
) -> None:
    first, second = nodes
    ada = join(first, token_of(secret))
    for number in range(10):
        ada.edit(str(number), *([len(ada.text)] if ada.text else []), f"{number},")
        ada.receive("ack")
        ada.follow_to(number + 1)
    first.kill()
    with pytest.raises((ConnectionClosed, OSError)):
        ada.receive("edit")
    again = join(second, token_of(secret))
    assert again.text == "0,1,2,3,4,5,6,7,8,9,"
    again.edit("9", "once more", base=9)
    assert again.receive("ack")["revision"] == 10
    start(first)
    late = join(first, token_of(secret), since=7)
    late.text = "0,1,2,3,4,5,6,"
    assert [late.receive("edit")["id"] for _ in range(3)] == ["7", "8", "9"]


def test_edits_arrive_although_no_hint_between_nodes_does(
    nodes: list[NodeProcess], secret: bytes, tmp_path: Path, join: Join
) -> None:
    first, second = nodes
    second.kill()
    alone = f"-Dcluster.join.tcpip.members={second.address}"
    others = second.environment["JVM_SUPPORT_RECOMMENDED_ARGS"].split(maxsplit=1)[1]
    second.environment["JVM_SUPPORT_RECOMMENDED_ARGS"] = f"{alone} {others}"
    first.kill()
    first.environment["JVM_SUPPORT_RECOMMENDED_ARGS"] = (
        f"-Dcluster.join.tcpip.members={first.address} {others}"
    )
    start(first)
    start(second)
    ada, bob = join(first, token_of(secret)), join(second, token_of(secret, "bob"))
    ada.edit("1", "found in the database")
    assert bob.follow_to(1) == "found in the database"


def test_a_client_without_a_good_token_learns_nothing(
    nodes: list[NodeProcess], secret: bytes, join: Join
) -> None:
    join(nodes[0], token_of(secret)).edit("1", "private")
    with connect(f"ws://{nodes[0].address}:{nodes[0].port}/synchrony/v1/bayeux-sync1", proxy=None) as socket:
        for message in (
            {"type": "join", "document": DOCUMENT},
            {"type": "join", "document": DOCUMENT, "token": token_of(b"guess")},
            {"type": "join", "document": DOCUMENT, "token": token_of(secret, document="page-8")},
            {"type": "edit", "document": DOCUMENT, "base": 0, "id": "x", "operation": ["x"]},
            ["no object"],
        ):
            socket.send(json.dumps(message))
            answer = json.loads(socket.recv(timeout=20))
            assert answer["type"] == "error"
            assert "private" not in answer["message"]


@pytest.mark.parametrize(
    "change",
    [{"base": 99}, {"base": -1}, {"operation": [5]}, {"operation": "x"}, {"id": ""}, {"document": "page-8"}],
)
def test_an_edit_that_is_no_good_is_refused_and_the_connection_stays(
    nodes: list[NodeProcess], secret: bytes, change: dict[str, Any], join: Join
) -> None:
    ada = join(nodes[0], token_of(secret))
    ada.send({"type": "edit", "document": DOCUMENT, "base": 0, "id": "bad", "operation": ["x"]} | change)
    assert ada.receive("error")["message"]
    ada.edit("good", "fine")
    assert ada.receive("ack")["id"] == "good"


def test_a_lost_database_is_told_and_nothing_acknowledged_is_lost(
    nodes: list[NodeProcess], secret: bytes, postgres: PostgreSQL, join: Join
) -> None:
    ada = join(nodes[0], token_of(secret))
    ada.edit("1", "before")
    ada.receive("ack")
    ada.follow_to(1)
    postgres.kill()
    try:
        ada.edit("2", 6, " during")
        assert ada.receive("error")["message"]
    finally:
        postgres.start()

    def repeated() -> bool:
        ada.edit("2", 6, " during", base=1)
        message = json.loads(ada.socket.recv(timeout=20))
        return bool(message["type"] in {"ack", "edit"})

    eventually(repeated, what="the edit is taken once the database is back")
    eventually(lambda: join(nodes[1], token_of(secret)).text == "before during", what="it counts once")


def test_an_orderly_stop_ends_with_0(nodes: list[NodeProcess]) -> None:
    assert [node.stop() for node in nodes] == [0, 0]


def test_a_starting_node_has_no_heartbeat(database: Mapping[str, str], tmp_path: Path) -> None:
    with cleaned(make_nodes(database, tmp_path, size=1)) as (node,):
        node.environment["UNDERSTUDY_START_SECONDS"] = "600"
        node.start()

        def refused() -> bool:
            try:
                return httpx.get(f"{node.url}/heartbeat", trust_env=False).status_code == 503
            except httpx.TransportError:
                return False

        eventually(refused, what="the heartbeat says that the node is starting")


def test_wrong_settings_are_told_all_at_once(database: Mapping[str, str], tmp_path: Path) -> None:
    with cleaned(make_nodes(database, tmp_path, size=1)) as (node,):
        node.environment |= {
            "CLUSTER_JOIN_TYPE": "multicast",
            "SYNCHRONY_DATABASE_URL": "",
            "CONFLUENCE_HOME": "",
        }
        node.start()
        assert node.process is not None
        assert node.process.wait(30) == 2
        for name in ("cluster.join.type", "SYNCHRONY_DATABASE_URL", "CONFLUENCE_HOME"):
            assert name in node.tail()


def test_the_wiki_gives_an_editor_its_token(
    nodes: list[NodeProcess], database: Mapping[str, str], tmp_path: Path, join: Join
) -> None:
    wiki = make_cluster(database, tmp_path / "wiki", size=1, clustered=False)
    node = wiki.nodes[0]
    service = f"http://{nodes[0].address}:{nodes[0].port}/synchrony/v1"
    node.environment["JVM_SUPPORT_RECOMMENDED_ARGS"] += f" -Dsynchrony.service.url={service}"
    with cleaned(wiki.nodes):
        set_up(node)
        client = node.client(auth=ADMIN)
        create_space(client)
        page_id = create_page(client, "Edited together")
        assert client.get("/rest/synchrony-interop/synchrony-status").json() == {"status": "running"}
        editor = client.get("/pages/editpage.action", params={"pageId": page_id}).text
        found = re.search(r'name="ajs-synchrony-token" content="([^"]+)"', editor)
        assert found is not None
        ada = join(nodes[1], found[1], document=f"page-{page_id}")
        ada.edit("1", "draft")
        assert ada.receive("ack")["revision"] == 1
        for companion in nodes:
            companion.kill()
        assert client.get("/rest/synchrony-interop/synchrony-status").json() == {"status": "stopped"}

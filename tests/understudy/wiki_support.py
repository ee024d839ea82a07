"""Starts nodes of the wiki and of its companion, and walks through the set-up as a person would."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from atlassian import Confluence

from tests.understudy.support import NodeProcess, PostgreSQL, cleaned, eventually, free_ports, own_address

ADMIN = ("admin", "s3cret-word")
LICENCE = "AAAB" + "x" * 60
_FORM = re.compile(r"<form[^>]*>.*?</form>", re.DOTALL)
_ACTION = re.compile(r'action="([^"]+)"')
_INPUT = re.compile(r"<(?:input|button)[^>]*>")
_NAME = re.compile(r'name="([^"]+)"')
_VALUE = re.compile(r'value="([^"]*)"')


@dataclass(frozen=True)
class Form:
    """A form found in a page: where it goes and the fields it holds as served."""

    action: str
    fields: Mapping[str, str]


def forms_of(page: str) -> list[Form]:
    """The forms of a page."""
    found = []
    for text in _FORM.findall(page):
        action = _ACTION.search(text)
        assert action is not None
        fields: dict[str, str] = {}
        for tag in _INPUT.findall(text):
            name, value = _NAME.search(tag), _VALUE.search(tag)
            if name is not None:
                fields.setdefault(name[1], html.unescape(value[1]) if value is not None else "")
        found.append(Form(html.unescape(action[1]), fields))
    return found


@dataclass
class WikiCluster:
    """Nodes that share a database and a home, each with an address of its own."""

    database: Mapping[str, str]
    folder: Path
    nodes: list[NodeProcess] = field(default_factory=list)
    cluster_ports: dict[str, int] = field(default_factory=dict)

    def control(self, node: NodeProcess, command: str, **arguments: Any) -> Any:
        """Run a command of the control listener."""
        address = node.environment["UNDERSTUDY_CONTROL"]
        answer = httpx.post(f"http://{address}/{command}", json=arguments, timeout=30, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def home(self, node: NodeProcess) -> Path:
        """The local home of a node."""
        return Path(node.environment["CONFLUENCE_HOME"])

    @property
    def shared_home(self) -> Path:
        """The shared home."""
        return self.folder / "shared"


def make_cluster(
    database: Mapping[str, str], folder: Path, *, size: int, clustered: bool = True, **changes: str
) -> WikiCluster:
    """Lay out a cluster; no process is started.

    Args:
        database: from the fixture.
        folder: for the homes.
        size: number of nodes.
        clustered: whether they are told of one another.
        changes: environment variables of every node.
    """
    cluster = WikiCluster(database, folder)
    addresses = [own_address() for _ in range(size)]
    ports = {address: free_ports(address, 3) for address in addresses}
    cluster.cluster_ports = {address: cluster_port for address, (cluster_port, _, _) in ports.items()}
    peers = ",".join(f"{address}:{port}" for address, port in cluster.cluster_ports.items())
    for number, address in enumerate(addresses):
        home = folder / f"home{number}"
        home.mkdir(parents=True)
        _, http, control = ports[address]
        environment = {
            "CONFLUENCE_HOME": str(home),
            "ATL_PRODUCT_HOME_SHARED": str(cluster.shared_home),
            "ATL_TOMCAT_PORT": str(http),
            "ATL_JDBC_URL": database["url"],
            "ATL_JDBC_USER": database["user"],
            "ATL_JDBC_PASSWORD": database["password"],
            "ATL_DB_TYPE": "postgresql",
            "ATL_LICENSE_KEY": LICENCE,
            "JVM_SUPPORT_RECOMMENDED_ARGS": " ".join(
                (
                    f"-Dconfluence.cluster.hazelcast.listenPort={cluster.cluster_ports[address]}",
                    f"-Dconfluence.cluster.node.name=wiki-{number}",
                    "-Dconfluence.cluster.index.recovery.query.timeout=3",
                    "-Dconfluence.cluster.index.recovery.generation.timeout=20",
                )
            ),
            "UNDERSTUDY_VERSION": "10.2.7",
            "UNDERSTUDY_BIND": address,
            "UNDERSTUDY_CONTROL": f"{address}:{control}",
            "UNDERSTUDY_START_SECONDS": "0",
            "UNDERSTUDY_STOP_SECONDS": "0",
            "UNDERSTUDY_REBUILD_SECONDS": "0.5",
            "UNDERSTUDY_LINK_SECONDS": "0.3",
            "UNDERSTUDY_SAFETY_SECONDS": "1",
            "UNDERSTUDY_INDEX_SECONDS": "0.1",
            "UNDERSTUDY_UPGRADE_SECONDS": "0.3",
        }
        if clustered:
            environment |= {
                "ATL_CLUSTER_TYPE": "tcp_ip",
                "ATL_CLUSTER_NAME": "wiki",
                "ATL_CLUSTER_PEERS": peers,
            }
        environment |= changes
        port = int(environment["ATL_TOMCAT_PORT"])
        log = folder / f"node{number}.log"
        context = environment.get("ATL_TOMCAT_CONTEXTPATH", "")
        cluster.nodes.append(
            NodeProcess("understudy.confluence", address, port, environment, log, context_path=context)
        )
    return cluster


@dataclass(frozen=True)
class WikiTemplate:
    """A site that has been set up and stopped, with a space DEV: what a test need not do again."""

    database: Mapping[str, str]
    shared_home: Path

    @classmethod
    def make(cls, database: Mapping[str, str], folder: Path) -> WikiTemplate:
        """Set a site up with one node and stop it."""
        cluster = make_cluster(database, folder, size=1)
        with cleaned(cluster.nodes):
            set_up(cluster.nodes[0])
            create_space(cluster.nodes[0].client(auth=ADMIN))
            cluster.nodes[0].stop()
        return cls(database, cluster.shared_home)

    def lay_out(
        self, postgres: PostgreSQL, name: str, folder: Path, *, size: int, **changes: str
    ) -> WikiCluster:
        """A cluster on a copy of the site; its nodes join by the shared home, and none is started.

        Args:
            postgres: the server of the template.
            name: of the copy's database.
            folder: for the homes.
            size: number of nodes.
            changes: environment variables of every node.
        """
        url, _, source = self.database["url"].rpartition("/")
        with postgres.connect("postgres") as connection:
            # Not the default strategy: it logs pages as they are in memory, and a sequence whose next values
            # were announced to the log before the copy goes back when the server crashes.
            connection.execute(
                f"create database {name} template {source} owner {self.database['user']} strategy file_copy"
            )
        copy = dict(self.database) | {"url": f"{url}/{name}"}
        cluster = make_cluster(copy, folder, size=size, clustered=True, **changes)
        shutil.copytree(self.shared_home, cluster.shared_home)
        return cluster


def set_up(node: NodeProcess) -> None:
    """Start a fresh node and walk through its set-up pages until it runs."""
    node.start()
    node.wait_for("FIRST_RUN")
    client = node.client()
    client.follow_redirects = True
    seen: list[str] = []
    while node.status()[1] != "RUNNING":
        page = current_page(client)
        found = answer_of(page)
        assert found.action not in seen, f"posted twice: {found.action}"
        seen.append(found.action)
        answer = client.post(httpx.URL(str(page.url)).join(found.action), data=dict(found.fields))
        assert answer.status_code in {200, 500}, answer.text
    node.wait_for("RUNNING")


def current_page(client: httpx.Client) -> httpx.Response:
    """The form of the current step, waiting while the context is rebuilt."""

    def probe() -> httpx.Response | None:
        page = client.get("/")
        return page if page.status_code == 200 and forms_of(page.text) else None

    return eventually(probe, what="a set-up page with a form")


def answer_of(page: httpx.Response) -> Form:
    """The form to send for a step, with its fields filled in as a person would."""
    forms = forms_of(page.text)
    chosen = next((form for form in forms if form.fields.get("contentChoice") == "blank"), forms[0])
    fields = dict(chosen.fields)
    if "username" in fields:
        fields |= {"username": ADMIN[0], "fullName": "Ada Admin", "email": "ada@wiki.example"}
        fields |= {"password": ADMIN[1], "confirm": ADMIN[1]}
    return Form(chosen.action, fields)


def api_client(node: NodeProcess, **arguments: Any) -> Any:
    """The client library that others wrote for the real product, logged in as the administrator."""
    credentials = arguments or {"username": ADMIN[0], "password": ADMIN[1]}
    make: Any = Confluence
    return make(node.url, cloud=False, **credentials)


def start_all(nodes: Sequence[NodeProcess]) -> None:
    """Start nodes one after another, each until it runs."""
    for node in nodes:
        node.start()
        node.wait_for("RUNNING")


def create_space(client: httpx.Client, key: str = "DEV") -> None:
    """Create a space."""
    made = client.post("/rest/api/space", json={"key": key, "name": f"Space {key}"})
    assert made.status_code == 200, made.text


def create_page(client: httpx.Client, title: str, *, body: str = "<p>text</p>", key: str = "DEV") -> str:
    """Create a page; gives its id."""
    made = client.post(
        "/rest/api/content",
        json={
            "type": "page",
            "title": title,
            "space": {"key": key},
            "body": {"storage": {"value": body, "representation": "storage"}},
        },
    )
    assert made.status_code == 200, made.text
    return str(made.json()["id"])


def found_by(client: httpx.Client, cql: str) -> set[str]:
    """Titles that a query finds."""
    answer = client.get("/rest/api/search", params={"cql": cql, "limit": 100})
    assert answer.status_code == 200, answer.text
    return {result["content"]["title"] for result in answer.json()["results"]}


def eventually_found(client: httpx.Client, cql: str, titles: set[str]) -> None:
    """Wait until a query finds exactly these titles."""
    eventually(lambda: found_by(client, cql) == titles, what=f"{cql} finds {titles}")

"""Clusters of issue-tracker understudies for tests, and a walk through their set-up pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import httpx

from tests.understudy.support import NodeProcess, eventually, free_ports, own_address

ADMIN = ("admin", "admin-secret-1")
LICENCE = "QUFBQnRlc3Q=" * 8
VERSION = "11.3.1"


@dataclass
class JiraCluster:
    """Nodes that share a database and a shared home."""

    folder: Path
    database: Mapping[str, str]
    nodes: dict[str, NodeProcess] = field(default_factory=dict)
    made: list[NodeProcess] = field(default_factory=list)

    def node(self, name: str, *, version: str = VERSION, **extra: str) -> NodeProcess:
        """A node, not started; the same name gives the same home, address and ports again."""
        previous = self.nodes.get(name)
        address = previous.address if previous else own_address()
        environment = dict(previous.environment) if previous else self._environment(name, address)
        environment |= {"UNDERSTUDY_VERSION": version} | extra
        context = environment.get("ATL_TOMCAT_CONTEXTPATH", "").strip("/")
        node = NodeProcess(
            module="understudy.jira",
            address=address,
            port=int(environment["ATL_TOMCAT_PORT"]),
            environment={key: value for key, value in environment.items() if value != "-"},
            log=self.folder / f"{name}.out",
            context_path=f"/{context}" if context else "",
        )
        self.nodes[name] = node
        self.made.append(node)
        return node

    def set_up_node(self, name: str = "one", **extra: str) -> NodeProcess:
        """A started node, set up and RUNNING."""
        node = self.node(name, **extra)
        node.start()
        node.wait_for("FIRST_RUN")
        walk(node)
        node.wait_for("RUNNING")
        return node

    def join_node(self, name: str, **extra: str) -> NodeProcess:
        """One more node, started and RUNNING."""
        node = self.node(name, **extra)
        node.start()
        node.wait_for("RUNNING")
        return node

    def _environment(self, name: str, address: str) -> dict[str, str]:
        http, control = free_ports(address, 2)
        return {
            "JIRA_HOME": str(self.folder / name),
            "JIRA_SHARED_HOME": str(self.folder / "shared"),
            "ATL_TOMCAT_PORT": str(http),
            "ATL_JDBC_URL": self.database["url"],
            "ATL_JDBC_USER": self.database["user"],
            "ATL_JDBC_PASSWORD": self.database["password"],
            "ATL_DB_DRIVER": "org.postgresql.Driver",
            "ATL_DB_TYPE": "postgres72",
            "CLUSTERED": "true",
            "JIRA_NODE_ID": name,
            "EHCACHE_LISTENER_HOSTNAME": address,
            "EHCACHE_LISTENER_PORT": "40001",
            "EHCACHE_OBJECT_PORT": "40011",
            "UNDERSTUDY_BIND": address,
            "UNDERSTUDY_CONTROL": f"{address}:{control}",
            "UNDERSTUDY_START_SECONDS": "0",
            "UNDERSTUDY_STOP_SECONDS": "0.2",
            "UNDERSTUDY_SETUP_SECONDS": "0.1",
            "UNDERSTUDY_LINK_SECONDS": "0.2",
            "UNDERSTUDY_HEARTBEAT_SECONDS": "0.3",
            "UNDERSTUDY_ALIVE_SECONDS": "2",
        }


@dataclass
class Form:
    """A form of a page: where it goes, and its fields with their values."""

    action: str
    fields: dict[str, str]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), {}))
        elif tag in {"input", "select", "textarea"} and "name" in values and self.forms:
            self.forms[-1].fields[values["name"]] = values.get("value", "")


def forms_of(response: httpx.Response) -> list[Form]:
    """The forms of a page."""
    parser = _Forms()
    parser.feed(response.text)
    return parser.forms


def answers(node: NodeProcess, database: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a person would fill in, by name of the field."""
    found = {
        "title": "Tracker",
        "mode": "private",
        "baseURL": node.url,
        "setupLicenseKey": LICENCE,
        "fullname": "First Admin",
        "email": "admin@example.com",
        "username": ADMIN[0],
        "noemail": "true",
        "setupOption": "classic",
    }
    if database is not None:
        parts = re.fullmatch(r"jdbc:postgresql://(.+):(\d+)/(.+)", database["url"])
        assert parts is not None
        found |= {
            "databaseOption": "external",
            "databaseType": "postgres72",
            "jdbcHostname": parts[1],
            "jdbcPort": parts[2],
            "jdbcDatabase": parts[3],
            "jdbcUsername": database["user"],
            "jdbcPassword": database["password"],
            "testingConnection": "false",
        }
    return found


def walk(node: NodeProcess, database: Mapping[str, str] | None = None) -> list[str]:
    """Go through set-up, driven by the forms found; gives the forms' actions in order."""
    client = node.client()
    client.headers["Referer"] = node.url + "/"
    filled = answers(node, database)
    page = eventually(lambda: _first_page(client), what="the first set-up page")
    done = []
    while forms := forms_of(page):
        form = max(forms, key=lambda one: len(one.fields))
        data = {name: filled.get(name, value) for name, value in form.fields.items()}
        if form.action.endswith("SetupAdminAccount.jspa"):
            data |= {"password": ADMIN[1], "confirm": ADMIN[1]}
        data["atl_token"] = client.cookies.get("atlassian.xsrf.token") or form.fields.get("atl_token", "")
        answer = client.post(form.action.removeprefix(node.context_path), data=data)
        assert answer.status_code in {200, 302}, (form, answer.status_code, answer.text)
        done.append(form.action.rpartition("/")[2])
        if answer.status_code == 200:
            page = answer
        elif "Welcome" in answer.headers["location"]:
            return done
        else:
            page = client.get(
                answer.headers["location"].removeprefix(node.context_path), follow_redirects=True
            )
        assert page.status_code == 200
    raise AssertionError(f"a page without a form: {page.text}")


def _first_page(client: httpx.Client) -> httpx.Response | None:
    page = client.get("/", follow_redirects=True)
    return page if page.status_code == 200 and forms_of(page) else None


def make_project(node: NodeProcess, key: str = "TEL") -> httpx.Client:
    """A project, and a client logged in as the administrator."""
    client = node.client(auth=ADMIN)
    answer = client.post(
        "/rest/api/2/project", json={"key": key, "name": f"Project {key}", "projectTypeKey": "software"}
    )
    assert answer.status_code == 201, answer.text
    return client


def make_issue(client: httpx.Client, summary: str, *, project: str = "TEL", **fields: object) -> str:
    """An issue; gives its key."""
    body = {"project": {"key": project}, "summary": summary, "issuetype": {"name": "Task"}} | fields
    answer = client.post("/rest/api/2/issue", json={"fields": body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


def search(client: httpx.Client, jql: str, **parameters: object) -> list[str]:
    """The keys a query finds."""
    answer = client.get("/rest/api/2/search", params={"jql": jql} | parameters)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return [issue["key"] for issue in answer.json()["issues"]]


def command(node: NodeProcess, name: str, **arguments: object) -> None:
    """Send a command to the control listener of a node."""
    answer = httpx.post(
        f"http://{node.environment['UNDERSTUDY_CONTROL']}/{name}", json=arguments, trust_env=False
    )
    assert answer.status_code == 200, answer.text

"""A copy of a stack holds what the original holds, says that it is a copy, and tells nobody anything."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from telamon.model.stack import Stack
from telamon.operator.operations import Wish
from telamon.platforms.lab.backup.desk import BackupDesk
from tests.lab.backups import needs_restic
from tests.lab.conftest import place
from tests.lab.support import until
from tests.lab.world import World, kept
from tests.support.outsiders import Outsiders

pytestmark = [needs_restic, pytest.mark.exhaustive, pytest.mark.timeout(900)]

RELEASES = {"jira": "11.3.1", "confluence": "10.2.7", "bitbucket": "9.4.16"}
LINK = "2c66970e-35f8-365f-bc65-f535d7edf1a1"


class User:
    """The administrator of a product, before its front door.

    Args:
        world: the lab.
        product: of it.
    """

    def __init__(self, world: World, product: str) -> None:
        host, port = world.front(product)
        secret, name = world.platform.secrets, f"{world.stack.metadata.name}-{product}-admin"
        self.account = secret.get(name, "username"), secret.get(name, "password")
        self.origin = f"http://{host}:{port}"
        self._client = httpx.Client(
            base_url=self.origin,
            auth=self.account,
            headers={"X-Atlassian-Token": "no-check"},
            timeout=30,
            trust_env=False,
        )

    def __enter__(self) -> User:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, method: str, path: str, **parts: Any) -> Any:
        """Ask for something that must succeed."""
        answer = self._client.request(method, path, **parts)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def page(self, path: str) -> str:
        """A page for people."""
        answer = self._client.get(path)
        assert answer.is_success, answer.text
        return answer.text

    def links(self) -> list[str]:
        """The applications that this one is linked with."""
        listed = self.ask("GET", "/rest/applinks/1.0/listApplicationlinks")["list"]
        return [link["application"]["name"] for link in listed]


class Tracker:
    """What somebody does in the issue tracker."""

    dashboard = "/secure/Dashboard.jspa"

    def configure(self, connection: psycopg.Connection, user: User, *, mail: int, hook: str) -> None:
        """Set up mail, a webhook and a link, as the product's pages do."""
        connection.execute(
            "INSERT INTO mailserver (id, mailfrom, smtp_port, server_type, servername)"
            " VALUES (10000, 'jira@example.com', %s, 'smtp', '127.0.0.1')",
            (str(mail),),
        )
        connection.execute(
            'INSERT INTO "AO_4AEACD_WEBHOOK_DAO" ("ENABLED", "NAME", "URL", "LAST_UPDATED", "LAST_UPDATED_USER",'
            " \"REGISTRATION_METHOD\") VALUES (true, 'w', %s, now(), 'admin', 'REST')",
            (hook,),
        )
        connection.execute(
            "INSERT INTO propertyentry VALUES (9000, 'jira.properties', 1, %s, 5)",
            (f"applinks.admin.{LINK}.name",),
        )
        connection.execute("INSERT INTO propertystring VALUES (9000, 'Wiki')")
        user.ask(
            "POST",
            "/rest/api/2/project",
            json={"key": "DEMO", "name": "Demo", "projectTypeKey": "software", "lead": user.account[0]},
        )

    def change(self, user: User, text: str) -> None:
        """Something that others are told."""
        fields = {"project": {"key": "DEMO"}, "summary": text, "issuetype": {"name": "Task"}}
        key = user.ask("POST", "/rest/api/2/issue", json={"fields": fields})["key"]
        user.ask("POST", f"/rest/api/2/issue/{key}/attachments", files={"file": ("note.txt", text.encode())})

    def content(self, user: User) -> set[str]:
        """What people have written."""
        found = user.ask(
            "GET",
            "/rest/api/2/search",
            params={"jql": "project=DEMO", "fields": "attachment", "maxResults": 100},
        )
        files = [file for issue in found["issues"] for file in issue["fields"]["attachment"]]
        return {user.page(file["content"]) for file in files}

    def base_url(self, user: User) -> str:
        """What the product takes for its own address."""
        return str(user.ask("GET", "/rest/api/2/serverInfo")["baseUrl"])


class Wiki:
    """What somebody does in the wiki."""

    dashboard = "/index.action"

    def configure(self, connection: psycopg.Connection, user: User, *, mail: int, hook: str) -> None:
        """Set up mail, a webhook and a link, as the product's pages do."""
        account = (
            f"<list><server><hostName>127.0.0.1</hostName><port>{mail}</port>"
            "<fromAddress>wiki@example.com</fromAddress></server></list>"
        )
        for key, value in (
            ("atlassian.confluence.smtp.mail.accounts", account),
            (f"applinks.admin.{LINK}.name", "<string>Tracker</string>"),
        ):
            connection.execute(
                "INSERT INTO bandana (bandanacontext, bandanakey, bandanavalue) VALUES ('_GLOBAL', %s, %s)",
                (key, value),
            )
        _webhook(connection, hook)
        user.ask("POST", "/rest/api/space", json={"key": "DEMO", "name": "Demo"})

    def change(self, user: User, text: str) -> None:
        """Something that others are told."""
        body = {"storage": {"value": f"<p>{text}</p>", "representation": "storage"}}
        page = {"type": "page", "title": text, "space": {"key": "DEMO"}, "body": body}
        user.ask("POST", "/rest/api/content", json=page)

    def content(self, user: User) -> set[str]:
        """What people have written."""
        found = user.ask(
            "GET", "/rest/api/content", params={"spaceKey": "DEMO", "type": "page", "limit": "100"}
        )
        return {page["title"] for page in found["results"]} - {"Demo Home"}

    def base_url(self, user: User) -> str:
        """What the product takes for its own address."""
        return str(user.ask("GET", "/rest/api/content", params={"limit": "1"})["_links"]["base"])


class Forge:
    """What somebody does in the git server."""

    dashboard = "/projects"

    def configure(self, connection: psycopg.Connection, user: User, *, mail: int, hook: str) -> None:
        """Set up mail, a webhook and a link, as the product's pages do."""
        server = {"hostname": "127.0.0.1", "port": mail, "sender-address": "git@example.com"}
        user.ask("PUT", "/rest/api/latest/admin/mail-server", json=server)
        connection.execute(
            "INSERT INTO plugin_setting (namespace, key_name, key_value) VALUES ('global', %s, 'Tracker')",
            (f"applinks.admin.{LINK}.name",),
        )
        _webhook(connection, hook)
        user.ask("POST", "/rest/api/latest/projects", json={"key": "DEMO", "name": "Demo"})
        repos = "/rest/api/latest/projects/DEMO/repos"
        user.ask("POST", repos, json={"name": "demo", "scmId": "git"})
        _push(user, "main", text="first")

    def change(self, user: User, text: str) -> None:
        """Something that others are told."""
        repo = "/rest/api/latest/projects/DEMO/repos/demo"
        branch = text.replace(" ", "-")
        _push(user, branch, text=text)
        sides = {"fromRef": {"id": f"refs/heads/{branch}"}, "toRef": {"id": "refs/heads/main"}}
        user.ask("POST", f"{repo}/pull-requests", json={"title": text, **sides})

    def content(self, user: User) -> set[str]:
        """What people have written."""
        found = user.ask("GET", "/rest/api/latest/projects/DEMO/repos/demo/pull-requests")
        return {pull["title"] for pull in found["values"]}

    def base_url(self, user: User) -> str:
        """What the product takes for its own address."""
        project = user.ask("GET", "/rest/api/latest/projects/DEMO")
        return str(project["links"]["self"][0]["href"]).removesuffix("/projects/DEMO")


def _push(user: User, branch: str, *, text: str) -> None:
    """Push a commit to a branch, on top of what the main one holds."""
    name, password = user.account
    url = f"{user.origin.replace('://', f'://{name}:{password}@')}/scm/demo/demo.git"
    with tempfile.TemporaryDirectory() as folder:

        def git(*words: str) -> None:
            identity = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.com")
            environment = {
                "PATH": os.environ["PATH"],
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_TERMINAL_PROMPT": "0",
            }
            subprocess.run(
                ["git", *identity, *words], cwd=folder, env=environment, check=True, capture_output=True
            )

        git("clone", "--quiet", url, ".")
        git("checkout", "--quiet", "-B", branch)
        git("commit", "--quiet", "--allow-empty", "--message", text)
        git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")


def _webhook(connection: psycopg.Connection, url: str) -> None:
    connection.execute(
        'INSERT INTO "AO_A0B856_WEBHOOK" ("ACTIVE", "NAME", "URL", "SCOPE_TYPE", "CREATED", "UPDATED")'
        " VALUES (true, 'w', %s, 'GLOBAL', now(), now())",
        (url,),
    )


USES: dict[str, Tracker | Wiki | Forge] = {"jira": Tracker(), "confluence": Wiki(), "bitbucket": Forge()}


def stack_of(name: str, product: str, **spec: Any) -> Stack:
    """A small stack of one product."""
    return Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": name},
            "spec": {
                "domain": f"{name}.example",
                "products": {product: {"version": RELEASES[product], "nodes": 1}},
                "platform": {"kind": "lab", "balancers": 1, "databases": 1},
                **spec,
            },
        }
    )


@contextmanager
def fresh(stack: Stack) -> Iterator[World]:
    """A lab of a place of its own."""
    with place() as root, kept(root, stack) as world:
        yield world


def operate(world: World, verb: str, component: str) -> None:
    """Ask for an operation and see it succeed."""
    name = world.host.operate(Wish(verb, component, "", {})).metadata.name
    until(lambda: world.host.operations.get(name).status.finished is not None, within=300)
    assert world.host.operations.get(name).status.phase == "Succeeded"


def database(world: World, product: str) -> psycopg.Connection:
    """The product's database, as the role that it logs in as."""
    part = world.platform._part(product)
    assert part.database is not None
    wanted = part.database
    return psycopg.connect(
        host=wanted.endpoint.host,
        port=wanted.endpoint.port,
        user=wanted.user,
        dbname=wanted.name,
        password=world.platform.secrets.get(wanted.password.secret, wanted.password.key),
        autocommit=True,
    )


@pytest.mark.parametrize("product", sorted(USES))
def test_copy_holds_the_same_and_tells_nobody_anything(product: str) -> None:
    uses, outsiders = USES[product], Outsiders()
    with ExitStack() as stack:
        mail, hook = stack.enter_context(outsiders.listening())
        original = stack.enter_context(fresh(stack_of("acme", product)))
        first = stack.enter_context(User(original, product))
        with database(original, product) as connection:
            uses.configure(connection, first, mail=mail, hook=f"http://127.0.0.1:{hook}/")
        uses.change(first, "before the copy")
        until(lambda: len(outsiders.mails) == 1 and len(outsiders.calls) == 1, within=30)
        operate(original, "backup", product)
        (entry,) = BackupDesk(original.root).entries()
        section = {"of": "acme", "source": str(original.root), "backups": {product: entry.name}}
        copy = stack.enter_context(fresh(stack_of("acme-test", product, clone=section)))
        second = stack.enter_context(User(copy, product))
        assert uses.content(second) == {"before the copy"}
        assert uses.base_url(second).startswith(second.origin)
        assert f"as in {entry.name}" in second.page(uses.dashboard)
        assert second.links() == []
        assert second.account[1] != first.account[1]
        uses.change(second, "in the copy")
        # The original goes on as it was, and what it tells comes after what the copy would have told.
        uses.change(first, "after the copy")
        until(lambda: len(outsiders.mails) >= 2 and len(outsiders.calls) >= 2, within=30)
        assert len(first.links()) == 1
        assert "as in" not in first.page(uses.dashboard)
        assert uses.content(first) == {"before the copy", "after the copy"}
        assert uses.content(second) == {"before the copy", "in the copy"}
        assert uses.base_url(first).startswith(first.origin)
        told = "\n".join((*outsiders.mails, *outsiders.calls))
    assert len(outsiders.mails) == len(outsiders.calls) == 2, told

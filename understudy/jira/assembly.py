"""Puts the parts of a node together."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from understudy.jira import configfiles, outgoing
from understudy.jira.attachments import Attachments
from understudy.jira.indexing import IssueIndex
from understudy.jira.issuerows import IssueReader
from understudy.jira.issues import Issues, Operations
from understudy.jira.locks import ClusterLocks
from understudy.jira.projects import Projects
from understudy.jira.properties import Properties
from understudy.jira.registry import NodeState, Registry
from understudy.jira.services import Services
from understudy.jira.settings import ClusterSettings, JiraSettings
from understudy.jira.snapshots import Snapshots
from understudy.jira.upgrades import Upgrades
from understudy.kit.accounts import Accounts
from understudy.kit.cluster import Mesh, MeshSettings, Message
from understudy.kit.database import Database, DatabaseAddress
from understudy.kit.errors import UnderstudyError
from understudy.kit.homes import make_folder, sync_folder, write_durably
from understudy.kit.lifecycle import Lifecycle
from understudy.kit.logins import LoginRules, Logins
from understudy.kit.outgoing import Outgoing, is_mail_off
from understudy.kit.sabotage import (
    ACKNOWLEDGE_BEFORE_COMMIT,
    DROP_REPLICATED_OPERATION,
    TORN_ATTACHMENT,
    EverySo,
)
from understudy.kit.sessions import Sessions
from understudy.kit.settings import Endpoint

_CLUSTER_NAME = "jira"
_PROOF_FILE = "keys/cluster-authentication"
_ALONE = "not-clustered"


def cluster_of(settings: JiraSettings) -> ClusterSettings:
    """The cluster settings, or values for a node that is alone."""
    return settings.cluster or ClusterSettings(_ALONE, settings.kit.bind, settings.port, 0)


def assemble(settings: JiraSettings, lifecycle: Lifecycle, *, finish_setup: Callable[[], None]) -> Services:
    """Make every part of a node; nothing is connected or started by it.

    Args:
        settings: from the environment.
        lifecycle: of the node.
        finish_setup: called when the last set-up page was sent.
    """
    cluster = cluster_of(settings)
    sabotage = settings.kit.sabotage
    database = Database(_database_address(settings), durable=ACKNOWLEDGE_BEFORE_COMMIT not in sabotage)
    accounts = Accounts(database)
    registry = Registry(
        database,
        node_id=cluster.node_id,
        heartbeat_seconds=settings.kit.heartbeat_seconds,
        alive_seconds=settings.kit.alive_seconds,
    )
    properties = Properties(database)
    links = _Links(properties)
    operations = Operations(
        cluster.node_id,
        links.announce,
        drops=EverySo(3 if DROP_REPLICATED_OPERATION in sabotage else 0),
    )
    index = links.index = _make_index(settings, database, operations=operations, node_id=cluster.node_id)
    if settings.cluster is not None:
        links.mesh = _make_mesh(settings, cluster, registry=registry, links=links)
    return Services(
        settings=settings,
        lifecycle=lifecycle,
        node_id=cluster.node_id,
        clustered=settings.cluster is not None,
        database=database,
        properties=properties,
        accounts=accounts,
        logins=Logins(accounts, _sessions(settings), _login_rules(settings)),
        registry=registry,
        locks=ClusterLocks(database, registry, lifecycle),
        upgrades=Upgrades(database, registry, lifecycle=lifecycle, release=settings.kit.release),
        projects=Projects(database),
        operations=operations,
        issues=Issues(database, operations),
        reader=IssueReader(database),
        attachments=Attachments(
            database,
            operations,
            shared_home=settings.shared_home,
            tears=EverySo(2 if TORN_ATTACHMENT in sabotage else 0),
        ),
        index=index,
        mesh=links.mesh,
        outgoing=Outgoing(
            lambda: outgoing.addressees(database),
            mail_off=is_mail_off(settings.java),
            name_key="webhookEvent",
        ),
        finish_setup=finish_setup,
    )


class _Links:
    """What messages between nodes lead to; each is a hint, the truth is in the database."""

    def __init__(self, properties: Properties) -> None:
        self._properties = properties
        self.index: IssueIndex | None = None
        self.mesh: Mesh | None = None

    def announce(self) -> None:
        """This node has written an operation."""
        if self.index is not None:
            self.index.hint()
        if self.mesh is not None:
            self.mesh.broadcast({"kind": "operations"})

    def receive(self, _: str, message: Message) -> Message:
        """A peer says something."""
        if message.get("kind") == "operations" and self.index is not None:
            self.index.hint()
        elif message.get("kind") == "properties":
            self._properties.forget()
        return {}


def _make_index(
    settings: JiraSettings, database: Database, *, operations: Operations, node_id: str
) -> IssueIndex:
    return IssueIndex(
        database,
        operations,
        snapshots=Snapshots(settings.shared_home, settings.home / "tmp"),
        folder=settings.home / "caches" / "indexesV1" / "issues",
        node_id=node_id,
        gather_seconds=settings.index_seconds,
        apart=settings.has("index-position-apart"),
    )


def _make_mesh(
    settings: JiraSettings,
    cluster: ClusterSettings,
    *,
    registry: Registry,
    links: _Links,
) -> Mesh:
    bind = settings.kit.bind
    object_port = cluster.object_port or _free_port(bind)

    def find_peers() -> list[Endpoint]:
        others = [node for node in registry.nodes() if node.node_id != cluster.node_id]
        return [Endpoint(node.ip, node.cache_port) for node in others if node.state is not NodeState.OFFLINE]

    mesh_settings = MeshSettings(
        node_id=cluster.node_id,
        cluster=_CLUSTER_NAME,
        secret=_cluster_secret(settings.shared_home),
        listen=Endpoint(bind, object_port),
        advertised=Endpoint(cluster.listener_host, object_port),
        registry=Endpoint(bind, cluster.listener_port),
        heartbeat=settings.kit.link_seconds,
    )
    build = {"build": settings.kit.release.build_number}
    return Mesh(mesh_settings, find_peers=find_peers, receive=links.receive, describe=lambda: dict(build))


def _database_address(settings: JiraSettings) -> DatabaseAddress | None:
    """From ``dbconfig.xml``; None where a value is missing, which shows the database step."""
    found = configfiles.read_database(settings.home)
    if not found.complete:
        return None
    try:
        return DatabaseAddress.from_jdbc(found.url, user=found.user, password=found.password)
    except ValueError as error:
        raise UnderstudyError(f"dbconfig.xml: {error}") from error


def _sessions(settings: JiraSettings) -> Sessions:
    return Sessions(idle_seconds=settings.session_seconds, suffix=settings.java.get("jvmRoute", ""))


def _login_rules(settings: JiraSettings) -> LoginRules:
    return LoginRules(
        session_cookie="JSESSIONID",
        remember_cookie="seraph.rememberme.cookie",
        remember_seconds=settings.remember_seconds,
        cookie_path=settings.context_path or "/",
        secure_cookies=settings.secure,
        login_path=f"{settings.context_path}/login.jsp",
    )


def _free_port(address: str) -> int:
    """Without ``EHCACHE_OBJECT_PORT`` the port is any free one, as with RMI."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _cluster_secret(shared_home: Path) -> bytes:
    """The secret that nodes share, made by the first of them. Source: fix of CVE-2020-36239.

    A shared home that cannot be used is told at the start, which fails then; a secret of our own keeps
    the node apart until then.
    """
    path = shared_home / _PROOF_FILE
    try:
        make_folder(path.parent)
        draft = path.with_name(f".secret-{secrets.token_hex(8)}")
        write_durably(draft, secrets.token_hex(32).encode(), mode=0o600)
        with suppress(FileExistsError):
            os.link(draft, path)
            sync_folder(path.parent)
        draft.unlink()
        return path.read_bytes()
    except OSError:
        return secrets.token_bytes(32)

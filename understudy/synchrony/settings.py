"""Environment variables of the companion.

Each setting may be given as a system property in ``JVM_SUPPORT_RECOMMENDED_ARGS`` or as a variable of the
same words in capitals, as the image does for some of them. Source: Atlassian, "Configuring Synchrony for
Data Center"; the chart's ``statefulset-synchrony.yaml`` and ``synchrony-start-script.yaml``.

``SYNCHRONY_BIND`` (``synchrony.bind``)
    Address every listener binds to; in the chart, that of the pod.
``SYNCHRONY_SERVICE_URL`` (``synchrony.service.url``)
    Address clients use, such as ``https://wiki.example/synchrony``; its path is the path of the routes.
``SYNCHRONY_DATABASE_URL``, ``SYNCHRONY_DATABASE_USERNAME``, ``SYNCHRONY_DATABASE_PASSWORD``
    The database of the wiki.
``CLUSTER_JOIN_TYPE`` (``cluster.join.type``), ``CLUSTER_JOIN_TCPIP_MEMBERS`` (``cluster.join.tcpip.members``)
    ``tcpip`` and the addresses of all nodes, separated by commas, or ``kubernetes``.
``KUBERNETES_NAMESPACE``, ``HAZELCAST_KUBERNETES_SERVICE_NAME``
    The service whose pods are the nodes, where the type is ``kubernetes``.
``SYNCHRONY_PORT`` (``synchrony.port``)
    Port for clients, 8091.
``CLUSTER_LISTEN_PORT`` (``cluster.listen.port``)
    Port of the cluster, 5701.
``SYNCHRONY_CLUSTER_BASE_PORT`` (``synchrony.cluster.base.port``)
    Port over which nodes tell one another of edits, 25500.
``CONFLUENCE_HOME``
    Folder that holds ``logs``; the image is that of the wiki.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from understudy.kit.discovery import Discovery
from understudy.kit.sabotage import SABOTAGES
from understudy.kit.settings import Environment, KitSettings


@dataclass(frozen=True)
class SynchronySettings:
    """Everything one node is told from outside."""

    kit: KitSettings
    bind: str
    service_path: str
    database_url: str
    database_user: str
    database_password: str = field(repr=False)
    members: tuple[str, ...]
    discovery: Discovery | None
    http_port: int
    cluster_port: int
    message_port: int
    home: Path


def read_settings(environment: Environment) -> SynchronySettings:
    """Read the settings of one node.

    Raises:
        SettingsError: with every problem found.
    """
    # It is told what its product is told, and breaks none of these promises itself.
    kit = KitSettings.read(environment, known_variants=frozenset(), known_sabotage=frozenset(SABOTAGES))
    properties = environment.java_properties("JVM_SUPPORT_RECOMMENDED_ARGS")

    def text(name: str, default: str = "") -> str:
        return properties.get(name) or environment.text(name.replace(".", "_").upper(), default)

    def port(name: str, default: int) -> int:
        value = text(name, str(default))
        if not value.isdigit() or not 0 < int(value) < 65536:
            environment.note(f"{name} is not a port")
            return default
        return int(value)

    join = text("cluster.join.type", "tcpip")
    if join not in {"tcpip", "kubernetes"}:
        environment.note("cluster.join.type: only tcpip and kubernetes are held here")
    cluster_port = port("cluster.listen.port", 5701)
    if not text("synchrony.database.url"):
        environment.note("SYNCHRONY_DATABASE_URL is not set")
    members = tuple(name.strip() for name in text("cluster.join.tcpip.members").split(",") if name.strip())
    settings = SynchronySettings(
        kit=kit,
        bind=text("synchrony.bind", kit.bind),
        service_path=urlsplit(text("synchrony.service.url", "/synchrony")).path.rstrip("/") or "/synchrony",
        database_url=text("synchrony.database.url"),
        database_user=text("synchrony.database.username"),
        database_password=environment.secret("SYNCHRONY_DATABASE_PASSWORD"),
        members=members,
        discovery=Discovery.read(environment, port=cluster_port) if join == "kubernetes" else None,
        http_port=port("synchrony.port", 8091),
        cluster_port=cluster_port,
        message_port=port("synchrony.cluster.base.port", 25500),
        home=environment.folder("CONFLUENCE_HOME"),
    )
    environment.check()
    return settings

"""Environment variables of the wiki's official image, and a few of the stand-in itself.

Variables of the image (source: "Atlassian Confluence Data Center" container documentation in the
public repository atlassian/data-center-helm-charts):

``CONFLUENCE_HOME``, ``ATL_PRODUCT_HOME_SHARED``
    Local and shared home. The shared home defaults to ``<local home>/shared-home`` on a single node.
``ATL_JDBC_URL``, ``ATL_JDBC_USER``, ``ATL_JDBC_PASSWORD``, ``ATL_DB_TYPE``
    The database; only the type ``postgresql`` is held here.
``ATL_LICENSE_KEY``
    The licence; without it the set-up pages ask for one.
``ATL_CLUSTER_TYPE``, ``ATL_CLUSTER_NAME``, ``ATL_CLUSTER_PEERS``
    ``tcp_ip`` and the comma-separated addresses of all nodes, or ``kubernetes``. The types ``aws``,
    ``azure`` and ``multicast`` of the product are refused here: there is nothing to ask.
``KUBERNETES_NAMESPACE``, ``HAZELCAST_KUBERNETES_SERVICE_NAME``, ``HAZELCAST_KUBERNETES_SERVICE_PORT``
    The service whose pods are the nodes, where the type is ``kubernetes``.
``ATL_TOMCAT_PORT``, ``ATL_TOMCAT_CONTEXTPATH``, ``ATL_TOMCAT_SCHEME``, ``ATL_PROXY_NAME``, ``ATL_PROXY_PORT``
    The HTTP side; port 8090 by default.
``ATL_FORCE_CFG_UPDATE``
    Write ``confluence.cfg.xml`` again on every start instead of on the first one only.
``ATL_SETUP_STEP``, ``ATL_SETUP_TYPE``, ``ATL_BUILD_NUMBER``
    Initial values of the same entries of that file.
``ATL_AUTOLOGIN_COOKIE_AGE``, ``ATL_CONFLUENCE_SESSION_TIMEOUT``
    Age of the remember-me cookie in seconds; length of an idle session in minutes.
``JVM_SUPPORT_RECOMMENDED_ARGS``, ``CATALINA_OPTS``
    System properties: ``confluence.cluster.hazelcast.listenPort`` (default 5801),
    ``confluence.cluster.node.name``, ``synchrony.service.url``, ``synchrony.btf.disabled``,
    ``cluster.safety.time.to.live.split.ms``, ``com.atlassian.confluence.journal.timeToLiveInMillis``
    and the ``confluence.cluster.index.recovery.*`` family.

Settings of the stand-in, besides those of :mod:`understudy.kit.settings` (all in seconds):

``UNDERSTUDY_REBUILD_SECONDS``
    How long the application context is rebuilt after the cluster page of the set-up. Default 10; public
    reports of the product say 15 to 90.
``UNDERSTUDY_SAFETY_SECONDS``
    Time between two runs of the cluster safety job. Default 30.
``UNDERSTUDY_INDEX_SECONDS``
    Longest time between a change and its appearance in search. Default 0.5.
``UNDERSTUDY_CLEAN_JOURNAL_SECONDS``
    Time between two runs of the job "Clean Journal Entries". Default 86400, a day.
``UNDERSTUDY_UPGRADE_SECONDS``
    Length of the cluster-wide upgrade tasks. Default 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from understudy.kit.discovery import Discovery
from understudy.kit.sabotage import (
    ACKNOWLEDGE_BEFORE_COMMIT,
    DROP_REPLICATED_OPERATION,
    STALE_AFTER_FAILOVER,
    TORN_ATTACHMENT,
)
from understudy.kit.settings import Endpoint, Environment, KitSettings

VARIANTS = frozenset(
    {
        "cdn-rest-absent",
        "setup-unknown-page",
        "skip-cluster-page",
        "stale-resume",
        "status-error-503",
        "status-starting-503",
        "zdu-admin-path",
    }
)
"""Names for ``UNDERSTUDY_VARIANTS``.

``cdn-rest-absent``
    The setting for a content delivery network cannot be reached by REST.
``setup-unknown-page``
    After user management comes a page that no public script of the set-up knows.
``skip-cluster-page``
    The set-up leaves out the cluster page when the configuration file carries a cluster already.
``stale-resume``
    ``/bootstrap/selectsetupstep.action`` goes to the first step until the set-up is complete.
``status-error-503``, ``status-starting-503``
    ``/status`` answers 503 in that state, in place of 500 and 200.
``zdu-admin-path``
    The acts of a rolling upgrade stand under ``/rest/zdu/cluster/zdu`` as the administration guide
    prints them, in place of ``/rest/zdu``.
"""

SABOTAGES = frozenset(
    {ACKNOWLEDGE_BEFORE_COMMIT, DROP_REPLICATED_OPERATION, STALE_AFTER_FAILOVER, TORN_ATTACHMENT}
)
"""Promises that it can break; see :mod:`understudy.kit.sabotage`."""

DEFAULT_CLUSTER_PORT = 5801
"""Source: Atlassian, "Configuring Synchrony for Data Center"."""


@dataclass(frozen=True)
class ClusterSettings:
    """What the image was told of the cluster."""

    name: str
    peers: tuple[Endpoint, ...]
    discovery: Discovery | None


@dataclass(frozen=True)
class RecoverySettings:
    """How long index recovery at start-up waits, in seconds, and how often it tries.

    Source: Atlassian, "Administer your Data Center search index".
    """

    query_seconds: float
    generation_seconds: float
    file_wait_seconds: float
    attempts: int


@dataclass(frozen=True)
class WikiSettings:
    """Everything one node is told from outside; lengths are in seconds unless named otherwise."""

    kit: KitSettings
    local_home: Path
    shared_home: Path
    http_port: int
    context_path: str
    scheme: str
    proxy_name: str
    proxy_port: int
    jdbc_url: str
    jdbc_user: str
    jdbc_password: str
    license_key: str
    cluster: ClusterSettings | None
    cluster_port: int
    node_name: str
    force_config: bool
    setup_step: str
    setup_type: str
    config_build: int
    remember_seconds: int
    session_minutes: int
    synchrony_url: str
    recovery: RecoverySettings
    split_seconds: float
    journal_seconds: float
    rebuild_seconds: float
    safety_seconds: float
    index_seconds: float
    clean_seconds: float
    upgrade_seconds: float
    java_properties: Mapping[str, str]

    def has(self, variant: str) -> bool:
        """Whether a variant was asked for."""
        return variant in self.kit.variants


def read_settings(environment: Environment) -> WikiSettings:
    """Read the settings of one node.

    Args:
        environment: of the process.

    Raises:
        SettingsError: with every problem found.
    """
    kit = KitSettings.read(environment, known_variants=VARIANTS, known_sabotage=SABOTAGES)
    properties = environment.java_properties("JVM_SUPPORT_RECOMMENDED_ARGS", "CATALINA_OPTS")
    if environment.text("ATL_DB_TYPE", "postgresql") != "postgresql":
        environment.note("ATL_DB_TYPE: only postgresql is held here")
    port = _property_number(
        environment, properties, name="confluence.cluster.hazelcast.listenPort", default=DEFAULT_CLUSTER_PORT
    )
    cluster = _read_cluster(environment, port)
    local_home = environment.folder("CONFLUENCE_HOME")
    synchrony_off = properties.get("synchrony.btf.disabled", "").lower() == "true"
    settings = WikiSettings(
        kit=kit,
        local_home=local_home,
        shared_home=environment.folder("ATL_PRODUCT_HOME_SHARED", str(local_home / "shared-home")),
        http_port=environment.integer("ATL_TOMCAT_PORT", 8090, low=1),
        context_path=_context_path(environment),
        scheme=environment.text("ATL_TOMCAT_SCHEME", "http"),
        proxy_name=environment.text("ATL_PROXY_NAME"),
        proxy_port=environment.integer("ATL_PROXY_PORT", 0),
        jdbc_url=environment.text("ATL_JDBC_URL"),
        jdbc_user=environment.text("ATL_JDBC_USER"),
        jdbc_password=environment.secret("ATL_JDBC_PASSWORD"),
        license_key="".join(environment.secret("ATL_LICENSE_KEY").split()),
        cluster=cluster,
        cluster_port=port,
        node_name=properties.get("confluence.cluster.node.name") or environment.text("HOSTNAME", kit.bind),
        force_config=environment.flag("ATL_FORCE_CFG_UPDATE"),
        setup_step=environment.text("ATL_SETUP_STEP", "setupstart"),
        setup_type=environment.text("ATL_SETUP_TYPE", "custom"),
        config_build=environment.integer("ATL_BUILD_NUMBER", 0, high=999_999_999),
        remember_seconds=environment.integer("ATL_AUTOLOGIN_COOKIE_AGE", 1_209_600, high=315_360_000),
        session_minutes=environment.integer("ATL_CONFLUENCE_SESSION_TIMEOUT", 60, low=1),
        synchrony_url="" if synchrony_off else properties.get("synchrony.service.url", "").rstrip("/"),
        recovery=_read_recovery(environment, properties),
        split_seconds=_property_number(
            environment, properties, name="cluster.safety.time.to.live.split.ms", default=60_000
        )
        / 1000,
        journal_seconds=_property_number(
            environment,
            properties,
            name="com.atlassian.confluence.journal.timeToLiveInMillis",
            default=172_800_000,
        )
        / 1000,
        rebuild_seconds=environment.seconds("UNDERSTUDY_REBUILD_SECONDS", 10.0),
        safety_seconds=environment.seconds("UNDERSTUDY_SAFETY_SECONDS", 30.0),
        index_seconds=environment.seconds("UNDERSTUDY_INDEX_SECONDS", 0.5),
        clean_seconds=environment.seconds("UNDERSTUDY_CLEAN_JOURNAL_SECONDS", 86_400.0),
        upgrade_seconds=environment.seconds("UNDERSTUDY_UPGRADE_SECONDS", 3.0),
        java_properties=properties,
    )
    environment.check()
    return settings


def _read_cluster(environment: Environment, port: int) -> ClusterSettings | None:
    kind = environment.text("ATL_CLUSTER_TYPE")
    if not kind:
        return None
    name = environment.text("ATL_CLUSTER_NAME", "confluence-cluster")
    if kind == "kubernetes":
        return ClusterSettings(name, (), Discovery.read(environment, port=port))
    if kind != "tcp_ip":
        environment.note(f"ATL_CLUSTER_TYPE: {kind!r} is not held here, only tcp_ip and kubernetes")
        return None
    peers = []
    for text in environment.required("ATL_CLUSTER_PEERS").split(","):
        if not text.strip():
            continue
        try:
            peers.append(Endpoint.parse(text, default_port=port))
        except ValueError as error:
            environment.note(f"ATL_CLUSTER_PEERS: {error}")
    return ClusterSettings(name, tuple(peers), None)


def _context_path(environment: Environment) -> str:
    path = environment.text("ATL_TOMCAT_CONTEXTPATH").strip("/")
    return f"/{path}" if path else ""


def _property_number(
    environment: Environment, properties: Mapping[str, str], *, name: str, default: int
) -> int:
    value = properties.get(name, "")
    if not value:
        return default
    if not value.isdigit():
        environment.note(f"system property {name} is not a whole number")
        return default
    return int(value)


def _read_recovery(environment: Environment, properties: Mapping[str, str]) -> RecoverySettings:
    def number(name: str, default: int) -> int:
        return _property_number(environment, properties, name=name, default=default)

    return RecoverySettings(
        query_seconds=number("confluence.cluster.index.recovery.query.timeout", 10),
        generation_seconds=number("confluence.cluster.index.recovery.generation.timeout", 120),
        file_wait_seconds=number("confluence.cluster.snapshot.file.wait.time", 120),
        attempts=number("confluence.cluster.index.recovery.num.attempts", 1),
    )

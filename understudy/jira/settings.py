"""Environment of the official image, as far as this understudy keeps it.

Source: the container documentation of Jira in atlassian/data-center-helm-charts (names, defaults) and
the entry point of the public images (files are written at the first start alone, unless
``ATL_FORCE_CFG_UPDATE`` is true).

Settings of the stand-in beyond those of the kit:

``UNDERSTUDY_SETUP_SECONDS``
    How long the slow set-up steps take, and how long after FIRST_RUN the pages begin to be served, in
    seconds. Default 1.
``UNDERSTUDY_INDEX_SECONDS``
    Longest time between a change and its appearance in search, but for who made it on the same node. Default 0.5; of
    the product the vendor says 1 in one place and 5 in another.
``UNDERSTUDY_VARIANTS``
    See :data:`VARIANTS`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from understudy.kit.sabotage import (
    ACKNOWLEDGE_BEFORE_COMMIT,
    DROP_REPLICATED_OPERATION,
    STALE_AFTER_FAILOVER,
    TORN_ATTACHMENT,
    TWO_PRIMARIES,
)
from understudy.kit.settings import Endpoint, Environment, KitSettings

SABOTAGES = frozenset(
    {
        ACKNOWLEDGE_BEFORE_COMMIT,
        DROP_REPLICATED_OPERATION,
        STALE_AFTER_FAILOVER,
        TORN_ATTACHMENT,
        TWO_PRIMARIES,
    }
)
"""Promises that it can break; see :mod:`understudy.kit.sabotage`."""

VARIANTS = {
    "setup-referer": "set-up forms are refused with 403 unless a Referer of the instance is sent",
    "setup-cookie-only": "set-up pages hold no atl_token field; its value is in the cookie alone",
    "setup-hidden-only": "set-up pages set no atlassian.xsrf.token cookie; the field alone holds it",
    "setup-mode-page": "without a database the first page is SetupMode, not SetupDatabase",
    "setup-unknown-page": "after the licence comes a page that no public script of the set-up knows",
    "websudo-basic": "REST calls that need web sudo are refused under basic login too",
    "reindex-is-error": "a foreground re-index shows as ERROR with 500, not MAINTENANCE with 503",
    "index-failure-is-error": "a start that ends without an index shows as ERROR with 500",
    "snapshot-age-24h": "an index snapshot is usable for 24 hours, not 8 days",
    "cdn-rest-absent": "the setting for a content delivery network cannot be reached by REST",
    "snapshot-list-bean": "GET index-snapshot answers with one object, not with a list",
    "index-position-apart": "a start goes on from what nodeindexcounter says, whatever the index folder holds",
}
"""What each variant means; each stands for a fact on which public sources disagree or are silent."""


@dataclass(frozen=True)
class DatabaseSettings:
    """The five values that make a database configured; empty where the environment has none."""

    url: str
    user: str
    password: str
    driver: str
    kind: str

    @property
    def complete(self) -> bool:
        """Whether the image would write a valid configuration of it."""
        return all((self.url, self.user, self.password, self.driver, self.kind))

    def __repr__(self) -> str:
        return f"DatabaseSettings({self.url!r}, complete={self.complete})"


@dataclass(frozen=True)
class ClusterSettings:
    """What goes into ``cluster.properties``."""

    node_id: str
    listener_host: str
    listener_port: int
    object_port: int


@dataclass(frozen=True)
class JiraSettings:
    """Everything the environment says; lengths in seconds.

    ``cluster`` is None where the node is not clustered.
    """

    kit: KitSettings
    home: Path
    shared_home: Path
    port: int
    context_path: str
    proxy_name: str
    proxy_port: int
    scheme: str
    secure: bool
    remember_seconds: float
    session_seconds: float
    database: DatabaseSettings
    cluster: ClusterSettings | None
    force_config: bool
    setup_seconds: float
    index_seconds: float
    java: dict[str, str]

    @classmethod
    def read(cls, environment: Environment) -> JiraSettings:
        """Read the environment.

        Raises:
            SettingsError: something is missing or wrong; every problem is told.
        """
        kit = KitSettings.read(environment, known_variants=frozenset(VARIANTS), known_sabotage=SABOTAGES)
        home = environment.folder("JIRA_HOME", "/var/atlassian/application-data/jira")
        settings = cls(
            kit=kit,
            home=home,
            shared_home=environment.folder("JIRA_SHARED_HOME", str(home)),
            port=environment.integer("ATL_TOMCAT_PORT", 8080, low=1),
            context_path=_context_path(environment.text("ATL_TOMCAT_CONTEXTPATH")),
            proxy_name=environment.text("ATL_PROXY_NAME"),
            proxy_port=environment.integer("ATL_PROXY_PORT", 0),
            scheme=environment.text("ATL_TOMCAT_SCHEME", "http"),
            secure=environment.flag("ATL_TOMCAT_SECURE"),
            remember_seconds=environment.integer("ATL_AUTOLOGIN_COOKIE_AGE", 1_209_600, high=2**31),
            session_seconds=60.0 * environment.integer("ATL_JIRA_SESSION_TIMEOUT", 30, low=1),
            database=DatabaseSettings(
                url=environment.text("ATL_JDBC_URL"),
                user=environment.text("ATL_JDBC_USER"),
                password=environment.secret("ATL_JDBC_PASSWORD"),
                driver=environment.text("ATL_DB_DRIVER"),
                kind=environment.text("ATL_DB_TYPE"),
            ),
            cluster=_read_cluster(environment, kit) if environment.flag("CLUSTERED") else None,
            force_config=environment.flag("ATL_FORCE_CFG_UPDATE"),
            setup_seconds=environment.seconds("UNDERSTUDY_SETUP_SECONDS", 1.0),
            index_seconds=environment.seconds("UNDERSTUDY_INDEX_SECONDS", 0.5),
            java=environment.java_properties("JVM_SUPPORT_RECOMMENDED_ARGS"),
        )
        environment.check()
        return settings

    @property
    def endpoint(self) -> Endpoint:
        """Where HTTP is served."""
        return Endpoint(self.kit.bind, self.port)

    def has(self, variant: str) -> bool:
        """Whether a variant is switched on."""
        return variant in self.kit.variants

    def java_flag(self, name: str, default: bool) -> bool:
        """A system property that is true or false."""
        value = self.java.get(name, "").lower()
        return default if value not in {"true", "false"} else value == "true"

    def java_number(self, name: str, default: float) -> float:
        """A system property that is a number; the default where it is none."""
        value = self.java.get(name, "")
        return float(value) if value.replace(".", "", 1).isdigit() else default


def _read_cluster(environment: Environment, kit: KitSettings) -> ClusterSettings:
    """Without ``JIRA_NODE_ID`` the image makes an id up, another one at each first start."""
    return ClusterSettings(
        node_id=environment.text("JIRA_NODE_ID", f"jira_node_{secrets.token_hex(4)}"),
        listener_host=environment.text("EHCACHE_LISTENER_HOSTNAME", kit.bind),
        listener_port=environment.integer("EHCACHE_LISTENER_PORT", 40001, low=1),
        object_port=environment.integer("EHCACHE_OBJECT_PORT", 0),
    )


def _context_path(text: str) -> str:
    path = text.strip("/")
    return f"/{path}" if path else ""

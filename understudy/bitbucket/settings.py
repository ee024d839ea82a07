"""The environment of one node, as the official image reads it.

Every property of ``bitbucket.properties`` has a variable: upper case, with dots and dashes turned into
underscores; the variable wins over the file in the shared home. Source: Atlassian "Bitbucket Data Center"
container documentation and "Bitbucket config properties" (``server.port`` 7990, ``hazelcast.port`` 5701,
``plugin.ssh.port`` 7999, ``throttle.resource.scm-hosting``, ``auth.remember-me.token.expiry`` in days). With
``HAZELCAST_NETWORK_KUBERNETES`` the other nodes are asked for as :mod:`understudy.kit.discovery` says.

Variants (``UNDERSTUDY_VARIANTS``):

``zdu-prose``
    Serve the rolling upgrade below ``/rest/zdu/cluster/...`` as the administration guide writes it, and not at
    the paths of the REST reference. Public sources disagree.
``error-503``
    Answer ``/status`` with 503 instead of 500 in the state ERROR; the code is not documented.
``cdn-rest-absent``
    The setting for a content delivery network cannot be reached by REST.
``mail-keys-elsewhere``
    Keep the mail server under other keys of ``app_property`` than those that begin with ``mail.``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from understudy.kit.database import DatabaseAddress
from understudy.kit.discovery import Discovery
from understudy.kit.sabotage import (
    ABSENT_COMMIT,
    ACKNOWLEDGE_BEFORE_COMMIT,
    REF_GOES_BACK,
    STALE_AFTER_FAILOVER,
)
from understudy.kit.settings import Endpoint, Environment, KitSettings

VARIANTS = frozenset({"cdn-rest-absent", "error-503", "mail-keys-elsewhere", "zdu-prose"})
SABOTAGES = frozenset({ABSENT_COMMIT, ACKNOWLEDGE_BEFORE_COMMIT, REF_GOES_BACK, STALE_AFTER_FAILOVER})
"""Promises that it can break; see :mod:`understudy.kit.sabotage`."""
SSH_PORT = 7999


@dataclass(frozen=True)
class FirstAdministrator:
    """The administrator that unattended set-up makes."""

    name: str
    password: str = field(repr=False)
    display_name: str = ""
    email: str = ""

    @property
    def complete(self) -> bool:
        """Whether nothing is left for the wizard to ask."""
        return all((self.name, self.password, self.display_name, self.email))


@dataclass(frozen=True)
class SetUp:
    """What unattended set-up was given; empty text where the wizard has to ask."""

    display_name: str
    base_url: str
    licence: str = field(repr=False)
    administrator: FirstAdministrator


@dataclass(frozen=True)
class ClusterSettings:
    """The Hazelcast part: where this node listens, whom it dials, and what they share."""

    name: str
    listen: Endpoint
    group: str
    password: str = field(repr=False)
    members: tuple[Endpoint, ...]
    discovery: Discovery | None


@dataclass(frozen=True)
class SshSettings:
    """Git over SSH; ``base_url`` is what clone links say, empty for the node's own address."""

    enabled: bool
    listen: Endpoint
    base_url: str


@dataclass(frozen=True)
class CompanionSettings:
    """The search companion; no ``base_url`` means that there is none.

    ``authorities`` is the store of whom is trusted besides the system's own; ``None`` where none is named.
    """

    base_url: str
    user: str
    password: str = field(repr=False)
    authorities: Path | None = None


@dataclass(frozen=True)
class BitbucketSettings:
    """Everything one node needs to know; lengths in seconds."""

    kit: KitSettings
    home: Path
    shared_home: Path
    listen: Endpoint
    context_path: str
    secure_cookies: bool
    database: DatabaseAddress
    set_up: SetUp
    cluster: ClusterSettings
    ssh: SshSettings
    companion: CompanionSettings
    hosting_tickets: int
    hosting_patience: float
    session_seconds: float
    remember_seconds: float

    @property
    def repositories(self) -> Path:
        """Where the repositories are. Source: "Set the home directory" (``shared/data/repositories``)."""
        return self.shared_home / "data" / "repositories"

    def has(self, variant: str) -> bool:
        """Whether a variant is chosen."""
        return variant in self.kit.variants


def read_settings(variables: Environment, raw: Mapping[str, str]) -> BitbucketSettings:
    """Read the settings of one node.

    Args:
        variables: the process environment, for what comes before ``bitbucket.properties``.
        raw: the same environment as a mapping, to lay over the file.

    Raises:
        SettingsError: values are missing or wrong; all of them are told.
    """
    home = variables.folder("BITBUCKET_HOME", "/var/atlassian/application-data/bitbucket")
    shared = variables.folder("BITBUCKET_SHARED_HOME", str(home / "shared"))
    variables.check()
    properties = read_properties(shared / "bitbucket.properties")
    environment = Environment({variable_of(key): value for key, value in properties.items()} | dict(raw))
    kit = KitSettings.read(environment, known_variants=VARIANTS, known_sabotage=SABOTAGES)
    settings = BitbucketSettings(
        kit=kit,
        home=home,
        shared_home=shared,
        listen=Endpoint(kit.bind, environment.integer("SERVER_PORT", 7990, low=1)),
        context_path=context_path(environment.text("SERVER_CONTEXT_PATH")),
        secure_cookies=environment.flag("SERVER_SECURE"),
        database=read_database(environment),
        set_up=read_set_up(environment),
        cluster=read_cluster(environment, kit.bind),
        ssh=SshSettings(
            enabled=environment.flag("PLUGIN_SSH_ENABLED", default=True),
            listen=Endpoint(kit.bind, environment.integer("PLUGIN_SSH_PORT", SSH_PORT, low=1)),
            base_url=environment.text("PLUGIN_SSH_BASEURL").rstrip("/"),
        ),
        companion=read_companion(environment),
        hosting_tickets=environment.integer("THROTTLE_RESOURCE_SCM_HOSTING", 8, low=1, high=256),
        hosting_patience=environment.seconds("THROTTLE_RESOURCE_SCM_HOSTING_TIMEOUT", 300.0),
        session_seconds=environment.seconds("SERVER_SESSION_TIMEOUT", 1800.0),
        remember_seconds=86400.0 * environment.integer("AUTH_REMEMBER_ME_TOKEN_EXPIRY", 30, low=1, high=365),
    )
    environment.check()
    return settings


def read_database(environment: Environment) -> DatabaseAddress:
    """``jdbc.url``, ``jdbc.user``, ``jdbc.password`` and ``jdbc.driver``."""
    url = environment.required("JDBC_URL")
    driver = environment.text("JDBC_DRIVER", "org.postgresql.Driver")
    if driver != "org.postgresql.Driver":
        environment.note("JDBC_DRIVER: only org.postgresql.Driver is held")
    user, password = environment.required("JDBC_USER"), environment.secret("JDBC_PASSWORD")
    try:
        return DatabaseAddress.from_jdbc(url or "jdbc:postgresql://unset/unset", user=user, password=password)
    except ValueError as error:
        environment.note(f"JDBC_URL: {error}")
    return DatabaseAddress.from_jdbc("jdbc:postgresql://unset/unset", user=user, password=password)


def read_set_up(environment: Environment) -> SetUp:
    """The ``setup.*`` properties; ignored once set-up is complete."""
    return SetUp(
        display_name=environment.text("SETUP_DISPLAYNAME"),
        base_url=environment.text("SETUP_BASEURL").rstrip("/"),
        licence="".join(environment.secret("SETUP_LICENSE").split()),
        administrator=FirstAdministrator(
            name=environment.text("SETUP_SYSADMIN_USERNAME"),
            password=environment.secret("SETUP_SYSADMIN_PASSWORD"),
            display_name=environment.text("SETUP_SYSADMIN_DISPLAYNAME"),
            email=environment.text("SETUP_SYSADMIN_EMAILADDRESS"),
        ),
    )


def read_cluster(environment: Environment, bind: str) -> ClusterSettings:
    """The ``hazelcast.*`` properties and the system property ``cluster.node.name``."""
    port = environment.integer("HAZELCAST_PORT", 5701, low=1)
    members: list[Endpoint] = []
    if environment.flag("HAZELCAST_NETWORK_TCPIP"):
        for text in environment.text("HAZELCAST_NETWORK_TCPIP_MEMBERS").split(","):
            try:
                members += [Endpoint.parse(text, default_port=port)] if text.strip() else []
            except ValueError as error:
                environment.note(f"HAZELCAST_NETWORK_TCPIP_MEMBERS: {error}")
    for other in ("MULTICAST", "AWS", "AZURE"):
        if environment.flag(f"HAZELCAST_NETWORK_{other}"):
            environment.note(f"HAZELCAST_NETWORK_{other}: only TCPIP and KUBERNETES are held")
    asks = environment.flag("HAZELCAST_NETWORK_KUBERNETES")
    system = environment.java_properties("JVM_SUPPORT_RECOMMENDED_ARGS", "JAVA_OPTS")
    return ClusterSettings(
        name=system.get("cluster.node.name", bind),
        listen=Endpoint(bind, port),
        group=environment.text("HAZELCAST_GROUP_NAME", "bitbucket"),
        password=environment.secret("HAZELCAST_GROUP_PASSWORD"),
        members=tuple(members),
        discovery=Discovery.read(environment, port=port) if asks else None,
    )


def read_companion(environment: Environment) -> CompanionSettings:
    """``plugin.search.config.*``, or the older ``plugin.search.elasticsearch.*``; and whom the virtual machine trusts.

    A Java keystore is not read here: the one that is named has to be a file of PEM.
    """
    named = environment.java_properties("JVM_SUPPORT_RECOMMENDED_ARGS", "JAVA_OPTS").get(
        "javax.net.ssl.trustStore", ""
    )
    if named and not Path(named).is_file():
        environment.note("javax.net.ssl.trustStore names no file")
    prefix = "PLUGIN_SEARCH_CONFIG_"
    if not environment.text(prefix + "BASEURL"):
        prefix = "PLUGIN_SEARCH_ELASTICSEARCH_"
    return CompanionSettings(
        base_url=environment.text(prefix + "BASEURL").rstrip("/"),
        user=environment.text(prefix + "USERNAME"),
        password=environment.secret(prefix + "PASSWORD"),
        authorities=Path(named) if named else None,
    )


def context_path(text: str) -> str:
    """``/bitbucket`` for every way of writing it, empty for the root."""
    stripped = text.strip("/")
    return f"/{stripped}" if stripped else ""


def variable_of(name: str) -> str:
    """The environment variable of a property."""
    return name.replace(".", "_").replace("-", "_").upper()


def read_properties(path: Path) -> dict[str, str]:
    """Read a Java properties file: comments, continued lines, ``=`` or ``:``; a missing file is empty."""
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    pending = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        text = pending + line.strip()
        if not text or (not pending and text[0] in "#!"):
            continue
        if text.endswith("\\") and not text.endswith("\\\\"):
            pending = text[:-1]
            continue
        pending = ""
        cut = min((place for place in (text.find("="), text.find(":")) if place >= 0), default=len(text))
        found[text[:cut].strip()] = text[cut + 1 :].strip()
    return found

"""``confluence.cfg.xml``: what a node remembers outside the database.

The image writes the file at the first start. The product keeps the set-up step, the build number and the
cluster settings in it, and puts a copy into the shared home of a cluster, from which a node that joins
later takes what it lacks. Sources: container documentation of atlassian/data-center-helm-charts;
Atlassian, "Confluence Data Center technical overview".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree as ET

from understudy.confluence.settings import WikiSettings
from understudy.kit.errors import UnderstudyError
from understudy.kit.homes import write_durably

FILE_NAME = "confluence.cfg.xml"
COMPLETE = "complete"

CLUSTERED = "confluence.cluster"
CLUSTER_NAME = "confluence.cluster.name"
CLUSTER_HOME = "confluence.cluster.home"
CLUSTER_JOIN = "confluence.cluster.join.type"
CLUSTER_PEERS = "confluence.cluster.peers"
CLUSTER_SECRET = "confluence.cluster.authentication.secret"  # noqa: S105 - the name of the entry
JDBC_URL = "hibernate.connection.url"
JDBC_USER = "hibernate.connection.username"
JDBC_PASSWORD = "hibernate.connection.password"  # noqa: S105 - the name of the entry
LICENSE = "atlassian.license.message"
SERVER_ID = "confluence.setup.server.id"


class ConfigFileBroken(UnderstudyError):
    """The file is there and cannot be read."""


@dataclass(frozen=True)
class ConfigFile:
    """The content of the file."""

    setup_step: str
    setup_type: str
    build_number: int
    properties: Mapping[str, str]

    @property
    def complete(self) -> bool:
        """Whether the set-up has been finished."""
        return self.setup_step == COMPLETE

    @property
    def clustered(self) -> bool:
        """Whether the node belongs to a cluster."""
        return self.properties.get(CLUSTERED) == "true"

    def get(self, name: str) -> str:
        """A property, or an empty text."""
        return self.properties.get(name, "")

    def with_step(self, step: str) -> ConfigFile:
        """The same at another step of the set-up."""
        return replace(self, setup_step=step)

    def with_build(self, build_number: int) -> ConfigFile:
        """The same with another build number."""
        return replace(self, build_number=build_number)

    def with_entries(self, entries: Mapping[str, str]) -> ConfigFile:
        """The same with properties set."""
        return replace(self, properties={**self.properties, **entries})


def first_config(settings: WikiSettings) -> ConfigFile:
    """The file as the image writes it at the first start."""
    entries = {
        "confluence.webapp.context.path": settings.context_path,
        "attachments.dir": "${confluenceHome}/attachments",
        "lucene.index.dir": "${localHome}/index",
    }
    if settings.license_key:
        entries[LICENSE] = settings.license_key
    if settings.jdbc_url:
        entries[JDBC_URL] = settings.jdbc_url
        entries[JDBC_USER] = settings.jdbc_user
        entries[JDBC_PASSWORD] = settings.jdbc_password
        entries["hibernate.connection.driver_class"] = "org.postgresql.Driver"
    if settings.cluster is not None:
        entries |= {
            CLUSTERED: "true",
            CLUSTER_NAME: settings.cluster.name,
            "confluence.cluster.node.name": settings.node_name,
            CLUSTER_HOME: str(settings.shared_home),
            "shared-home": str(settings.shared_home),
        }
        if settings.cluster.discovery is None:
            peers = ",".join(str(peer) for peer in settings.cluster.peers)
            entries |= {CLUSTER_JOIN: "tcp_ip", CLUSTER_PEERS: peers}
        else:
            entries[CLUSTER_JOIN] = "kubernetes"
    return ConfigFile(settings.setup_step, settings.setup_type, settings.config_build, entries)


def read_config(home: Path) -> ConfigFile | None:
    """The file of a home, or None where there is none.

    Raises:
        ConfigFileBroken: it is no such file.
    """
    path = home / FILE_NAME
    try:
        # The file is the node's own, written below; nothing of it comes from a request.
        root = ET.fromstring(path.read_bytes())  # noqa: S314
    except FileNotFoundError:
        return None
    except ET.ParseError as error:
        raise ConfigFileBroken(f"{path} cannot be read: {error}") from error
    properties = {
        element.get("name", ""): element.text or "" for element in root.findall("properties/property")
    }
    build = (root.findtext("buildNumber") or "0").strip()
    return ConfigFile(
        setup_step=(root.findtext("setupStep") or "").strip(),
        setup_type=(root.findtext("setupType") or "").strip(),
        build_number=int(build) if build.isdigit() else 0,
        properties=properties,
    )


def write_config(home: Path, config: ConfigFile) -> None:
    """Write the file durably; only its owner may read it, as it holds the database password."""
    root = ET.Element("confluence-configuration")
    ET.SubElement(root, "setupStep").text = config.setup_step
    ET.SubElement(root, "setupType").text = config.setup_type
    ET.SubElement(root, "buildNumber").text = str(config.build_number)
    properties = ET.SubElement(root, "properties")
    for name in sorted(config.properties):
        ET.SubElement(properties, "property", name=name).text = config.properties[name]
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    content = f'<?xml version="1.0" encoding="UTF-8"?>\n\n{text}\n'.encode()
    write_durably(home / FILE_NAME, content, mode=0o600)


def take_over(local: ConfigFile, shared: ConfigFile) -> ConfigFile:
    """What a node of a cluster works with: its own file, and the state of the set-up from the shared home.

    A node with an empty local home joins by this alone: the step, the build number, the server id, the
    licence and the secret of the cluster come from the shared home, the database address is its own.
    """
    kept = {
        JDBC_URL,
        JDBC_USER,
        JDBC_PASSWORD,
        "confluence.cluster.node.name",
        CLUSTER_PEERS,
        CLUSTER_HOME,
        "shared-home",
    }
    merged = {
        **shared.properties,
        **{name: value for name, value in local.properties.items() if name in kept},
    }
    return ConfigFile(shared.setup_step, shared.setup_type, shared.build_number, merged)


class ConfigStore:
    """The file of this node and its copy in the shared home; safe to use from every thread.

    Args:
        settings: of the node.
    """

    def __init__(self, settings: WikiSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._config = self._prepare()

    @property
    def config(self) -> ConfigFile:
        """What the file says now."""
        return self._config

    def change(self, change: Callable[[ConfigFile], ConfigFile], *, share: bool = False) -> None:
        """Change the file durably.

        Args:
            change: makes the new content out of the old.
            share: also write the copy in the shared home, where the node is clustered.
        """
        with self._lock:
            self._config = change(self._config)
            write_config(self._settings.local_home, self._config)
            if share and self._config.clustered:
                write_config(self._settings.shared_home, self._config)

    def _prepare(self) -> ConfigFile:
        """Do what the image does before the product starts, and then what the product does."""
        settings = self._settings
        local = None if settings.force_config else read_config(settings.local_home)
        config = first_config(settings) if local is None else local
        if config.clustered:
            shared = read_config(settings.shared_home)
            if shared is not None and shared.complete:
                config = take_over(config, shared)
        if config != local:
            write_config(settings.local_home, config)
        return config

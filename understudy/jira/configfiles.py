"""``dbconfig.xml`` and ``cluster.properties`` in the local home.

The image writes each of them once; from then on the file counts, not the environment. Source: the
public images' ``entrypoint.py`` (``overwrite=False``) and container documentation of
``ATL_FORCE_CFG_UPDATE``. A trap that is kept: without ``ATL_DB_DRIVER`` the file is written with an empty
driver, and the product then shows its database step, without an error.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from understudy.jira.settings import ClusterSettings, DatabaseSettings
from understudy.kit.errors import UnderstudyError
from understudy.kit.homes import write_durably

_DATABASE_FILE = "dbconfig.xml"
_CLUSTER_FILE = "cluster.properties"


def write_database(home: Path, settings: DatabaseSettings, *, overwrite: bool) -> None:
    """Write ``dbconfig.xml``, unless it exists and may not be overwritten."""
    path = home / _DATABASE_FILE
    if path.exists() and not overwrite:
        return
    root = ElementTree.Element("jira-database-config")
    _child(root, "name", "defaultDS")
    _child(root, "delegator-name", "default")
    _child(root, "database-type", settings.kind)
    _child(root, "schema-name", "public")
    source = ElementTree.SubElement(root, "jdbc-datasource")
    _child(source, "url", settings.url)
    _child(source, "driver-class", settings.driver)
    _child(source, "username", settings.user)
    _child(source, "password", settings.password)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    write_durably(path, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode(), mode=0o600)


def read_database(home: Path) -> DatabaseSettings:
    """Read ``dbconfig.xml``; an absent one reads as nothing configured.

    Raises:
        UnderstudyError: it is no XML.
    """
    try:
        root = ElementTree.fromstring((home / _DATABASE_FILE).read_text())  # noqa: S314 - the node's own file.
    except FileNotFoundError:
        return DatabaseSettings("", "", "", "", "")
    except ElementTree.ParseError as error:
        raise UnderstudyError(f"{_DATABASE_FILE} in the local home is not valid XML") from error

    def value(path: str) -> str:
        return (root.findtext(path) or "").strip()

    return DatabaseSettings(
        url=value("jdbc-datasource/url"),
        user=value("jdbc-datasource/username"),
        password=value("jdbc-datasource/password"),
        driver=value("jdbc-datasource/driver-class"),
        kind=value("database-type"),
    )


def write_cluster(home: Path, shared_home: Path, *, settings: ClusterSettings, overwrite: bool) -> None:
    """Write ``cluster.properties``, unless it exists and may not be overwritten."""
    path = home / _CLUSTER_FILE
    if path.exists() and not overwrite:
        return
    values = {
        "jira.node.id": settings.node_id,
        "jira.shared.home": str(shared_home),
        "ehcache.peer.discovery": "default",
        "ehcache.listener.hostName": settings.listener_host,
        "ehcache.listener.port": str(settings.listener_port),
        "ehcache.object.port": str(settings.object_port) if settings.object_port else "",
        "ehcache.listener.socketTimeoutMillis": "2000",
    }
    lines = "".join(f"{key} = {value}\n" for key, value in values.items())
    write_durably(path, lines.encode())


def read_cluster(home: Path) -> tuple[ClusterSettings, Path] | None:
    """Read ``cluster.properties``; gives the settings and the shared home, or None without the file.

    Raises:
        UnderstudyError: a value is missing or wrong.
    """
    try:
        text = (home / _CLUSTER_FILE).read_text()
    except FileNotFoundError:
        return None
    pairs = (line.partition("=") for line in text.splitlines() if line.strip() and not line.startswith("#"))
    values = {key.strip(): value.strip() for key, _, value in pairs}
    try:
        settings = ClusterSettings(
            node_id=values["jira.node.id"],
            listener_host=values["ehcache.listener.hostName"],
            listener_port=int(values["ehcache.listener.port"]),
            object_port=int(values.get("ehcache.object.port") or 0),
        )
        return settings, Path(values["jira.shared.home"])
    except (KeyError, ValueError) as error:
        raise UnderstudyError(f"{_CLUSTER_FILE} in the local home: {error} is missing or wrong") from error


def _child(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text

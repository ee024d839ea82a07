"""The node's settings, read from the environment as the official image reads them.

The image takes every key of ``opensearch.yml`` as a variable of that name, dots included.
Source: OpenSearch documentation, "Docker" (environment, ``OPENSEARCH_INITIAL_ADMIN_PASSWORD``,
``DISABLE_SECURITY_PLUGIN``), "Network settings" (``http.port`` 9200) and "Configuring TLS certificates"
(``plugins.security.ssl.http.*``; paths are below the folder ``config``).

``UNDERSTUDY_CONFIG``
    That folder; by default where the image has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from understudy.kit.settings import Endpoint, Environment, Release

DEFAULT_HTTP_PORT = 9200
ADMINISTRATOR = "admin"
_HTTP_LAYER = "plugins.security.ssl.http"


@dataclass(frozen=True)
class NodeSettings:
    """What one search node needs to know.

    Attributes:
        listen: where to listen: ``UNDERSTUDY_BIND`` and ``http.port``.
        transport: where other nodes would speak to it: ``transport.port``; ``None`` where none is named.
        data: ``path.data``; the folder that holds every index.
        node_name: ``node.name``.
        cluster_name: ``cluster.name``.
        release: ``UNDERSTUDY_VERSION``, the release it says it is.
        password: of the user ``admin``; ``None`` where authentication is off.
        certificate: files of its certificate and key; ``None`` where it speaks plain HTTP.
    """

    listen: Endpoint
    transport: Endpoint | None
    data: Path
    node_name: str
    cluster_name: str
    release: Release
    password: str | None = field(repr=False)
    certificate: tuple[Path, Path] | None


def read_settings(variables: Mapping[str, str]) -> NodeSettings:
    """Read the settings of one node.

    Args:
        variables: the process environment.

    Raises:
        SettingsError: values are missing or wrong, or several nodes were asked for.
    """
    environment = Environment(variables)
    if environment.text("discovery.type", "single-node") != "single-node" or environment.text(
        "discovery.seed_hosts"
    ):
        environment.note("discovery: this node holds its data alone, so only single-node is possible")
    password = environment.secret("OPENSEARCH_INITIAL_ADMIN_PASSWORD") or None
    if environment.flag("DISABLE_SECURITY_PLUGIN"):
        password = None
    elif password is None:
        environment.note(
            "OPENSEARCH_INITIAL_ADMIN_PASSWORD is not set, and DISABLE_SECURITY_PLUGIN is not true"
        )
    address = environment.text("UNDERSTUDY_BIND", "127.0.0.1")
    transport = environment.integer("transport.port", 0)
    settings = NodeSettings(
        listen=Endpoint(address, environment.integer("http.port", DEFAULT_HTTP_PORT, low=1)),
        transport=Endpoint(address, transport) if transport else None,
        data=environment.folder("path.data"),
        node_name=environment.text("node.name", "opensearch-node1"),
        cluster_name=environment.text("cluster.name", "opensearch-cluster"),
        release=environment.release("UNDERSTUDY_VERSION"),
        password=password,
        certificate=_read_certificate(environment),
    )
    environment.check()
    return settings


def _read_certificate(environment: Environment) -> tuple[Path, Path] | None:
    if not environment.flag(f"{_HTTP_LAYER}.enabled"):
        return None
    folder = environment.folder("UNDERSTUDY_CONFIG", "/usr/share/opensearch/config")
    certificate = environment.required(f"{_HTTP_LAYER}.pemcert_filepath")
    key = environment.required(f"{_HTTP_LAYER}.pemkey_filepath")
    return folder / certificate, folder / key

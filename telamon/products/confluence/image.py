"""Confluence's image, and Synchrony's: what they read from their environment.

Sources: atlassian/data-center-helm-charts, container documentation ``CONFLUENCE.md`` and
``src/main/charts/confluence/templates/{_helpers.tpl,statefulset-synchrony.yaml,synchrony-start-script.yaml}``; the join
type ``kubernetes`` is the chart's, and no page of the image names it.
"""

from __future__ import annotations

from telamon.products import jvm
from telamon.products.base import Discovery, EnvironmentValue, NodeContext, Purpose
from telamon.products.confluence import objects
from telamon.products.confluence.edge import SYNCHRONY
from telamon.products.login import LoginFile
from telamon.products.objects import login, overlaid

LOGIN_FILE = LoginFile(
    "confluence.cfg.xml",
    'property name="hibernate.connection.username"',
    'property name="hibernate.connection.password"',
    'property name="jdbc.password.decrypter.classname"',
)
"""Source: Atlassian, "Database JDBC URLs" and "Advanced encryption"."""


def environment(node: NodeContext) -> dict[str, EnvironmentValue]:
    """The environment of one node.

    The cluster is there from the first start, so that no conversion is needed when others join. The file that the
    image writes is never forced (``ATL_FORCE_CFG_UPDATE``): it carries the step of the set-up and the build number.
    """
    given: dict[str, EnvironmentValue] = {
        "CONFLUENCE_HOME": node.local_home,
        "ATL_PRODUCT_HOME_SHARED": node.shared_home,
        "ATL_LICENSE_KEY": node.secrets[Purpose.LICENSE],
        "ATL_DB_TYPE": "postgresql",
        "ATL_CLUSTER_NAME": node.component,
    }
    if node.spec.properties:
        pairs = (f"{key}={value}" for key, value in sorted(node.spec.properties.items()))
        given["ATL_CONFLUENCE_CFG_ADDITIONAL_PROPERTIES"] = ",".join(pairs)
    given |= _cluster(node) | jvm.container(node) | jvm.tomcat(node) | jvm.database(node)
    given |= jvm.memory(node) | jvm.arguments(node, [*_arguments(node), *objects.arguments(node)])
    return overlaid(given | login(node), node)


def _cluster(node: NodeContext) -> dict[str, EnvironmentValue]:
    """How the nodes find one another: by the cluster's API, or by a list."""
    if node.discovery is not None:
        return {"ATL_CLUSTER_TYPE": "kubernetes", **_kubernetes(node.discovery, node.ports["cluster"])}
    return {
        "ATL_CLUSTER_TYPE": "tcp_ip",
        "ATL_CLUSTER_PEERS": jvm.members(node, "cluster", default=node.ports["cluster"]),
    }


def _kubernetes(discovery: Discovery, port: int) -> dict[str, EnvironmentValue]:
    return {
        "KUBERNETES_NAMESPACE": discovery.namespace,
        "HAZELCAST_KUBERNETES_SERVICE_NAME": discovery.service,
        "HAZELCAST_KUBERNETES_SERVICE_PORT": str(port),
    }


def _arguments(node: NodeContext) -> list[str]:
    """System properties for which the image has no variable."""
    words = [
        f"-Dconfluence.cluster.hazelcast.listenPort={node.ports['cluster']}",
        f"-Dconfluence.cluster.node.name={node.member}",
    ]
    if not node.companions.get(SYNCHRONY):
        return [*words, "-Dsynchrony.btf.disabled=true"]
    return [
        *words,
        # Browsers and Confluence use one address, so it is the front door's.
        f"-Dsynchrony.service.url={node.front.origin}/{SYNCHRONY}/v1",
        "-Dsynchrony.by.default.enable.collab.editing.if.manually.managed=true",
    ]


def synchrony_environment(node: NodeContext) -> dict[str, EnvironmentValue]:
    """The environment of one Synchrony node: every property of it has a variable, in capitals with underscores."""
    given: dict[str, EnvironmentValue] = {
        "CONFLUENCE_HOME": node.local_home,
        "SYNCHRONY_BIND": node.bind,
        "SYNCHRONY_PORT": str(node.ports["http"]),
        "SYNCHRONY_SERVICE_URL": f"{node.front.origin}/{SYNCHRONY}",
        "SYNCHRONY_CLUSTER_BASE_PORT": str(node.ports["aleph"]),
        "CLUSTER_LISTEN_PORT": str(node.ports["cluster"]),
    }
    given |= _synchrony_cluster(node) | jvm.container(node)
    link = node.database
    if link is not None:
        given |= {
            "SYNCHRONY_DATABASE_URL": link.jdbc_url,
            "SYNCHRONY_DATABASE_USERNAME": link.user,
            "SYNCHRONY_DATABASE_PASSWORD": link.password,
        }
    return given


def _synchrony_cluster(node: NodeContext) -> dict[str, EnvironmentValue]:
    if node.discovery is not None:
        return {"CLUSTER_JOIN_TYPE": "kubernetes", **_kubernetes(node.discovery, node.ports["cluster"])}
    return {
        "CLUSTER_JOIN_TYPE": "tcpip",
        "CLUSTER_JOIN_TCPIP_MEMBERS": jvm.members(node, "cluster", default=node.ports["cluster"]),
    }

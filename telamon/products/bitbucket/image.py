"""Bitbucket's image, and OpenSearch's: what they read from their environment.

Sources: atlassian/data-center-helm-charts, container documentation ``BITBUCKET.md`` (every property has a variable: in
capitals, with underscores for dots and dashes); OpenSearch, "Docker".
"""

from __future__ import annotations

from telamon.model.products import ExternalCompanion
from telamon.naming import CompanionName
from telamon.products import jvm
from telamon.products.base import Discovery, EnvironmentValue, NodeContext, Purpose, SecretValue
from telamon.products.bitbucket.edge import OPENSEARCH

SEARCH_USER = "admin"
"""The user that OpenSearch's image makes itself."""


def environment(node: NodeContext) -> dict[str, EnvironmentValue]:
    """The environment of one node; what begins with ``SETUP_`` is read at the first start alone."""
    front = node.front
    given: dict[str, EnvironmentValue] = {
        "BITBUCKET_HOME": node.local_home,
        "BITBUCKET_SHARED_HOME": node.shared_home,
        "SERVER_PORT": str(node.ports["http"]),
        "SERVER_SCHEME": front.scheme,
        "SERVER_SECURE": "true" if front.scheme == "https" else "false",
        "SERVER_PROXY_NAME": front.host,
        "SERVER_PROXY_PORT": str(front.port),
        "SETUP_DISPLAYNAME": "Bitbucket",
        "SETUP_BASEURL": front.url,
        "SETUP_LICENSE": node.secrets[Purpose.LICENSE],
        "SETUP_SYSADMIN_USERNAME": node.secrets[Purpose.ADMIN_USERNAME],
        "SETUP_SYSADMIN_PASSWORD": node.secrets[Purpose.ADMIN_PASSWORD],
        "SETUP_SYSADMIN_DISPLAYNAME": node.secrets[Purpose.ADMIN_NAME],
        "SETUP_SYSADMIN_EMAILADDRESS": node.secrets[Purpose.ADMIN_EMAIL],
        "PLUGIN_SSH_PORT": str(node.ports["ssh"]),
    }
    if front.context_path:
        given["SERVER_CONTEXT_PATH"] = front.context_path
    if node.ssh is not None:
        given["PLUGIN_SSH_BASEURL"] = f"ssh://{node.ssh}"
    given |= _database(node) | _cluster(node) | _search(node)
    given |= jvm.container(node) | jvm.memory(node) | jvm.arguments(node)
    given |= {_variable(key): value for key, value in node.spec.properties.items()}
    return given | dict(node.spec.env)


def _database(node: NodeContext) -> dict[str, EnvironmentValue]:
    link = node.database
    if link is None:
        return {}
    return {
        "JDBC_DRIVER": "org.postgresql.Driver",
        "JDBC_URL": link.jdbc_url,
        "JDBC_USER": link.user,
        "JDBC_PASSWORD": link.password,
    }


def _cluster(node: NodeContext) -> dict[str, EnvironmentValue]:
    """Hazelcast by the cluster's API or by a list of members; the password keeps strangers out."""
    given: dict[str, EnvironmentValue] = {
        "JAVA_OPTS": f"-Dcluster.node.name={node.member}",
        "HAZELCAST_PORT": str(node.ports["cluster"]),
        "HAZELCAST_GROUP_NAME": node.component,
        "HAZELCAST_GROUP_PASSWORD": node.secrets[Purpose.CLUSTER],
        "HAZELCAST_NETWORK_MULTICAST": "false",
    }
    if node.discovery is not None:
        return {
            **given,
            "HAZELCAST_NETWORK_KUBERNETES": "true",
            "KUBERNETES_NAMESPACE": node.discovery.namespace,
            "HAZELCAST_KUBERNETES_SERVICE_NAME": node.discovery.service,
        }
    return {
        **given,
        "HAZELCAST_NETWORK_TCPIP": "true",
        "HAZELCAST_NETWORK_TCPIP_MEMBERS": jvm.members(node, "cluster"),
    }


def _search(node: NodeContext) -> dict[str, EnvironmentValue]:
    """The companion; the search server within the image is always off, for a cluster cannot use it."""
    given: dict[str, EnvironmentValue] = {"SEARCH_ENABLED": "false"}
    asked = node.spec.companions.get(CompanionName(OPENSEARCH))
    if asked is not None and asked.external is not None:
        return given | _foreign_search(asked.external)
    companions = node.companions.get(OPENSEARCH)
    if not companions:
        return given
    scheme = "http" if node.discovery is None else "https"
    return {
        **given,
        "PLUGIN_SEARCH_CONFIG_BASEURL": f"{scheme}://{companions[0].endpoints['http']}",
        "PLUGIN_SEARCH_CONFIG_USERNAME": SEARCH_USER,
        "PLUGIN_SEARCH_CONFIG_PASSWORD": node.secrets[Purpose.SEARCH_PASSWORD],
    }


def _foreign_search(external: ExternalCompanion) -> dict[str, EnvironmentValue]:
    """A search cluster of somebody else. Source: Bitbucket documentation, "Use an external search server"."""
    given: dict[str, EnvironmentValue] = {"PLUGIN_SEARCH_CONFIG_BASEURL": external.url}
    login = external.credentials
    if login is None:
        return given
    return {
        **given,
        "PLUGIN_SEARCH_CONFIG_USERNAME": SecretValue(login.secret, login.username_key),
        "PLUGIN_SEARCH_CONFIG_PASSWORD": SecretValue(login.secret, login.password_key),
    }


def _variable(name: str) -> str:
    return name.replace(".", "_").replace("-", "_").upper()


def opensearch_environment(node: NodeContext) -> dict[str, EnvironmentValue]:
    """The environment of one search node: the image takes every key of ``opensearch.yml`` as a variable."""
    given: dict[str, EnvironmentValue] = {
        "cluster.name": node.component,
        "node.name": node.member,
        "network.host": node.bind,
        "http.port": str(node.ports["http"]),
        "transport.port": str(node.ports["transport"]),
        "path.data": node.local_home,
        "OPENSEARCH_INITIAL_ADMIN_PASSWORD": node.secrets[Purpose.SEARCH_PASSWORD],
    }
    given |= _search_heap(node)
    if node.discovery is not None:
        return given | _search_cluster(node.discovery) | _search_tls(node.component)
    if not node.peers:
        return {**given, "discovery.type": "single-node"}
    names = sorted([node.member, *(peer.member for peer in node.peers)])
    return {
        **given,
        "discovery.seed_hosts": jvm.members(node, "transport"),
        "cluster.initial_cluster_manager_nodes": ",".join(names),
    }


def _search_cluster(discovery: Discovery) -> dict[str, EnvironmentValue]:
    if len(discovery.members) == 1:
        return {"discovery.type": "single-node"}
    return {
        "discovery.seed_hosts": discovery.service,
        "cluster.initial_cluster_manager_nodes": ",".join(discovery.members),
    }


def _search_tls(component: str) -> dict[str, EnvironmentValue]:
    """A certificate of its own for both ports, over what the image's demonstration brings.

    The installer of the demonstration still makes the first user of the initial password; its own certificates are
    known to everybody, so none of them is trusted any more.
    """
    given: dict[str, EnvironmentValue] = {
        "plugins.security.ssl.http.enabled": "true",
        "plugins.security.nodes_dn": f"CN={component}",
        "plugins.security.ssl.transport.enforce_hostname_verification": "false",
        # Mapping files into memory asks for a setting of the machine that no contained pod may make.
        "node.store.allow_mmap": "false",
    }
    for layer in ("http", "transport"):
        given |= {
            f"plugins.security.ssl.{layer}.pemcert_filepath": "tls/tls.crt",
            f"plugins.security.ssl.{layer}.pemkey_filepath": "tls/tls.key",
            f"plugins.security.ssl.{layer}.pemtrustedcas_filepath": "tls/ca.crt",
        }
    return given


def _search_heap(node: NodeContext) -> dict[str, EnvironmentValue]:
    companion = node.spec.companions.get(CompanionName(OPENSEARCH))
    heap = companion.resources.heap if companion is not None else None
    if heap is None:
        return {}
    size = jvm.in_mebibytes(heap)
    return {"OPENSEARCH_JAVA_OPTS": f"-Xms{size} -Xmx{size}"}

"""The environment that the official images of Jira, Confluence and Bitbucket read alike.

Source: atlassian/data-center-helm-charts, container documentation ``{JIRA,CONFLUENCE,BITBUCKET}.md``.
"""

from __future__ import annotations

from collections.abc import Iterable

from telamon.products.base import EnvironmentValue, NodeContext
from telamon.units import Bytes

_MEBIBYTE = 1 << 20


def memory(node: NodeContext) -> dict[str, EnvironmentValue]:
    """Heap of the Java virtual machine; nothing where the stack file leaves it to the image.

    The heap has one fixed size: a heap that grows later takes memory that the node may not get.
    """
    heap = node.spec.resources.heap
    if heap is None:
        return {}
    size = in_mebibytes(heap)
    return {"JVM_MINIMUM_MEMORY": size, "JVM_MAXIMUM_MEMORY": size}


def arguments(node: NodeContext, own: Iterable[str] = ()) -> dict[str, EnvironmentValue]:
    """Options of the Java virtual machine: ours first, so that those of the stack file win."""
    words = [*node.jvm, *own, *node.spec.jvm_args]
    return {"JVM_SUPPORT_RECOMMENDED_ARGS": " ".join(words)} if words else {}


def container(node: NodeContext) -> dict[str, EnvironmentValue]:
    """What is told in a container that is not root: the homes have the right owner, and it could not change it."""
    return {} if node.discovery is None else {"SET_PERMISSIONS": "false"}


def tomcat(node: NodeContext) -> dict[str, EnvironmentValue]:
    """Where Jira and Confluence listen, and the address that users type."""
    front = node.front
    given: dict[str, EnvironmentValue] = {
        "ATL_TOMCAT_PORT": str(node.ports["http"]),
        "ATL_TOMCAT_SCHEME": front.scheme,
        "ATL_TOMCAT_SECURE": "true" if front.scheme == "https" else "false",
        "ATL_PROXY_NAME": front.host,
        "ATL_PROXY_PORT": str(front.port),
    }
    if front.context_path:
        given["ATL_TOMCAT_CONTEXTPATH"] = front.context_path
    return given


def database(node: NodeContext) -> dict[str, EnvironmentValue]:
    """The database, as Jira and Confluence are told it; nothing where the node has none."""
    link = node.database
    if link is None:
        return {}
    return {
        "ATL_JDBC_URL": link.jdbc_url,
        "ATL_JDBC_USER": link.user,
        "ATL_JDBC_PASSWORD": link.password,
    }


def members(node: NodeContext, port: str, *, default: int | None = None) -> str:
    """Every node of the cluster, this one first, for Hazelcast's list of members.

    Args:
        node: this node.
        port: name of the cluster's port.
        default: the port that the product adds by itself to an address without one; ``None``: always written.
    """
    own = (node.bind, node.ports[port])
    known = [own, *((peer.endpoints[port].host, peer.endpoints[port].port) for peer in node.peers)]
    return ",".join(host if number == default else f"{host}:{number}" for host, number in known)


def in_mebibytes(amount: Bytes) -> str:
    """An amount as the virtual machine takes it."""
    return f"{amount.count // _MEBIBYTE}m"

"""The nodes of a cluster as the rolling-upgrade REST of Confluence and Bitbucket lists them.

Sources: Atlassian, Bitbucket "Zero downtime upgrade REST"; the vendor's performance toolkit reads it of Confluence too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from telamon.products.base import Flow, Identity, NodeSeen, Request, ask
from telamon.products.rest import demand, items, settle

CLUSTER = Request("GET", "/rest/zdu/cluster")

_GONE = frozenset({"OFFLINE", "TERMINATING", "ERROR"})
_FULL = frozenset({"ACTIVE", "RUNNING_FINALIZE_UPGRADE_TASKS"})


def membership() -> Flow[tuple[NodeSeen, ...] | None]:
    """List the nodes, each by the name that our environment gives it.

    Returns:
        ``None`` where the product says that it is no cluster: 401 or 403 with a text about a clustered installation.
    """
    response = yield from ask(replace(CLUSTER, identity=Identity.SERVICE_ACCOUNT))
    if response.status in {401, 403} and "clustered installation" in response.text:
        return None
    yield from settle(CLUSTER, response, identity=Identity.SERVICE_ACCOUNT)
    nodes = items(demand(CLUSTER, response).document().get("nodes"))
    return tuple(_seen(node) for node in nodes)


def _seen(node: Mapping[str, Any]) -> NodeSeen:
    state = node.get("state")
    release = node.get("version")
    return NodeSeen(
        node_id=str(node.get("name") or node.get("id") or ""),
        alive=state not in _GONE,
        active=state in _FULL,
        release=release if isinstance(release, str) and release else None,
    )

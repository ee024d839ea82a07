"""Jira's registry of nodes, a table of its database that REST shows.

Source: Jira REST API 2, group "cluster": ``GET cluster/nodes``, ``PUT cluster/node/{id}/offline`` (only for a node
that is ACTIVE and not alive), ``DELETE cluster/node/{id}`` (only for one that is OFFLINE).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from telamon.errors import TemporaryError
from telamon.products.base import Flow, Identity, NodeSeen, Request, Response
from telamon.products.rest import NO_CHECK, as_, demand, items

NODES = Request("GET", "/rest/api/2/cluster/nodes")

_LIVENESS_DELAY = 60.0
"""Seconds. A node without a heartbeat counts as alive for five minutes, so asking more often is of no use. Source:
documentation of ``ClusterNodeHeartbeatService`` (atlassian-beehive)."""


def membership() -> Flow[tuple[NodeSeen, ...] | None]:
    """List the nodes; ``None`` where Jira is not clustered, which it says with 405."""
    response = yield from as_(Identity.SERVICE_ACCOUNT, NODES)
    if response.status == 405:
        return None
    return tuple(_seen(node) for node in items(demand(NODES, response).json()))


def _seen(node: Mapping[str, Any]) -> NodeSeen:
    release = node.get("nodeVersion")
    return NodeSeen(
        node_id=str(node.get("nodeId", "")),
        alive=node.get("alive") is True,
        active=node.get("state") == "ACTIVE",
        release=release if isinstance(release, str) else None,
    )


def forget_node(node_id: str) -> Flow[None]:
    """Take a stopped node out of the registry; Jira does so itself only after about two days.

    Raises:
        TemporaryError: the registry still believes that the node lives.
    """
    response = demand(NODES, (yield from as_(Identity.SERVICE_ACCOUNT, NODES)), allowed=frozenset({200, 405}))
    found = next((node for node in items(response.json()) if node.get("nodeId") == node_id), None)
    if found is None:
        return
    path = f"/rest/api/2/cluster/node/{quote(node_id, safe='')}"
    if found.get("state") != "OFFLINE":
        if found.get("alive") is True:
            raise TemporaryError(f"Jira still counts {node_id} as alive", delay=_LIVENESS_DELAY)
        yield from _change(Request("PUT", f"{path}/offline", headers=NO_CHECK))
    yield from _change(Request("DELETE", path, headers=NO_CHECK))


def _change(request: Request) -> Flow[Response]:
    response = yield from as_(Identity.SERVICE_ACCOUNT, request)
    return demand(request, response, allowed=frozenset({200, 202, 204, 404}))

"""REST: nodes of the cluster, and upgrades without downtime.

Source: the vendor's REST reference, group "cluster"; 405 with a sentence on an instance that is not
clustered is what the vendor's performance toolkit relies on.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from understudy.jira.services import Services
from understudy.jira.upgrades import ClusterBuild
from understudy.kit.errors import HttpProblem
from understudy.kit.web import Access, Call, Site, json_answer


class ClusterRest:
    """Routes about the cluster."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        base, admin = "/rest/api/2/cluster", Access.ADMINISTRATOR
        site.route(f"{base}/nodes", self._nodes, access=admin)
        site.route(f"{base}/node/{{node_id}}/offline", self._set_offline, methods=("PUT",), access=admin)
        site.route(f"{base}/node/{{node_id}}", self._delete, methods=("DELETE",), access=admin)
        site.route(f"{base}/zdu/state", self._state, access=admin)
        site.route(f"{base}/zdu/start", self._start, methods=("POST",), access=admin)
        site.route(f"{base}/zdu/approve", self._approve, methods=("POST",), access=admin)
        site.route(f"{base}/zdu/cancel", self._cancel, methods=("POST",), access=admin)
        site.route(f"{base}/zdu/retryUpgrade", self._retry, methods=("POST",), access=admin)

    def _nodes(self, _: Call) -> Response:
        self._check_clustered()
        return json_answer(
            [
                {
                    "nodeId": node.node_id,
                    "state": node.state,
                    "alive": node.alive,
                    "ip": node.ip,
                    "cacheListenerPort": node.cache_port,
                    "nodeBuildNumber": node.build_number,
                    "nodeVersion": node.version,
                    "lastStateChangeTimestamp": node.changed,
                }
                for node in self._services.registry.nodes()
            ]
        )

    def _set_offline(self, call: Call) -> Response:
        self._check_clustered()
        self._services.registry.set_offline(call.path("node_id"))
        return Response(status_code=200)

    def _delete(self, call: Call) -> Response:
        self._check_clustered()
        self._services.registry.delete(call.path("node_id"))
        return Response(status_code=204)

    def _state(self, _: Call) -> Response:
        self._check_clustered()
        return json_answer(_build_json(self._services.upgrades.state()))

    def _start(self, _: Call) -> Response:
        self._check_clustered()
        return json_answer(_build_json(self._services.upgrades.start()), status=201)

    def _approve(self, _: Call) -> Response:
        self._check_clustered()
        return json_answer(_build_json(self._services.upgrades.approve()))

    def _cancel(self, _: Call) -> Response:
        self._check_clustered()
        return json_answer(_build_json(self._services.upgrades.cancel()))

    def _retry(self, _: Call) -> Response:
        self._check_clustered()
        return json_answer(_build_json(self._services.upgrades.retry()))

    def _check_clustered(self) -> None:
        if not self._services.clustered:
            raise HttpProblem("This Jira instance is not clustered", status=405)


def _build_json(build: ClusterBuild) -> dict[str, Any]:
    return {"state": build.state, "build": {"buildNumber": build.build_number, "version": build.version}}

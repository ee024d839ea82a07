"""Bitbucket's ports, and what the front door does for it.

Sources: atlassian/data-center-helm-charts, chart ``bitbucket`` and ``BITBUCKET_SSH.md``; OpenSearch, "Network
settings".
"""

from __future__ import annotations

from telamon.products.base import HealthMatch, Port, Route, TcpRoute
from telamon.products.status import PATH

OPENSEARCH = "opensearch"
"""Name of the companion."""

PORTS = (Port("http", 7990, public=True), Port("ssh", 7999, public=True), Port("cluster", 5701))
HEALTH = HealthMatch(PATH, "RUNNING")
ROUTES = (Route("/", sticky_cookie="telamon-bitbucket"),)
TCP_ROUTES = (TcpRoute(name="ssh", port="ssh", front_port=7999, expect="SSH-2.0"),)
"""A node sends its banner first, which is how a healthy one is told."""

OPENSEARCH_PORTS = (Port("http", 9200), Port("transport", 9300))
OPENSEARCH_HEALTH = HealthMatch("/_cluster/health", "")

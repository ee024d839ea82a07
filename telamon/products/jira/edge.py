"""Jira's ports, and what the front door does for it.

Sources: atlassian/data-center-helm-charts, chart ``jira``; Atlassian, "Jira Data Center load balancer examples":
sessions are not replicated, so a user stays on a node, and web sockets pass.
"""

from __future__ import annotations

from telamon.products.base import HealthMatch, Port, Route
from telamon.products.status import PATH

PORTS = (
    Port("http", 8080, public=True),
    Port("ehcache", 40001),
    Port("ehcache-object", 40011),
)
HEALTH = HealthMatch(PATH, "RUNNING")
"""The body is matched because a node that is STARTING, STOPPING or in FIRST_RUN answers 200 too."""
ROUTES = (Route("/", websocket=True, sticky_cookie="telamon-jira"),)

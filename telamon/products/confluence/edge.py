"""Confluence's ports, and what the front door does for it.

Sources: atlassian/data-center-helm-charts, chart ``confluence``; Atlassian, "Configuring Synchrony for Data Center"
(ports 5801, 8091, 25500), "Confluence Data Center technical overview" (a user stays on a node).
"""

from __future__ import annotations

from telamon.products.base import HealthMatch, Port, Route
from telamon.products.status import PATH

SYNCHRONY = "synchrony"
"""Name of the companion, and of the path under which the front door sends to it."""

PORTS = (Port("http", 8090, public=True), Port("cluster", 5801))
HEALTH = HealthMatch(PATH, "RUNNING")
# A Synchrony that Confluence runs itself is reached through a path of Confluence's own, by web socket.
ROUTES = (Route("/", websocket=True, sticky_cookie="telamon-confluence"),)

SYNCHRONY_PORTS = (Port("http", 8091, public=True), Port("cluster", 5701), Port("aleph", 25500))
SYNCHRONY_HEALTH = HealthMatch(f"/{SYNCHRONY}/heartbeat", "")
SYNCHRONY_ROUTES = (Route(f"/{SYNCHRONY}", websocket=True, sticky_cookie="telamon-synchrony"),)

"""The health checks of a node, as ``GET /rest/troubleshooting/1.0/check/`` lists them.

Shape of a status: public client virtomize/confluence-go-api (``HealthCheckStatus``) and Atlassian KB "How
to retrieve health check results using REST API". The keys of the product's own checks are not published;
those here name what they look at.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx

from understudy.confluence.settings import WikiSettings
from understudy.confluence.wikiindex import WikiIndex
from understudy.kit.database import Database
from understudy.kit.errors import DatabaseUnavailable
from understudy.kit.homes import remove_durably, write_durably

_SYNCHRONY_TIMEOUT = 2.0
_KEY = "com.atlassian.confluence.plugins.confluence-healthcheck-plugin"


class Health:
    """Runs the checks.

    Args:
        settings: of the node.
        database: to be reached.
        index: to be readable.
        node_id: of this node.
    """

    def __init__(self, settings: WikiSettings, database: Database, index: WikiIndex, *, node_id: str) -> None:
        self._settings = settings
        self._database = database
        self._index = index
        self._node_id = node_id

    def statuses(self) -> list[dict[str, object]]:
        """Every check, run now."""
        checks: tuple[tuple[str, str, Callable[[], str | None]], ...] = (
            ("databaseHealthCheck", "Database", self._database_trouble),
            ("sharedHomeHealthCheck", "Shared home", self._shared_home_trouble),
            ("luceneIndexHealthCheck", "Search index", self._index.trouble),
            ("collaborativeEditingHealthCheck", "Collaborative editing", self._synchrony_trouble),
        )
        return [
            self._status(number, key, name=name, check=check)
            for number, (key, name, check) in enumerate(checks)
        ]

    def synchrony_runs(self) -> bool:
        """Whether the companion for collaborative editing answers."""
        url = self._settings.synchrony_url
        if not url:
            return False
        with suppress(httpx.HTTPError):
            answer = httpx.get(heartbeat_url(url), timeout=_SYNCHRONY_TIMEOUT, trust_env=False)
            return answer.status_code == 200
        return False

    def _status(
        self, number: int, key: str, *, name: str, check: Callable[[], str | None]
    ) -> dict[str, object]:
        failure = check()
        return {
            "id": number,
            "completeKey": f"{_KEY}:{key}",
            "name": name,
            "description": f"Checks the {name.lower()}",
            "isHealthy": failure is None,
            "failureReason": failure or "",
            "application": "Confluence",
            "nodeId": self._node_id,
            "time": int(time.time() * 1000),
            "severity": "undefined" if failure is None else "critical",
            "documentation": "",
            "tag": "",
            "isSoftLaunch": False,
            "isEnabled": True,
            "additionalLinks": [],
            "healthy": failure is None,
            "enabled": True,
            "softLaunch": False,
        }

    def _database_trouble(self) -> str | None:
        try:
            self._database.fetch_one("select 1 as one")
        except DatabaseUnavailable as error:
            return f"The database cannot be reached: {error}"
        return None

    def _shared_home_trouble(self) -> str | None:
        probe: Path = self._settings.shared_home / f".health-{self._node_id}"
        try:
            write_durably(probe, b"ok")
            remove_durably(probe)
        except OSError as error:
            return f"The shared home cannot be written: {error.strerror}"
        return None

    def _synchrony_trouble(self) -> str | None:
        if not self._settings.synchrony_url or self.synchrony_runs():
            return None
        return "Synchrony does not answer"


def heartbeat_url(service_url: str) -> str:
    """The heartbeat beside a service address: ``.../synchrony/v1`` gives ``.../synchrony/heartbeat``."""
    return service_url.removesuffix("/v1") + "/heartbeat"

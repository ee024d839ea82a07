"""Application properties: title, base URL, set-up state. Source: table ``propertyentry`` of the product.

A node keeps a copy for a second, as the product caches them, so that a page does not cost a query.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from understudy.kit.database import Connection, Database

TITLE = "jira.title"
BASE_URL = "jira.baseurl"
MODE = "jira.mode"
SETUP_DONE = "jira.setup"
USAGE_DATA = "jira.usagedata"
SERVER_ID = "jira.sid.key"
_FRESH_SECONDS = 1.0


class Properties:
    """Reads and writes application properties."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._copy: Mapping[str, str] = {}
        self._read_at = float("-inf")

    def all(self) -> Mapping[str, str]:
        """Every property, at most a second old."""
        with self._lock:
            if time.monotonic() - self._read_at < _FRESH_SECONDS:
                return self._copy
        rows = self._database.fetch_all("select property_key, property_value from propertyentry")
        with self._lock:
            self._copy = {row["property_key"]: row["property_value"] for row in rows}
            self._read_at = time.monotonic()
            return self._copy

    def get(self, key: str, default: str = "") -> str:
        """One property."""
        return self.all().get(key, default)

    def forget(self) -> None:
        """Read anew at the next use."""
        with self._lock:
            self._read_at = float("-inf")

    def put(self, connection: Connection, key: str, *, value: str) -> None:
        """Write one property within a transaction of the caller, who calls :meth:`forget` after it."""
        connection.execute(
            """insert into propertyentry (property_key, property_value) values (%s, %s)
               on conflict (property_key) do update set property_value = excluded.property_value""",
            (key, value),
        )

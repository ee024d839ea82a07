"""Application properties: title, base URL, banner, set-up state.

A property is a row of ``propertyentry`` and, under the same id, one of ``propertystring`` or ``propertytext``, as in
the product. Source: Atlassian KB, "Remove an application link from Jira server using SQL".

A node keeps a copy for a second, as the product caches them, so that a page does not cost a query.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from understudy.kit.database import Connection, Database, one_row

TITLE = "jira.title"
BASE_URL = "jira.baseurl"
MODE = "jira.mode"
SETUP_DONE = "jira.setup"
USAGE_DATA = "jira.usagedata"
SERVER_ID = "jira.sid.key"
BANNER = "jira.alertheader"
APPLICATION_LINKS = "applinks.admin."
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
        rows = self._database.fetch_all(
            """select e.property_key, coalesce(s.propertyvalue, t.propertyvalue, '') as property_value
               from propertyentry e left join propertystring s on s.id = e.id left join propertytext t on t.id = e.id
               where e.entity_name = 'jira.properties'"""
        )
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
        # Whoever gives out ids holds the row, so no other node adds the same property meanwhile.
        free = one_row(
            connection.execute(
                "select seq_id from sequence_value_item where seq_name = 'OSPropertyEntry' for update"
            )
        )
        found = connection.execute(
            "select id from propertyentry where entity_name = 'jira.properties' and property_key = %s", (key,)
        ).fetchone()
        row_id = free["seq_id"] if found is None else found["id"]
        if found is None:
            connection.execute(
                "update sequence_value_item set seq_id = seq_id + 1 where seq_name = 'OSPropertyEntry'"
            )
            connection.execute(
                "insert into propertyentry values (%s, 'jira.properties', 1, %s, 5)", (row_id, key)
            )
        connection.execute(
            """insert into propertystring (id, propertyvalue) values (%s, %s)
               on conflict (id) do update set propertyvalue = excluded.propertyvalue""",
            (row_id, value),
        )

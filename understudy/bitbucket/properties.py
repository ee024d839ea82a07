"""The few values that belong to the whole instance: name, base URL, licence, whether set-up is complete."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from understudy.kit.database import Connection, Database

DISPLAY_NAME = "instance.name"
BASE_URL = "instance.url"
LICENCE = "license"
SERVER_ID = "server.id"
SETUP_COMPLETE = "setup.completed"
ORIGINAL_VERSION = "zdu.original.version"
LOCK = "maintenance.lock"

_KEPT_SECONDS = 5.0


class Properties:
    """Reads and changes the values; what another node changed is seen within five seconds.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._values: Mapping[str, str] = {}
        self._read_at = -_KEPT_SECONDS

    def all(self) -> Mapping[str, str]:
        """Every value, read afresh."""
        rows = self._database.fetch_all("select prop_key, prop_value from app_property")
        values = {row["prop_key"]: row["prop_value"] for row in rows}
        with self._lock:
            self._values, self._read_at = values, time.monotonic()
        return values

    def recent(self, name: str, default: str = "") -> str:
        """A value that may be five seconds old."""
        with self._lock:
            values, age = self._values, time.monotonic() - self._read_at
        if age >= _KEPT_SECONDS:
            values = self.all()
        return values.get(name, default)

    def forget(self) -> None:
        """Read afresh at the next question: something was changed here."""
        with self._lock:
            self._read_at = -_KEPT_SECONDS


def store(connection: Connection, name: str, *, value: str) -> None:
    """Write a value within a transaction of the caller."""
    connection.execute(
        """insert into app_property (prop_key, prop_value) values (%s, %s)
           on conflict (prop_key) do update set prop_value = excluded.prop_value""",
        (name, value),
    )


def remove(connection: Connection, name: str) -> None:
    """Remove a value within a transaction of the caller; one that is absent is fine."""
    connection.execute("delete from app_property where prop_key = %s", (name,))

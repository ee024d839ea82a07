"""Store and journal in one SQLite file, which one controller alone opens.

Every write is on the disk before it returns (``synchronous=FULL``): an intent that a crash forgets would be a verb
nobody can explain. Source: SQLite documentation, "PRAGMA synchronous".
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from telamon.errors import ConflictError, MachineError, PlatformError, brief
from telamon.ports import Entry, Stored

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    kind TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, generation INTEGER NOT NULL,
    spec TEXT NOT NULL, status TEXT NOT NULL, PRIMARY KEY (kind, name));
CREATE TABLE IF NOT EXISTS versions (latest INTEGER NOT NULL);
INSERT INTO versions SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM versions);
CREATE TABLE IF NOT EXISTS journal (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, component TEXT NOT NULL, kind TEXT NOT NULL,
    subject TEXT NOT NULL, detail TEXT NOT NULL, member TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS journal_component ON journal (component, sequence);
"""

JOURNAL_KEEPS = 50_000
"""Lines of intents and outcomes kept; facts and failures are kept for ever."""


class SqliteFile:
    """One file with the schema of this module.

    Args:
        path: where; made with mode 0600 if it is not there.

    Raises:
        MachineError: the file cannot be made or read (rights, full disk).
        PlatformError: it is not a store of this program.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            path.touch(mode=0o600, exist_ok=True)
            self._connection = sqlite3.connect(
                path, check_same_thread=False, isolation_level=None, timeout=10.0
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(SCHEMA)
        except (OSError, sqlite3.OperationalError) as error:
            raise MachineError(
                f"the state file {path} cannot be opened: {brief(error)}",
                remedy="check rights and free space of the state folder",
            ) from error
        except sqlite3.DatabaseError as error:
            raise PlatformError(
                f"the state file {path} is damaged: {brief(error)}",
                remedy="move it away; `telamon up` finds what runs and begins a new one",
            ) from error
        self.path = path

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, one writer at a time."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise MachineError(
                    f"the state file {self.path} cannot be written: {brief(error)}",
                    remedy="check free space of the state folder",
                ) from error

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()


class SqliteStore:
    """:class:`telamon.ports.Store` in a :class:`SqliteFile`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def get(self, kind: str, name: str) -> Stored | None:
        """The object, or ``None``."""
        with self._file.transaction() as connection:
            return _one(connection, kind, name)

    def list(self, kind: str) -> tuple[Stored, ...]:
        """Every object of a kind, by name."""
        with self._file.transaction() as connection:
            rows = connection.execute(f"{_SELECT} WHERE kind = ? ORDER BY name", (kind,)).fetchall()
        return tuple(_stored(row) for row in rows)

    def watch(self, kind: str, *, since: int) -> Iterator[Stored]:
        """Objects of a kind written after ``since``, oldest first."""
        with self._file.transaction() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE kind = ? AND version > ? ORDER BY version", (kind, since)
            ).fetchall()
        yield from (_stored(row) for row in rows)

    def put(self, stored: Stored) -> Stored:
        """Write if nobody wrote since; see :class:`telamon.ports.Store`."""
        spec = json.dumps(stored.spec, sort_keys=True)
        with self._file.transaction() as connection:
            current = _one(connection, stored.kind, stored.name)
            if (current.version if current else 0) != stored.version:
                raise _moved_on(stored.kind, stored.name)
            connection.execute("UPDATE versions SET latest = latest + 1")
            version = int(connection.execute("SELECT latest FROM versions").fetchone()[0])
            changed = current is None or json.dumps(current.spec, sort_keys=True) != spec
            generation = (current.generation if current else 0) + (1 if changed else 0)
            connection.execute(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)",
                (stored.kind, stored.name, version, generation, spec, json.dumps(stored.status)),
            )
        return replace(stored, version=version, generation=generation)

    def delete(self, kind: str, name: str, *, version: int) -> None:
        """Delete if nobody wrote since; absent is no error."""
        with self._file.transaction() as connection:
            current = _one(connection, kind, name)
            if current is None:
                return
            if current.version != version:
                raise _moved_on(kind, name)
            connection.execute("DELETE FROM objects WHERE kind = ? AND name = ?", (kind, name))


class SqliteJournal:
    """:class:`telamon.ports.Journal` in a :class:`SqliteFile`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        with file.transaction() as connection:
            connection.execute(
                "DELETE FROM journal WHERE kind IN ('intent', 'outcome') AND sequence <= "
                "(SELECT COALESCE(MAX(sequence), 0) FROM journal) - ?",
                (JOURNAL_KEEPS,),
            )

    def append(self, entry: Entry) -> Entry:
        """Write one line durably; returns it with its sequence."""
        row = (entry.at, entry.component, entry.kind, entry.subject, entry.detail, entry.member)
        with self._file.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO journal (at, component, kind, subject, detail, member) VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
            return replace(entry, sequence=int(cursor.lastrowid or 0))

    def read(self, component: str | None = None, *, since: int = 0) -> tuple[Entry, ...]:
        """Lines after ``since``, oldest first."""
        with self._file.transaction() as connection:
            rows = connection.execute(
                "SELECT sequence, at, component, kind, subject, detail, member FROM journal "
                "WHERE sequence > ? AND (? IS NULL OR component = ?) ORDER BY sequence",
                (since, component, component),
            ).fetchall()
        return tuple(Entry(*row) for row in rows)


_SELECT = "SELECT kind, name, version, generation, spec, status FROM objects"


def _one(connection: sqlite3.Connection, kind: str, name: str) -> Stored | None:
    row = connection.execute(f"{_SELECT} WHERE kind = ? AND name = ?", (kind, name)).fetchone()
    return None if row is None else _stored(row)


def _stored(row: tuple[str, str, int, int, str, str]) -> Stored:
    kind, name, version, generation, spec, status = row
    return Stored(kind, name, version, generation, json.loads(spec), json.loads(status))


def _moved_on(kind: str, name: str) -> ConflictError:
    return ConflictError(
        f"{kind} {name} was changed by somebody else meanwhile", remedy="read it again and repeat the change"
    )

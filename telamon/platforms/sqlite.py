"""Store and journal in one SQLite file, which one controller alone opens.

Every write is on the disk before it returns (``synchronous=FULL``): an intent that a crash forgets would be a verb
nobody can explain. Source: SQLite documentation, "PRAGMA synchronous".
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
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

BESIDE = ("", "-wal", "-shm")
"""Endings of the files that make up a store. Source: SQLite documentation, "Temporary Files Used By SQLite"."""


REPAIR = (
    "`telamon doctor --repair` moves it aside and says what is lost; `telamon up` then goes on with what runs"
)
_DAMAGE = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT_INDEX", "SQLITE_CORRUPT_VTAB"})


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
            self._connection = _connect(path)
        except (OSError, sqlite3.OperationalError) as error:
            raise MachineError(
                f"the state file {path} cannot be opened: {brief(error)}",
                remedy="check rights and free space of the state folder",
            ) from error
        except sqlite3.DatabaseError as error:
            raise _damaged(path, brief(error)) from error
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
                if _is_damage(error):
                    raise _damaged(self.path, brief(error)) from error
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
        # In the order in which it was given: the order of the products shows, also after a restart.
        spec = json.dumps(stored.spec)
        with self._file.transaction() as connection:
            current = _one(connection, stored.kind, stored.name)
            if (current.version if current else 0) != stored.version:
                raise _moved_on(stored.kind, stored.name)
            connection.execute("UPDATE versions SET latest = latest + 1")
            version = int(connection.execute("SELECT latest FROM versions").fetchone()[0])
            changed = current is None or current.spec != json.loads(spec)
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

    def read(
        self, component: str | None = None, *, since: int = 0, last: int | None = None
    ) -> tuple[Entry, ...]:
        """Lines after ``since``, oldest first; of them only the ``last`` so many."""
        with self._file.transaction() as connection:
            return _entries(connection, component, since=since, last=last)


@dataclass(frozen=True)
class SqliteGlance:
    """Reads what a store holds, also while a controller keeps it or after one that died. Changes nothing.

    Attributes:
        path: of the file, which need not exist.
    """

    path: Path

    def stack_name(self) -> str | None:
        """The name of the stack that is kept, or ``None`` where there is none.

        Raises:
            MachineError: the file cannot be read.
            PlatformError: it is damaged.
        """
        with self._opened() as connection:
            if connection is None:
                return None
            row = connection.execute("SELECT name FROM objects WHERE kind = 'Stack'").fetchone()
        return None if row is None else str(row[0])

    def objects(self) -> tuple[Stored, ...]:
        """Everything that is stored, by kind and name; nothing where there is no file.

        Raises:
            MachineError: the file cannot be read.
            PlatformError: it is damaged.
        """
        with self._opened() as connection:
            rows = (
                [] if connection is None else connection.execute(f"{_SELECT} ORDER BY kind, name").fetchall()
            )
        return tuple(_stored(row) for row in rows)

    def entries(self, *, since: int = 0, last: int | None = None) -> tuple[Entry, ...]:
        """Lines of the journal, as :meth:`SqliteJournal.read` gives them; none where there is no file.

        Raises:
            MachineError: the file cannot be read.
            PlatformError: it is damaged.
        """
        with self._opened() as connection:
            return () if connection is None else _entries(connection, None, since=since, last=last)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection | None]:
        if not self.path.exists():
            yield None
            return
        try:
            address = f"{self.path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, uri=True, timeout=5.0)) as connection:
                # A controller that died in its first moment has left a file without tables.
                tables = connection.execute(
                    "SELECT COUNT(*) FROM sqlite_master WHERE name IN ('objects', 'journal')"
                ).fetchone()[0]
                yield connection if tables == 2 else None
        except sqlite3.Error as error:
            if _is_damage(error):
                raise _damaged(self.path, brief(error)) from error
            raise MachineError(
                f"the state file {self.path} cannot be read: {brief(error)}",
                remedy="check rights of the state folder",
            ) from error


def set_aside(path: Path, *, at: datetime) -> Path:
    """Give the files of a store other names, so that a new one can begin at their place.

    Args:
        path: of the store.
        at: time that stands in the new names.

    Returns:
        Where the main file is now.

    Raises:
        MachineError: they cannot be renamed.
    """
    aside = path.with_name(f"{path.name}.damaged-{at:%Y%m%dT%H%M%S}")
    try:
        # The main file last: while it is there, the store counts as damaged and this can be repeated.
        for ending in reversed(BESIDE):
            found = path.with_name(path.name + ending)
            if found.exists():
                found.rename(aside.with_name(aside.name + ending))
    except OSError as error:
        raise MachineError(
            f"{path} cannot be moved aside: {brief(error)}", remedy="check rights of the state folder"
        ) from error
    return aside


def _entries(
    connection: sqlite3.Connection, component: str | None, *, since: int, last: int | None
) -> tuple[Entry, ...]:
    rows = connection.execute(
        "SELECT sequence, at, component, kind, subject, detail, member FROM journal "
        "WHERE sequence > ? AND (? IS NULL OR component = ?) ORDER BY sequence DESC LIMIT ?",
        # A negative limit means none. Source: SQLite documentation, "SELECT", the LIMIT clause.
        (since, component, component, -1 if last is None else last),
    ).fetchall()
    return tuple(Entry(*row) for row in reversed(rows))


def _connect(path: Path) -> sqlite3.Connection:
    """Open a store, see that it is whole, and see to its tables."""
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10.0)
    try:
        # Damage that is met later would stop a stack in the middle of a change.
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


_SELECT = "SELECT kind, name, version, generation, spec, status FROM objects"


def _one(connection: sqlite3.Connection, kind: str, name: str) -> Stored | None:
    row = connection.execute(f"{_SELECT} WHERE kind = ? AND name = ?", (kind, name)).fetchone()
    return None if row is None else _stored(row)


def _stored(row: tuple[str, str, int, int, str, str]) -> Stored:
    kind, name, version, generation, spec, status = row
    try:
        return Stored(kind, name, version, generation, json.loads(spec), json.loads(status))
    except ValueError as error:
        raise PlatformError(
            f"what is kept of the {kind} {name} is damaged: {brief(error)}", remedy=REPAIR
        ) from error


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, rather than out of reach, busy or without room."""
    return isinstance(error, sqlite3.DatabaseError) and getattr(error, "sqlite_errorname", "") in _DAMAGE


def _damaged(path: Path, words: str) -> PlatformError:
    return PlatformError(f"the state file {path} is damaged: {words}", remedy=REPAIR)


def _moved_on(kind: str, name: str) -> ConflictError:
    return ConflictError(
        f"{kind} {name} was changed by somebody else meanwhile", remedy="read it again and repeat the change"
    )

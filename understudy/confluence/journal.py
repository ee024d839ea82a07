"""The journal: a table of what has changed, from which every node feeds its own index.

A change writes its entry in its own transaction. Each node reads the entries after the one it stands at,
puts the *current* state of what they name into its index, and notes the new position in
``<local home>/journal/main_index`` after the index has been committed, so that the position is never newer
than the index. Sources: JAC/CONFSERVER-43391; Atlassian, "Administer your Data Center search index".
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from understudy.kit.database import Connection, Database, lock_for_transaction
from understudy.kit.homes import remove_durably, write_durably

_LOG = logging.getLogger("understudy.confluence.journal")

JOURNAL = "main_index"
_LOCK = "journal main_index"


def record(connection: Connection, kind: str, *, content_id: int) -> int:
    """Write an entry; gives its id.

    The lock is held until the transaction ends, so that entries become visible in the order of their ids
    and no node can step over one. Call this last in a transaction.
    """
    return record_many(connection, kind, content_ids=[content_id])


def record_many(connection: Connection, kind: str, *, content_ids: Iterable[int]) -> int:
    """Write one entry for each id; gives the id of the last, or 0 where there was none."""
    lock_for_transaction(connection, _LOCK)
    entry_id = 0
    for content_id in content_ids:
        row = connection.execute(
            "insert into journalentry (journal_name, type, message) values (%s, %s, %s) returning entry_id",
            (JOURNAL, kind, str(content_id)),
        ).fetchone()
        entry_id = int(row["entry_id"]) if row is not None else entry_id
    return entry_id


def newest_entry(database: Database) -> int:
    """The id of the newest entry, 0 where there is none."""
    row = database.fetch_one(
        "select coalesce(max(entry_id), 0) as newest from journalentry where journal_name = %s", (JOURNAL,)
    )
    return int(row["newest"]) if row is not None else 0


def entry_exists(database: Database, entry_id: int) -> bool:
    """Whether an entry has not been cleaned away."""
    row = database.fetch_one(
        "select 1 as one from journalentry where entry_id = %s and journal_name = %s", (entry_id, JOURNAL)
    )
    return row is not None


def clean_entries(database: Database, *, seconds: float) -> int:
    """Remove entries older than so many seconds, never the newest; gives how many went."""
    gone = database.execute(
        """delete from journalentry where journal_name = %(name)s
            and creationdate < now() - make_interval(secs => %(age)s)
            and entry_id < (select max(entry_id) from journalentry where journal_name = %(name)s)""",
        {"name": JOURNAL, "age": seconds},
    )
    if gone:
        _LOG.info("%d journal entries cleaned away", gone)
    return gone


class PositionFile:
    """The file that holds the id of the last entry in the index of this node.

    Args:
        local_home: of the node.
    """

    def __init__(self, local_home: Path) -> None:
        self.path = local_home / "journal" / JOURNAL

    def read(self) -> int:
        """The id; 0 where the file is missing or unreadable, which means that the index must be recovered."""
        with suppress(FileNotFoundError):
            text = self.path.read_text(encoding="utf-8", errors="replace").strip()
            if text.isdigit():
                return int(text)
            _LOG.warning("%s is unreadable", self.path)
        return 0

    def write(self, entry_id: int) -> None:
        """Note the id durably."""
        write_durably(self.path, f"{entry_id}\n".encode())

    def remove(self) -> None:
        """Forget the position."""
        remove_durably(self.path)

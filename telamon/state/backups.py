"""A backup as its page in the catalogue describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class BackupEntry:
    """One backup of one product.

    Attributes:
        name: e.g. ``wiki-20260312T101500Z``.
        stack: name of the stack.
        product: the product it is of.
        release: version of the product whose data it is.
        reason: ``asked``, ``scheduled``, or ``safety`` before something dangerous.
        taken: the instant that it holds, RFC 3339 in UTC.
        lsn: the same instant as a position of the write-ahead log.
        database: name of the product's database.
        database_release: version of PostgreSQL.
        snapshot: id in the vault.
        rows: number of rows by table.
        files: number of files.
        size: bytes of dump and files.
        added: bytes that it added to the vault.
        lacking: what the product itself lacked already at that time, for people.
        verified: when it was last restored and judged, RFC 3339 in UTC; "" where it never was.
        stack_file: the flattened Stack at that time, without status.
    """

    name: str
    stack: str
    product: str
    release: str
    reason: str
    taken: str
    lsn: str
    database: str
    database_release: str
    snapshot: str
    rows: Mapping[str, int]
    files: int
    size: int
    added: int
    lacking: tuple[str, ...] = ()
    verified: str = ""
    stack_file: Mapping[str, Any] = field(default_factory=dict)

    @property
    def row_count(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())

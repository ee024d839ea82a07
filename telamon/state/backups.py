"""A backup as its page in the catalogue describes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from telamon.errors import PlatformError, UsageError

NAME = re.compile(r"(?P<of>.+)-(?P<at>\d{8}T\d{6}Z)(-before)?")
"""Names of backups: whose, and when they were asked for."""
INSTANT = "instant"
"""Reason of a backup that was made afterwards, of an instant at which none was taken."""


@dataclass(frozen=True)
class BackupEntry:
    """One backup of one product.

    Attributes:
        name: e.g. ``wiki-20260312T101500Z``.
        stack: name of the stack.
        product: the product it is of.
        release: version of the product whose data it is.
        reason: ``asked``, ``scheduled``, ``safety`` before something dangerous, or :data:`INSTANT`.
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

    @property
    def instant(self) -> datetime:
        """The instant that it holds."""
        return datetime.fromisoformat(self.taken)


@dataclass(frozen=True)
class DamagedPage:
    """A backup whose page in the catalogue cannot be read: what is known of it is its name.

    Attributes:
        name: e.g. ``wiki-20260312T101500Z``.
        damaged: what is wrong with the page, for people.
        remedy: what would help.
    """

    name: str
    damaged: str
    remedy: str

    def may_be_of(self, product: str) -> bool:
        """Whether it may be a backup of a product: a name that tells nothing may be of any."""
        told = NAME.fullmatch(self.name)
        return told is None or told["of"] == product

    @property
    def asked(self) -> datetime | None:
        """The instant at which it was asked for, no later than the one that it holds; ``None`` if its name hides it."""
        told = NAME.fullmatch(self.name)
        try:
            return None if told is None else datetime.strptime(told["at"], "%Y%m%dT%H%M%S%z")
        except ValueError:
            return None


@dataclass(frozen=True)
class Surroundings:
    """The backups on both sides of an instant.

    Attributes:
        at: the instant.
        before: the last one before it.
        after: the first one after it; ``None`` where there is none yet.
    """

    at: datetime
    before: BackupEntry
    after: BackupEntry | None


def surroundings(
    entries: Iterable[BackupEntry], product: str, *, at: datetime, damaged: Iterable[DamagedPage] = ()
) -> Surroundings:
    """Find the backups around an instant.

    Args:
        entries: every backup.
        product: of which.
        at: with a time zone.
        damaged: backups whose pages cannot be read.

    Raises:
        UsageError: there is none before it.
        PlatformError: one whose page is damaged may be nearer to it.
    """
    taken = sorted(
        (entry for entry in entries if entry.product == product and entry.reason != INSTANT),
        key=lambda entry: entry.instant,
    )
    before = [entry for entry in taken if entry.instant <= at]
    after = next((entry for entry in taken if entry.instant > at), None)
    for page in damaged:
        if page.may_be_of(product) and _may_be_nearer(page.asked, before=before[-1:], after=after, at=at):
            raise PlatformError(
                f"{page.damaged}, and that backup may be the nearest to {at:%Y-%m-%dT%H:%M:%SZ}",
                remedy=page.remedy,
            )
    if not before:
        first = f"The first one is {taken[0].name}, of {taken[0].taken}." if taken else "There is none yet."
        raise UsageError(f"there is no backup of {product} from before {at:%Y-%m-%dT%H:%M:%SZ}", remedy=first)
    return Surroundings(at, before[-1], after)


def _may_be_nearer(
    asked: datetime | None, *, before: Sequence[BackupEntry], after: BackupEntry | None, at: datetime
) -> bool:
    """Whether a backup that was asked for at an instant may lie between two others, or be the only one before."""
    if asked is None:
        return True
    if not before:
        return asked <= at
    return before[0].instant < asked and (after is None or asked < after.instant)

"""Which backups are past their time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from telamon.state.backups import BackupEntry


def outdated(entries: Iterable[BackupEntry], *, now: datetime, keep: float) -> tuple[BackupEntry, ...]:
    """The backups that may go.

    However old it is, the newest of a product stays, and the newest that was verified stays: what cannot be restored
    is no backup.

    Args:
        entries: every backup there is.
        now: with a time zone.
        keep: how long one is kept, in seconds.

    Returns:
        The oldest first.
    """
    listed = sorted(entries, key=lambda entry: (entry.taken, entry.name))
    newest = {entry.product: entry.name for entry in listed}
    proven = {entry.product: entry.name for entry in listed if entry.verified}
    kept = {*newest.values(), *proven.values()}
    oldest = now - timedelta(seconds=keep)
    return tuple(
        entry for entry in listed if entry.name not in kept and datetime.fromisoformat(entry.taken) < oldest
    )

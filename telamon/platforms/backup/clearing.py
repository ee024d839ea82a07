"""Clear away what is past its time, and what a backup that came to no end has left in vault and workplace."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from telamon.plan.retention import outdated
from telamon.platforms.backup.catalogue import Catalogue
from telamon.platforms.backup.vault import Vault
from telamon.platforms.backup.workplace import sweep
from telamon.state.backups import BackupEntry


def prune(
    catalogue: Catalogue, vault: Vault, *, workplace: Path, keep: float, now: datetime
) -> tuple[BackupEntry, ...]:
    """Remove backups that are past their time, and whatever in the vault or the workplace belongs to none.

    Args:
        catalogue: the list of them.
        vault: their content.
        workplace: where they are worked on.
        keep: how long one is kept, in seconds.
        now: with a time zone.

    Returns:
        What was removed.

    Raises:
        ConflictError: a backup is being taken.
        PlatformError: a page of the list is damaged; nothing was removed.
    """
    sweep(workplace)
    with catalogue.clearing():
        # While a page is damaged nobody knows what it stands for, so nothing is removed.
        entries = catalogue.entries()
        vault.open()
        vault.tidy()
        gone = outdated(entries, now=now, keep=keep)
        for entry in gone:
            # First off the list: what is listed must be there.
            catalogue.strike(entry.name)
        kept = {entry.snapshot for entry in entries} - {entry.snapshot for entry in gone}
        vault.forget(sorted(vault.snapshots() - kept))
    return gone

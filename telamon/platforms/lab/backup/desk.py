"""The backups of a lab for whoever asks, whether a controller runs or not."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from telamon.errors import NotReadyError, PlatformError
from telamon.platforms.backup.catalogue import Catalogue
from telamon.platforms.backup.clearing import prune
from telamon.platforms.backup.vault import Vault
from telamon.platforms.backup.workplace import WORKPLACE
from telamon.platforms.lab.backup.recovery import covering
from telamon.platforms.lab.backup.timeline import FOLDER, Timeline
from telamon.platforms.lab.installed import installed
from telamon.platforms.lab.secrets import FileSecrets
from telamon.state.backups import BackupEntry, DamagedPage, Surroundings, surroundings

BESIDE = ".backups"
"""What the name of the folder beside a state folder ends with."""


class BackupDesk:
    """The backups of the stack in a state folder.

    Args:
        root: the state folder; where it was purged, its backups are still found beside it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def entries(self) -> tuple[BackupEntry, ...]:
        """Every backup whose page can be read, the oldest first."""
        return self._catalogue().readable()

    def damaged(self) -> tuple[DamagedPage, ...]:
        """Every backup whose page cannot be read."""
        return self._catalogue().damaged()

    def get(self, name: str) -> BackupEntry:
        """One backup.

        Raises:
            UsageError: there is none of that name; the nearest is named.
        """
        return self._catalogue().get(name)

    def around(self, product: str, at: datetime) -> Surroundings:
        """The backups on both sides of an instant, if that can be gone back to.

        Args:
            product: of which.
            at: with a time zone.

        Raises:
            UsageError: there is no backup before it, or the log of the database does not reach back so far.
            PlatformError: a backup whose page is damaged may be nearer to it.
        """
        found = surroundings(self.entries(), product, at=at, damaged=self.damaged())
        covering(Timeline(self._root / FOLDER, None).reaching(at), at)
        return found

    def prune(self, now: datetime) -> tuple[BackupEntry, ...]:
        """Remove those that are past their time, and what unfinished ones have left.

        Args:
            now: with a time zone.

        Raises:
            NotReadyError: nothing says how long they are kept.
            ConflictError: one is being taken.
        """
        _, lab = installed(self._root)
        if lab.backup is None:
            raise NotReadyError("this stack has no backups here", remedy="Look at spec.backup.destination.")
        value = lab.backup.password
        password = FileSecrets(self._root / "secrets").get(value.secret, value.key)
        catalogue = Catalogue(Path(lab.backup.folder))
        return prune(
            catalogue,
            Vault(catalogue.vault, password),
            workplace=self._root / WORKPLACE,
            keep=lab.backup.keep,
            now=now,
        )

    def _catalogue(self) -> Catalogue:
        try:
            _, lab = installed(self._root)
        except PlatformError:
            return Catalogue(Path(f"{self._root}{BESIDE}"))
        return Catalogue(Path(lab.backup.folder if lab.backup is not None else f"{self._root}{BESIDE}"))

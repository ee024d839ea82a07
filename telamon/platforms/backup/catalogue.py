"""The list of backups: a page of JSON each, beside the vault, that people read without any tool.

A page is written last and in one step, so a backup is listed whole or not at all.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from telamon.errors import ConflictError, PlatformError, UsageError
from telamon.platforms.files import located, make_folder, sync_folder, write
from telamon.stackfile.nearest import nearest
from telamon.state.backups import BackupEntry, DamagedPage

SUFFIX = ".json"
LEFT_WITHIN = 3.0
"""Seconds to wait for a lock: a program that a dead maker was just starting has it, too, until it is under way."""
CLEARING_TAKES = 600.0
"""Seconds that a backup waits for old ones to be cleared away."""
README = """\
Backups of a stack, made by telamon.

catalogue/  one page for each backup: what it holds, when it was taken, when it was last verified
vault/      their content, a restic repository: equal pieces once, compressed, encrypted

With telamon:     telamon backup list, telamon restore PRODUCT --from NAME
Without telamon:  restic --repo vault restore SNAPSHOT --target FOLDER
                  SNAPSHOT stands in the page of the backup. FOLDER then holds database.dump, for pg_restore, and
                  files, the shared home. The password is what `telamon secret` prints for the secret of the backups;
                  keep a copy of it elsewhere: without it nobody reads the vault.
"""


class Catalogue:
    """The backups below one folder.

    Args:
        folder: where backups go; made by the first of them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pages = folder / "catalogue"

    @property
    def vault(self) -> Path:
        """Where their content lies."""
        return self.folder / "vault"

    def entries(self) -> tuple[BackupEntry, ...]:
        """Every backup, the oldest first.

        Raises:
            PlatformError: a page is damaged.
        """
        pages = self._listed().values()
        return tuple(sorted((_read(page) for page in pages), key=lambda entry: (entry.taken, entry.name)))

    def readable(self) -> tuple[BackupEntry, ...]:
        """Every backup whose page is whole, the oldest first; see :meth:`damaged`."""
        return self._survey()[0]

    def damaged(self) -> tuple[DamagedPage, ...]:
        """Every backup whose page cannot be read, by name."""
        return self._survey()[1]

    def _survey(self) -> tuple[tuple[BackupEntry, ...], tuple[DamagedPage, ...]]:
        whole, damaged = [], []
        for name, page in self._listed().items():
            try:
                whole.append(_read(page))
            except PlatformError as error:
                damaged.append(DamagedPage(name, str(error), error.remedy or ""))
        return tuple(sorted(whole, key=lambda entry: (entry.taken, entry.name))), tuple(damaged)

    def find(self, name: str) -> BackupEntry | None:
        """One backup, if it is listed. What is damaged of others does not matter.

        Raises:
            PlatformError: its page is damaged.
        """
        page = self._listed().get(name)
        return _read(page) if page is not None else None

    def _listed(self) -> Mapping[str, Path]:
        if not self._pages.is_dir():
            return {}
        with located(self._pages):
            return {page.stem: page for page in sorted(self._pages.glob(f"*{SUFFIX}"))}

    def get(self, name: str) -> BackupEntry:
        """One backup. What is damaged of others does not matter.

        Raises:
            UsageError: there is none of that name; the nearest is named.
            PlatformError: its page is damaged.
        """
        found = self._listed()
        if name in found:
            return _read(found[name])
        near = nearest(name, list(found))
        hint = f"Did you mean {near}? " if near else ""
        listed = "`telamon backup list` shows them all." if found else "There is none yet."
        raise UsageError(f'there is no backup "{name}"', remedy=hint + listed)

    def put(self, entry: BackupEntry) -> None:
        """List a backup, or change its page.

        Raises:
            MachineError: the disk is full or read-only.
        """
        make_folder(self.folder)
        make_folder(self._pages)
        readme = self.folder / "README.txt"
        if not readme.exists():
            write(readme, README, mode=0o644)
        write(
            self._pages / f"{entry.name}{SUFFIX}", json.dumps(asdict(entry), indent=1, sort_keys=True) + "\n"
        )

    def verified(self, name: str, *, at: str) -> BackupEntry:
        """Note that a backup was restored and judged whole."""
        entry = replace(self.get(name), verified=at)
        self.put(entry)
        return entry

    def strike(self, name: str) -> None:
        """Take a backup off the list; absent is no error."""
        page = self._pages / f"{name}{SUFFIX}"
        with located(page):
            if page.exists():
                page.unlink()
                # Its content goes next: a page that a power cut brings back would promise what is gone.
                sync_folder(self._pages)

    @contextmanager
    def adding(self) -> Iterator[None]:
        """The right to add to the vault, for any number at a time; waits while old backups are cleared away.

        Raises:
            ConflictError: the clearing away does not end.
        """
        with self._held(fcntl.LOCK_SH, patience=CLEARING_TAKES):
            yield

    @contextmanager
    def clearing(self) -> Iterator[None]:
        """The right to take from the vault, for one, while nobody adds.

        Raises:
            ConflictError: somebody else is at it.
        """
        with self._held(fcntl.LOCK_EX, patience=LEFT_WITHIN):
            yield

    @contextmanager
    def _held(self, kind: int, *, patience: float) -> Iterator[None]:
        make_folder(self.folder)
        busy = f"another backup, or a clearing away of old ones, works in {self.folder}"
        with held(self.folder / "lock", kind=kind, patience=patience, busy=busy):
            yield


@contextmanager
def held(path: Path, *, kind: int, patience: float, busy: str) -> Iterator[None]:
    """Hold a lock while the block runs; the kernel lets go of it however the process ends.

    Args:
        path: of the lock's file.
        kind: shared or exclusive, as of flock(2).
        patience: seconds to wait for it.
        busy: what to say where somebody else has it.

    Raises:
        ConflictError: somebody else has it.
    """
    with located(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + patience
        while not _locked(descriptor, kind):
            if time.monotonic() >= end:
                raise ConflictError(busy, remedy="Wait until it has ended, then try again.")
            time.sleep(0.2)
        try:
            yield
        finally:
            # Closing alone would leave it held by a child that another thread is just starting.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(page: Path) -> BackupEntry:
    try:
        with located(page):
            kept = json.loads(page.read_text(encoding="utf-8"))
        return BackupEntry(**{**kept, "lacking": tuple(kept["lacking"])})
    except (ValueError, TypeError, KeyError) as error:
        raise PlatformError(
            f"{page} is damaged",
            remedy="Put it back from a copy; until then no old backup is cleared away. Where you remove it, the next"
            " clearing away removes the content of that backup as well, for good.",
        ) from error

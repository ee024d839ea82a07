"""Take a backup of one product while it runs, and judge one by restoring it where nobody is disturbed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from telamon.errors import MachineError, PlatformError
from telamon.platforms.backup import database as databases
from telamon.platforms.backup import judge
from telamon.platforms.backup.catalogue import Catalogue
from telamon.platforms.backup.database import Instant, Server
from telamon.platforms.backup.pin import merge, pin, pin_file, size
from telamon.platforms.backup.scratch import scratch
from telamon.platforms.backup.vault import Progress, Vault
from telamon.platforms.backup.workplace import sweep, workplace
from telamon.platforms.files import located, make_folder
from telamon.products.backup import BackupRules, FileRows
from telamon.state.backups import BackupEntry

DUMP = "database.dump"
FILES = "files"
SPARE = 64 * 1024 * 1024
"""Bytes to leave free."""
ROOM_FOR_WORK = "Free some space: dump and files lie there while they are worked on."
ROOM_FOR_BACKUPS = "Free some space there, or name another place in spec.backup.destination."
TRIES = 6
"""Instants that are tried until none of the files that rows need was removed at that very moment."""
TRIES_WITHOUT_LOCK = 3
"""Of these, how many do without keeping users from removing anything for a moment."""


@dataclass(frozen=True)
class Subject:
    """What a backup is of.

    Attributes:
        stack: name of the stack.
        product: the product.
        release: version of its data.
        home: its shared home.
        database: name of its database.
        rules: how home and database are kept as one.
        stack_file: the flattened Stack, without status.
    """

    stack: str
    product: str
    release: str
    home: Path
    database: str
    rules: BackupRules
    stack_file: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Shelf:
    """Where backups are, and where they are worked on.

    Attributes:
        catalogue: their list.
        password: of the vault.
        workplace: a folder of ours alone, better on the file system of the shared homes.
        server: of the products' databases, as the role that reads them; what is only judged uses its programs and
            its account.
    """

    catalogue: Catalogue
    password: str = field(repr=False)
    workplace: Path
    server: Server

    @property
    def vault(self) -> Vault:
        """Their content."""
        return Vault(self.catalogue.vault, self.password)


@dataclass(frozen=True)
class Held:
    """A product's data at one instant, ready to be stored.

    Attributes:
        instant: when, and of which server.
        rows: number of rows by table.
        lacking: what the product itself lacked.
    """

    taken: str
    lsn: str
    release: str
    rows: Mapping[str, int]
    lacking: tuple[str, ...]


@dataclass(frozen=True)
class Named:
    """What a backup is called, and why it is made."""

    name: str
    reason: str


def take(subject: Subject, shelf: Shelf, *, name: str, reason: str, progress: Progress) -> BackupEntry:
    """Take a backup, read it back, judge it, and list it. One of that name that is listed stays as it is.

    Args:
        subject: what to back up; it may be written to meanwhile.
        shelf: where to, and where its database is.
        name: of the backup.
        reason: why it is taken.
        progress: told how far it is.

    Raises:
        MachineError: there is no room, or a program is missing.
        PlatformError: a part failed, or what was stored does not come back whole; nothing is listed then.
        TemporaryError: the database server does not answer now.
        ConflictError: old backups are being cleared away, and that does not end.
    """
    listed = shelf.catalogue.find(name)
    if listed is not None:
        return listed
    sweep(shelf.workplace)
    with shelf.catalogue.adding(), workplace(shelf.workplace / subject.product) as place:
        make_folder(place)
        shelf.vault.open()
        need = databases.size_of(shelf.server, subject.database)
        demand_room(place, need, remedy=ROOM_FOR_WORK)
        demand_room(shelf.catalogue.folder, need // 4, remedy=ROOM_FOR_BACKUPS)
        held = hold(subject, shelf.server, place=place, progress=progress)
        return enlist(subject, shelf, held=held, place=place, named=Named(name, reason), progress=progress)


def enlist(
    subject: Subject, shelf: Shelf, *, held: Held, place: Path, named: Named, progress: Progress
) -> BackupEntry:
    """Store dump and files of one instant, read them back, judge them, and list the backup.

    Args:
        subject: what they are of.
        shelf: where to; the right to add to it is held.
        held: what the dump holds.
        place: where dump and files lie; emptied.
        named: what the backup is called.
        progress: told how far it is.

    Raises:
        MachineError: there is no room.
        PlatformError: what was stored does not come back whole; nothing is listed then.
    """
    kept = shelf.vault.store(place, (DUMP, FILES), tag=named.name, progress=progress)
    entry = BackupEntry(
        name=named.name,
        stack=subject.stack,
        product=subject.product,
        release=subject.release,
        reason=named.reason,
        taken=held.taken,
        lsn=held.lsn,
        database=subject.database,
        database_release=held.release,
        snapshot=kept.snapshot,
        rows=held.rows,
        files=size(place / FILES).files,
        size=kept.total,
        added=kept.added,
        lacking=held.lacking,
        stack_file=subject.stack_file,
    )
    shutil.rmtree(place / FILES)
    (place / DUMP).unlink()
    prove(entry, shelf, place=place / "proof", rules=subject.rules, progress=progress)
    verified = BackupEntry(**{**vars(entry), "verified": _now()})
    shelf.catalogue.put(verified)
    return verified


def verify(entry: BackupEntry, shelf: Shelf, *, rules: BackupRules, progress: Progress) -> BackupEntry:
    """Restore a backup where nobody is disturbed, judge it, and note that it is whole.

    Args:
        entry: the backup.
        shelf: where it is.
        rules: of its product.
        progress: told how far it is.

    Raises:
        PlatformError: it is damaged, or not whole.
        MachineError: there is no room, or a program is missing.
    """
    sweep(shelf.workplace)
    with shelf.catalogue.adding(), workplace(shelf.workplace / f"verify-{entry.name}") as place:
        make_folder(place)
        shelf.vault.open()
        demand_room(place, entry.size, remedy=ROOM_FOR_WORK)
        prove(entry, shelf, place=place / "proof", rules=rules, progress=progress)
        return shelf.catalogue.verified(entry.name, at=_now())


def hold(subject: Subject, server: Server, *, place: Path, progress: Progress) -> Held:
    """Put dump and files of one instant into a folder.

    A row that lacks its file at one instant and no longer at the next was about to be removed. One that lacks it at
    both lacks it in the product itself: that is told, and is no reason to have no backup at all.

    Raises:
        PlatformError: files are removed faster than instants can be tried.
    """
    before: tuple[judge.Finding, ...] | None = None
    earlier, files = place / "earlier", place / FILES
    pin(subject.home, earlier, rules=subject.rules)
    for attempt in range(TRIES):
        progress("holding the data still")
        with ExitStack() as stack:
            with databases.unchanged(server, subject.database, tables=_locked(subject.rules, attempt)):
                instant = stack.enter_context(databases.still(server, subject.database))
                _pin_demanded(instant, subject, earlier)
            pin(subject.home, files, rules=subject.rules, earlier=earlier)
            merge(earlier, files, rules=subject.rules)
            lacking = judge.lacking(instant, files, rules=subject.rules)
            if not lacking or (before is not None and set(lacking) <= set(before)):
                shutil.rmtree(earlier)
                progress("dumping the database")
                databases.dump(server, instant, target=place / DUMP)
                return _held(instant, lacking)
        before = lacking
        shutil.rmtree(earlier)
        files.rename(earlier)
    raise PlatformError(
        f"files of {subject.product} are removed faster than they can be listed",
        remedy="Take the backup when less is being removed.",
    )


def _locked(rules: BackupRules, attempt: int) -> tuple[str, ...]:
    """The tables that nobody may change for a moment: none at first, because users would wait for that."""
    if attempt < TRIES_WITHOUT_LOCK:
        return ()
    return tuple(rows.table for rows in rules.rows if isinstance(rows, FileRows))


def _pin_demanded(instant: Instant, subject: Subject, earlier: Path) -> None:
    """Pin what rows of the instant need and was not there yet when the shared home was listed."""
    for rows in subject.rules.rows:
        if isinstance(rows, FileRows):
            for path, _ in instant.demanded_files(rows):
                if not (earlier / path).exists():
                    pin_file(subject.home, earlier, path=path)


def prove(entry: BackupEntry, shelf: Shelf, *, place: Path, rules: BackupRules, progress: Progress) -> None:
    """Fetch a backup and judge it; see :func:`proven`."""
    with proven(entry, shelf, place=place, rules=rules, progress=progress):
        pass


@contextmanager
def proven(
    entry: BackupEntry, shelf: Shelf, *, place: Path, rules: BackupRules, progress: Progress
) -> Iterator[Server]:
    """Fetch a backup and judge it: every row there, every row with its file, every repository whole.

    Args:
        entry: the backup.
        shelf: where it is.
        place: where it is fetched to; dump and files are left there.
        rules: of its product.
        progress: told how far it is.

    Yields:
        The server in which its database was tried; it is gone at the end of the block.

    Raises:
        PlatformError: it is damaged, or not whole.
    """
    progress("reading it back")
    shelf.vault.fetch(entry.snapshot, place)
    progress("judging it")
    subject = f"the backup {entry.name}"
    make_folder(shelf.workplace, mode=0o711)
    trying = shelf.workplace / f"scratch-{entry.name}"
    with scratch(trying, programs=shelf.server.bin, account=shelf.server.account) as trial:
        databases.load(trial, place / DUMP, database=entry.database, owner=trial.user)
        with databases.still(trial, entry.database) as instant:
            judge.refuse(_differences(instant.counts(), entry.rows), subject=subject)
            found = judge.lacking(instant, place / FILES, rules=rules)
        judge.refuse((finding for finding in found if str(finding) not in entry.lacking), subject=subject)
        judge.refuse(judge.broken_repositories(place / FILES, rules=rules), subject=subject)
        yield trial


def _differences(found: Mapping[str, int], wanted: Mapping[str, int]) -> Iterator[judge.Finding]:
    for table in sorted({*found, *wanted}):
        if found.get(table) != wanted.get(table):
            fault = f"{found.get(table, 'no')} rows, and there were {wanted.get(table, 'none')}"
            yield judge.Finding("table", table, fault)


def _held(instant: Instant, lacking: tuple[judge.Finding, ...]) -> Held:
    told = tuple(str(finding) for finding in lacking)
    return Held(instant.taken, instant.lsn, instant.release, instant.counts(), told)


def demand_room(place: Path, need: int, *, remedy: str) -> None:
    """Refuse a place with too little room.

    Args:
        place: that is written to.
        need: bytes.
        remedy: how there comes to be more room: that depends on what the place is.

    Raises:
        MachineError: it has less than what is needed and some to spare.
    """
    with located(place):
        free = shutil.disk_usage(place).free
    if free < need + SPARE:
        raise MachineError(
            f"{place} has {free // 2**20} MiB left, and {(need + SPARE) // 2**20} are needed",
            remedy=remedy,
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

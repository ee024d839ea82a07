"""Put a product's data back where nobody may make a database, and the shared home is a volume: on a cluster.

As in :mod:`telamon.platforms.backup.restoring` nothing of the product changes before :func:`switch`, and from then on
until :func:`finish` what was in force is kept aside: rows in schemas of the same database, files in a folder of the
same home. Each function may be cut off anywhere, and done again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from telamon.errors import ConflictError, PlatformError, TelamonError
from telamon.platforms.backup import database as databases
from telamon.platforms.backup import judge, schemas
from telamon.platforms.backup.contents import FOLDER, Contents
from telamon.platforms.backup.database import INCOMING, OUTGOING
from telamon.platforms.backup.pin import pin
from telamon.platforms.backup.scratch import scratch
from telamon.platforms.backup.taking import (
    DUMP,
    FILES,
    ROOM_FOR_WORK,
    Held,
    Named,
    Shelf,
    Subject,
    demand_room,
    enlist,
    proven,
)
from telamon.platforms.backup.vault import Progress
from telamon.platforms.backup.workplace import sweep, workplace
from telamon.platforms.files import located, make_folder
from telamon.platforms.systemcalls import sync_file_system
from telamon.state.backups import BackupEntry

_RENAMED = "incoming.dump"
_ROOM_AT_HOME = (
    "Let the volume of the shared home grow, or free some space there: what is restored waits in it."
)


@dataclass(frozen=True)
class Site:
    """Data that are put back.

    Attributes:
        subject: whose.
        shelf: where backups are; its server is the product's, as the role that owns the database.
        progress: told how far it is.
        disk: bytes that the disk of the database's server has at most; ``None`` where nobody knows.
    """

    subject: Subject
    shelf: Shelf
    progress: Progress
    disk: int | None = None

    @property
    def contents(self) -> Contents:
        """Of the shared home."""
        return Contents(self.subject.home)


def prepare(entry: BackupEntry, site: Site) -> None:
    """Fetch a backup, judge it, and load it beside what is in force. The product goes on meanwhile.

    Where it fails nothing of it is left.

    Args:
        entry: the backup.
        site: where it will go.

    Raises:
        PlatformError: it is damaged or not whole, or what is in force could not be put aside; nothing was changed.
        MachineError: there is no room; nothing was changed.
        ConflictError: the data from before an earlier restore are still kept aside.
    """
    subject, shelf = site.subject, site.shelf
    if _keeps(site):
        raise ConflictError(
            f"the data from before an earlier restore are still kept in {FOLDER} of the shared home and in schemas"
            f" {OUTGOING}* of the database {subject.database}",
            remedy=f"`telamon backup tidy {subject.product}` makes them a backup, and removes them there.",
        )
    schemas.demand_movable(shelf.server, subject.database)
    abandon(site)
    sweep(shelf.workplace)
    try:
        with shelf.catalogue.adding():
            _load(entry, site)
    except TelamonError:
        abandon(site)
        raise


def abandon(site: Site) -> None:
    """Remove what was made ready and never put in force.

    While something is kept aside, what waits may be half in force by now: then nothing is removed.
    """
    if _keeps(site):
        return
    schemas.forget(site.shelf.server, site.subject.database, begin=INCOMING)
    site.contents.abandon()


def _keeps(site: Site) -> bool:
    """Whether something that was in force is kept aside."""
    return site.contents.kept or schemas.kept(site.shelf.server, site.subject.database)


def switch(site: Site) -> None:
    """Put in force what was made ready; nobody may use the product meanwhile. Done before, it does nothing.

    Raises:
        PlatformError: nothing was made ready.
        MachineError: something cannot be renamed.
    """
    schemas.swap(site.shelf.server, site.subject.database)
    site.contents.put_in_force()


def undo(site: Site) -> None:
    """Put back what was in force before :func:`switch`. Done before, it does nothing."""
    schemas.swap_back(site.shelf.server, site.subject.database)
    site.contents.put_back()


def keep(site: Site, *, name: str) -> None:
    """Take a backup of what is kept aside, then remove it. One of that name that is listed stays as it is.

    Args:
        site: where it is kept.
        name: of the backup.

    Raises:
        MachineError: there is no room.
        PlatformError: what was stored does not come back whole, or files are on their way; it is kept aside then.
    """
    _demand_settled(site)
    if site.shelf.catalogue.find(name) is None and schemas.kept(site.shelf.server, site.subject.database):
        _save_outgoing(site, name=name)
    finish(site)


def finish(site: Site) -> None:
    """Remove what was kept aside: the data from before, and what was never put in force.

    Raises:
        PlatformError: files are on their way; nothing was removed.
    """
    _demand_settled(site)
    schemas.forget(site.shelf.server, site.subject.database, begin=OUTGOING)
    site.contents.forget()
    abandon(site)


def _demand_settled(site: Site) -> None:
    """Refuse to tidy up while data change places: what looks left over is in force nowhere else."""
    if site.contents.moving:
        raise PlatformError(
            f"files in {FOLDER} of the shared home are on their way: the data change places just now, or were left so",
            remedy="Wait for the end of the operation that moves them. Where there is none, move them by hand.",
        )


def _load(entry: BackupEntry, site: Site) -> None:
    subject, shelf, incoming = site.subject, site.shelf, site.contents.incoming
    shelf.vault.open()
    make_folder(shelf.workplace, mode=0o711)
    demand_room(shelf.workplace, entry.size, remedy=ROOM_FOR_WORK)
    # The rows are there twice for a moment, under the names that they have and will have.
    demand_room(subject.home, 2 * entry.size, remedy=_ROOM_AT_HOME)
    with proven(entry, shelf, place=incoming, rules=subject.rules, progress=site.progress) as trial:
        if site.disk is not None:
            # There it is loaded as it will be, so what it takes is known to the byte.
            need = databases.size_of(trial, entry.database)
            databases.demand_disk(shelf.server, subject.database, need=need, disk=site.disk)
        schemas.make_incoming(trial, entry.database, target=incoming / _RENAMED)
    site.progress("loading the database")
    schemas.load(shelf.server, incoming / _RENAMED, database=subject.database)
    with located(incoming):
        for name in (DUMP, _RENAMED):
            (incoming / name).unlink()
        # What it takes the place of is removed in the end: a power cut must not find neither of them.
        sync_file_system(incoming)


def _save_outgoing(site: Site, *, name: str) -> None:
    subject, shelf = site.subject, site.shelf
    sweep(shelf.workplace)
    with shelf.catalogue.adding(), workplace(shelf.workplace / subject.product) as place:
        make_folder(place)
        shelf.vault.open()
        need = databases.size_of(shelf.server, subject.database)
        demand_room(place, need, remedy=ROOM_FOR_WORK)
        site.progress("holding what was before")
        pin(site.contents.outgoing, place / FILES, rules=subject.rules)
        held = _held(site, place=place, name=name)
        enlist(subject, shelf, held=held, place=place, named=Named(name, "safety"), progress=site.progress)


def _held(site: Site, *, place: Path, name: str) -> Held:
    """Dump what is kept aside under the names that it had, and judge it: nobody writes to it any more."""
    subject, server = site.subject, site.shelf.server
    raw = place / "outgoing.dump"
    trying = site.shelf.workplace / f"scratch-{name}"
    with databases.still(server, subject.database) as instant:
        schemas.dump_outgoing(server, instant, target=raw)
    with scratch(trying, programs=server.bin, account=server.account) as trial:
        databases.load(trial, raw, database=subject.database, owner=trial.user)
        raw.unlink()
        schemas.name_as_before(trial, subject.database)
        with databases.still(trial, subject.database) as tried:
            lacking = judge.lacking(tried, place / FILES, rules=subject.rules)
            databases.dump(trial, tried, target=place / DUMP)
            told = tuple(str(finding) for finding in lacking)
            return Held(instant.taken, instant.lsn, instant.release, tried.counts(), told)

"""Put a product's data back: what is new is made ready beside, then both change places, and what was is kept aside.

Nothing of the product changes before :func:`switch`. From then on, until :func:`finish`, the old database stands beside
the new one under another name, and so does the old shared home: :func:`undo` puts both back.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from telamon.errors import ConflictError, PlatformError
from telamon.platforms.backup import database as databases
from telamon.platforms.backup.database import Server
from telamon.platforms.backup.taking import DUMP, FILES, Shelf, demand_room, prove
from telamon.platforms.backup.vault import Progress
from telamon.platforms.files import located, make_folder, sync_folder
from telamon.platforms.systemcalls import sync_file_system
from telamon.products.backup import BackupRules
from telamon.state.backups import BackupEntry

ROOM = (
    "Free some space there: what is restored waits beside what is in force, and the old stays until the end."
)


@dataclass(frozen=True)
class Place:
    """A product's data in force, and the names beside it.

    Attributes:
        home: its shared home.
        database: name of its database.
        owner: the role that everything in the database belongs to.
        indexes: folders with search indexes, in the nodes' own homes.
    """

    home: Path
    database: str
    owner: str
    indexes: Sequence[Path] = ()

    @property
    def incoming(self) -> Path:
        """Where what is fetched waits."""
        return self.home.with_name(f".{self.home.name}.incoming")

    @property
    def outgoing(self) -> Path:
        """Where the old shared home is kept."""
        return self.home.with_name(f".{self.home.name}.outgoing")

    @property
    def incoming_database(self) -> str:
        """The database that waits."""
        return f"{self.database}_incoming"

    @property
    def outgoing_database(self) -> str:
        """The old database."""
        return f"{self.database}_outgoing"


def prepare(
    entry: BackupEntry,
    place: Place,
    *,
    manager: Server,
    shelf: Shelf,
    rules: BackupRules,
    progress: Progress,
) -> None:
    """Fetch a backup, judge it, and load it beside what is in force. The product goes on meanwhile.

    Args:
        entry: the backup.
        place: where it will go.
        manager: the product's database server, as the role that makes databases.
        shelf: where it is.
        rules: of the product.
        progress: told how far it is.

    Raises:
        PlatformError: it is damaged, or not whole; nothing was changed.
        MachineError: there is no room; nothing was changed.
        ConflictError: the data from before an earlier restore is still kept aside.
    """
    if _keeps(place, manager):
        raise ConflictError(
            f"the data from before an earlier restore is still kept in {place.outgoing} and in the database"
            f" {place.outgoing_database}",
            remedy="`telamon backup tidy` of that product makes it a backup, and removes it there.",
        )
    abandon(place, manager)
    with shelf.catalogue.adding():
        shelf.vault.open()
        demand_room(place.home.parent, 3 * entry.size, remedy=ROOM)
        prove(entry, shelf, place=place.incoming, rules=rules, progress=progress)
    with located(place.incoming):
        # What it takes the place of is removed in the end: a power cut must not find neither of them.
        sync_file_system(place.incoming)
    progress("loading the database")
    databases.load(
        manager,
        place.incoming / DUMP,
        database=place.incoming_database,
        owner=place.owner,
        like=place.database,
    )


def abandon(place: Place, server: Server) -> None:
    """Remove what was made ready and never put in force.

    While something is kept aside, what waits may be half in force by now: then nothing is removed.
    """
    if _keeps(place, server):
        return
    databases.forget(server, place.incoming_database)
    _remove(place.incoming)


def switch(place: Place, server: Server) -> None:
    """Put in force what was made ready; nobody may use the product meanwhile. Done before, it does nothing.

    Raises:
        PlatformError: nothing was made ready.
        MachineError: a folder cannot be renamed.
    """
    databases.swap(
        server, live=place.database, incoming=place.incoming_database, outgoing=place.outgoing_database
    )
    _exchange(place.home, place.incoming / FILES, place.outgoing)
    _clear_indexes(place)


def undo(place: Place, server: Server) -> None:
    """Put back what was in force before :func:`switch`. Done before, it does nothing."""
    if databases.exists(server, place.outgoing_database):
        databases.swap(
            server, live=place.database, incoming=place.outgoing_database, outgoing=place.incoming_database
        )
    if place.outgoing.exists():
        make_folder(place.incoming)
        _exchange(place.home, place.outgoing, place.incoming / FILES)
    _clear_indexes(place)


def finish(place: Place, server: Server) -> None:
    """Remove what was kept aside: the data from before, and what was never put in force."""
    databases.forget(server, place.outgoing_database)
    _remove(place.outgoing)
    abandon(place, server)


def _keeps(place: Place, server: Server) -> bool:
    """Whether something that was in force is kept aside."""
    return place.outgoing.exists() or databases.exists(server, place.outgoing_database)


def _exchange(live: Path, incoming: Path, outgoing: Path) -> None:
    """Put a folder in place of another; every step is found done by whoever comes after a crash."""
    with located(live):
        if incoming.exists():
            if live.exists() and not outgoing.exists():
                shutil.copystat(live, incoming)
                live.rename(outgoing)
            if live.exists():
                raise PlatformError(
                    f"{outgoing} bars the way of {live}", remedy="Remove it if nobody needs it."
                )
            incoming.rename(live)
        elif not live.exists():
            raise PlatformError(
                f"there is nothing to put in place of {live}",
                remedy="Once this restore has been taken back, begin it anew: it fetches the files again.",
            )
        for folder in {live.parent, incoming.parent}:
            # Whoever was killed just here may have left them to be written.
            if folder.exists():
                sync_folder(folder)


def _clear_indexes(place: Place) -> None:
    """An index that is newer than its rows would find what is no longer there; nodes make it anew as they start."""
    for folder in place.indexes:
        _remove(folder)


def _remove(folder: Path) -> None:
    with located(folder):
        if folder.exists():
            shutil.rmtree(folder)

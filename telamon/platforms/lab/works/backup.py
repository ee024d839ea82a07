"""Works around backups, for the lab that is installed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.lab.data import Login, ServerDesired
from telamon.errors import MachineError, PlatformError, TelamonError
from telamon.naming import DATABASE
from telamon.plan.logkeeping import ENDED
from telamon.plan.works.backup import (
    AbandonRestore,
    BuildBackup,
    DiscardOutgoing,
    KeepLog,
    KeepOutgoing,
    PrepareRestore,
    PruneBackups,
    SwitchBack,
    SwitchData,
    TakeBackup,
    VerifyBackup,
)
from telamon.platforms.backup import database as databases
from telamon.platforms.backup import restoring, taking
from telamon.platforms.backup.catalogue import Catalogue
from telamon.platforms.backup.clearing import prune
from telamon.platforms.backup.database import Server
from telamon.platforms.backup.restoring import Place
from telamon.platforms.backup.taking import Shelf, Subject
from telamon.platforms.backup.vault import Progress
from telamon.platforms.backup.workplace import WORKPLACE
from telamon.platforms.lab.backup import recovery
from telamon.platforms.lab.backup.timeline import FOLDER, Keeper, Timeline
from telamon.platforms.lab.installed import stack_file
from telamon.platforms.lab.works.context import Context
from telamon.products.base import Product
from telamon.state.backups import BackupEntry, surroundings

LOG = logging.getLogger("telamon.lab.backup")
MEBIBYTE: Final = 2**20


def take(context: Context, work: TakeBackup) -> str:
    """Take a backup, and clear away those that are past their time."""
    shelf = _shelf(context)
    entry = taking.take(
        _subject(context), shelf, name=work.name, reason=work.reason, progress=progress_of(context)
    )
    try:
        clear_away(context, PruneBackups())
    except TelamonError as error:
        # The backup is there; the next one clears away.
        LOG.warning("old backups stay for now: %s", error)
    return entry.name


def clear_away(context: Context, _work: PruneBackups) -> str:
    """Clear away backups that are past their time."""
    shelf, now = _shelf(context), datetime.fromtimestamp(context.clock.now(), UTC)
    gone = prune(shelf.catalogue, shelf.vault, workplace=shelf.workplace, keep=_keep(context), now=now)
    return ", ".join(entry.name for entry in gone) or "nothing"


def verify(context: Context, work: VerifyBackup) -> str:
    """Verify a backup."""
    shelf, subject = _shelf(context), _subject(context)
    entry = _own(context, shelf, work.name)
    return taking.verify(entry, shelf, rules=subject.rules, progress=progress_of(context)).verified


def prepare(context: Context, work: PrepareRestore) -> str:
    """Make a backup ready to be put in force; where that fails, nothing of it is left."""
    shelf, subject, place = _shelf(context), _subject(context), place_of(context)
    entry = _own(context, shelf, work.name)
    if entry.release != subject.release:
        raise PlatformError(
            f"{entry.name} is of {entry.release}, and {subject.product} is of {subject.release}",
            remedy="Choose a backup of that release: `telamon backup list`.",
        )
    try:
        restoring.prepare(
            entry,
            place,
            manager=manager_of(context),
            shelf=shelf,
            rules=subject.rules,
            progress=progress_of(context),
        )
    except TelamonError:
        restoring.abandon(place, manager_of(context))
        raise
    return entry.name


def switch(context: Context, _work: SwitchData) -> str:
    """Let the data change places."""
    restoring.switch(place_of(context), manager_of(context))
    return "switched"


def switch_back(context: Context, _work: SwitchBack) -> str:
    """Let the data change places once more."""
    restoring.undo(place_of(context), manager_of(context))
    return "switched back"


def keep_outgoing(context: Context, work: KeepOutgoing) -> str:
    """Take a backup of what is kept aside, then remove it."""
    shelf, place = _shelf(context), place_of(context)
    manager = manager_of(context)
    if databases.exists(manager, place.outgoing_database):
        databases.reopen(manager, place.outgoing_database)
        subject = _subject(context, home=place.outgoing, database=place.outgoing_database)
        taking.take(subject, shelf, name=work.name, reason="safety", progress=progress_of(context))
    restoring.finish(place, manager)
    return work.name


def abandon(context: Context, _work: AbandonRestore) -> str:
    """Remove what is not in force."""
    restoring.abandon(place_of(context), manager_of(context))
    return "removed"


def discard(context: Context, _work: DiscardOutgoing) -> str:
    """Remove what was kept aside."""
    restoring.finish(place_of(context), manager_of(context))
    return "removed"


def build(context: Context, work: BuildBackup) -> str:
    """Make a backup of an instant."""
    shelf, subject = _shelf(context), _subject(context)
    at = datetime.fromisoformat(work.at)
    listed = shelf.catalogue
    around = surroundings(listed.readable(), subject.product, at=at, damaged=listed.damaged())
    timeline = _timeline(context)
    return recovery.build(
        around, subject, shelf=shelf, timeline=timeline, name=work.name, progress=progress_of(context)
    )


def keep_log(context: Context, _work: KeepLog) -> str:
    """Keep what the database writes, for as long as the stack file asks for it."""
    wanted = context.lab.backup
    part = context.lab.part(DATABASE)
    if wanted is None or not wanted.continuous or part is None or not part.servers:
        return ENDED
    server = part.servers[0]
    source = replace(_server(context, server.replicator), host=server.writer.host, port=server.writer.port)
    Keeper(
        _timeline(context),
        reader_of(context),
        source,
        every=wanted.every,
        wanted=lambda: _keeps_log(context.root),
        progress=progress_of(context),
    ).keep()
    return ENDED


def _keeps_log(root: Path) -> bool:
    """Whether the stack that is installed now asks for it."""
    backup = dict(stack_file(root)["spec"]).get("backup") or {}
    return bool(backup.get("continuous"))


def _timeline(context: Context) -> Timeline:
    return Timeline(context.root / FOLDER, context.facts.database_account)


def _own(context: Context, shelf: Shelf, name: str) -> BackupEntry:
    entry = shelf.catalogue.get(name)
    if entry.product != context.part.desired.product:
        raise PlatformError(
            f"{name} is a backup of {entry.product}, not of {context.part.desired.product}",
            remedy="`telamon backup list` tells which is of what.",
        )
    return entry


def _product(context: Context) -> Product:
    product = context.part.product
    if product is None:
        raise _nothing(context)
    return product


def _nothing(context: Context) -> PlatformError:
    return PlatformError(
        f"{context.component} has no data to back up",
        remedy="Name a product that keeps data in the database: `telamon status` shows what there is.",
    )


def _subject(context: Context, *, home: Path | None = None, database: str = "") -> Subject:
    product, part, place = _product(context), context.part, place_of(context)
    return Subject(
        stack=context.lab.stack,
        product=part.desired.product,
        release=part.desired.members[0].release,
        home=home or place.home,
        database=database or place.database,
        rules=product.backup,
        stack_file=stack_file(context.root),
    )


def place_of(context: Context) -> Place:
    """A product's data in force.

    Raises:
        PlatformError: it has none.
    """
    product, part = _product(context), context.part
    if part.database is None:
        raise _nothing(context)
    homes = [context.root / "homes" / member.name for member in part.desired.members]
    return Place(
        home=context.root / "shared" / part.desired.product,
        database=part.database.name,
        owner=part.database.name,
        indexes=[home / folder for home in homes for folder in product.backup.local_indexes],
    )


def manager_of(context: Context) -> Server:
    """The database server that takes writes, as the role that makes databases and changes who logs in.

    Raises:
        PlatformError: this lab has none.
    """
    return _server(context, _first_server(context).manager)


def reader_of(context: Context) -> Server:
    """The database server that takes writes, as the role that reads products' data.

    Raises:
        PlatformError: this lab has none.
    """
    return _server(context, _first_server(context).reader)


def _first_server(context: Context) -> ServerDesired:
    """Any server: each knows where the one that takes writes listens."""
    part = context.lab.part(DATABASE)
    if part is None or not part.servers:
        raise PlatformError(
            "this lab has no database server",
            remedy="Let the Stack have a database, and run `telamon up`.",
        )
    return part.servers[0]


def _server(context: Context, login: Login) -> Server:
    server = _first_server(context)
    return Server(
        bin=server.bin,
        host=server.writer_sockets,
        port=server.port,
        user=login.role,
        password=context.secrets.get(login.password.secret, login.password.key),
        account=context.facts.database_account,
    )


def _shelf(context: Context) -> Shelf:
    wanted = context.lab.backup
    if wanted is None:
        raise MachineError(
            "the lab writes backups into folders only",
            remedy="Name a folder in spec.backup.destination, or nothing.",
        )
    password = context.secrets.get(wanted.password.secret, wanted.password.key)
    return Shelf(Catalogue(Path(wanted.folder)), password, context.root / WORKPLACE, reader_of(context))


def _keep(context: Context) -> float:
    wanted = context.lab.backup
    return wanted.keep if wanted is not None else float("inf")


def progress_of(context: Context) -> Progress:
    """What tells how far a work is."""

    def tell(text: str, *, done: int = 0, total: int = 0) -> None:
        known = total > MEBIBYTE
        context.tell(f"{text}: {done // MEBIBYTE} of {total // MEBIBYTE} MiB" if known else text)

    return tell


DOERS: Final[Mapping[str, Callable[[Context, Any], str]]] = MappingProxyType(
    {
        TakeBackup.kind: take,
        VerifyBackup.kind: verify,
        PruneBackups.kind: clear_away,
        PrepareRestore.kind: prepare,
        SwitchData.kind: switch,
        SwitchBack.kind: switch_back,
        KeepOutgoing.kind: keep_outgoing,
        AbandonRestore.kind: abandon,
        DiscardOutgoing.kind: discard,
        BuildBackup.kind: build,
        KeepLog.kind: keep_log,
    }
)
"""By kind."""

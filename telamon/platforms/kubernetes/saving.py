"""``python -m telamon.platforms.kubernetes.saving``: take a backup, verify one or put one back, as a job of a cluster.

What is to be done, where the database is and where things are mounted stand in the environment
(:mod:`telamon.desired.kubernetes.saving`). The programs restic, git, and those of PostgreSQL are found on the path. The
last line that is written says why it failed, for the cluster keeps that with the pod. Where it ends well it leaves what
there is to come back to in that place.

Each work may be cut off anywhere and begun again: a backup that is listed is not taken twice, what a dead one has left
in the vault goes with the next clearing away, and data that change places go on from where they were.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from telamon.desired.kubernetes.saving import GIVEN_UP, joined
from telamon.errors import MachineError, PlatformError, TelamonError, TemporaryError, brief
from telamon.model.stack import Stack
from telamon.naming import ProductName
from telamon.plan.work import Work
from telamon.plan.works.backup import (
    AbandonRestore,
    DiscardOutgoing,
    KeepOutgoing,
    PrepareRestore,
    PruneBackups,
    SwitchBack,
    SwitchData,
    TakeBackup,
    VerifyBackup,
)
from telamon.plan.works.registry import read
from telamon.platforms.backup import inplace, taking
from telamon.platforms.backup.catalogue import Catalogue
from telamon.platforms.backup.clearing import prune
from telamon.platforms.backup.contents import FOLDER
from telamon.platforms.backup.database import Server
from telamon.platforms.backup.taking import Shelf, Subject
from telamon.platforms.files import make_folder
from telamon.products.backup import BackupRules
from telamon.products.registry import products_of
from telamon.state.backups import BackupEntry
from telamon.state.listing import listing

LOG = logging.getLogger("telamon.saving")

AGAIN: Final = 75
"""Exit code of a work that another try may bring to a good end. Source: sysexits(3), ``EX_TEMPFAIL``."""
TELLS_EVERY: Final = 10.0
"""Seconds between two lines on how far a work is."""
_MEBIBYTE: Final = 2**20


@dataclass(frozen=True)
class Order:
    """What a job is told.

    Attributes:
        work: what is to be done.
        subject: whose data.
        shelf: where backups go, and where the database is.
        keep: seconds for which a backup is kept.
        disk: bytes that the disk of the database's server has at most; ``None`` where nobody knows.
    """

    work: Work
    subject: Subject
    shelf: Shelf
    keep: float
    disk: int | None = None

    @property
    def site(self) -> inplace.Site:
        """The same, for who puts data back."""
        return inplace.Site(self.subject, self.shelf, _Progress(), disk=self.disk)


@dataclass
class _Progress:
    """Writes a line now and then on how far a work is."""

    told: float = field(default=float("-inf"))

    def __call__(self, text: str, *, done: int = 0, total: int = 0) -> None:
        now = time.monotonic()
        if now - self.told >= TELLS_EVERY:
            self.told = now
            LOG.info("%s: %s of %s MiB", text, done // _MEBIBYTE, total // _MEBIBYTE)


def ordered(environment: Mapping[str, str], *, programs: str) -> Order:
    """Read what a job is told.

    Args:
        environment: of the job.
        programs: folder of PostgreSQL's programs.

    Raises:
        PlatformError: it was made by another version, or lacks something.
    """
    try:
        told = json.loads(environment["TELAMON_WORK"])
        stack_file = json.loads(joined(environment))
        stack = Stack.model_validate(stack_file, strict=False)
        name, server = str(told["product"]), dict(told["server"])
        spec = stack.spec.products[ProductName(name)]
        source = Server(
            programs,
            str(server.pop("host")),
            int(server.pop("port")),
            environment["TELAMON_USER"],
            environment["TELAMON_PASSWORD"],
            protection={str(key): str(value) for key, value in server.items()},
        )
        folder = Path(environment["TELAMON_BACKUPS"]) / stack.metadata.name
        subject = Subject(
            stack=stack.metadata.name,
            product=name,
            release=str(told["release"]),
            home=Path(environment["TELAMON_HOME"]),
            database=str(told["database"]),
            rules=_rules(products_of({name: spec})[name].backup_of(spec)),
            stack_file=stack_file,
        )
        shelf = Shelf(Catalogue(folder), environment["TELAMON_VAULT"], folder / "work" / name, source)
        disk = told.get("disk")
        known = None if disk is None else int(disk)
        return Order(read(told["work"]), subject, shelf, float(told["keep"]), known)
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise PlatformError(
            f"the job does not say what is to be done: {type(error).__name__}: {brief(error)}",
            remedy="It was made by another version: ask for the backup again.",
        ) from error


def _rules(rules: BackupRules) -> BackupRules:
    """What is put aside lies in the shared home itself, and is part of no backup of that."""
    return replace(rules, skipped=(*rules.skipped, FOLDER))


def perform(order: Order, *, now: datetime) -> Mapping[str, Any]:
    """Do what a job is told.

    Args:
        order: what is to be done.
        now: with a time zone.

    Returns:
        What came of it, for whoever reads the log.

    Raises:
        TelamonError: it cannot be done; nothing is listed that is not whole.
    """
    work = order.work
    if isinstance(work, TakeBackup):
        entry = _taken(order, work, now=now)
        return {"backup": entry.name, "files": entry.files, "bytes": entry.size}
    if isinstance(work, PruneBackups):
        return {"removed": [entry.name for entry in _prune(order, now=now)]}
    doer = DOERS.get(work.kind)
    if doer is None:
        raise PlatformError(f"no job of a cluster does a work called {work.kind}")
    doer(order, work)
    return {"done": work.kind}


def _taken(order: Order, work: TakeBackup, *, now: datetime) -> BackupEntry:
    entry = taking.take(order.subject, order.shelf, name=work.name, reason=work.reason, progress=_Progress())
    try:
        _prune(order, now=now)
    except TelamonError as error:
        # The backup is there; the next one clears away.
        LOG.warning("old backups stay for now: %s", error)
    return entry


def _prune(order: Order, *, now: datetime) -> tuple[BackupEntry, ...]:
    shelf = order.shelf
    return prune(shelf.catalogue, shelf.vault, workplace=shelf.workplace, keep=order.keep, now=now)


def _own(order: Order, name: str) -> BackupEntry:
    entry = order.shelf.catalogue.get(name)
    if entry.product != order.subject.product:
        raise PlatformError(f"{name} is a backup of {entry.product}, not of {order.subject.product}")
    return entry


def _verify(order: Order, work: VerifyBackup) -> None:
    rules = order.subject.rules
    taking.verify(_own(order, work.name), order.shelf, rules=rules, progress=_Progress())


def _prepare(order: Order, work: PrepareRestore) -> None:
    entry, subject = _own(order, work.name), order.subject
    if entry.release != subject.release:
        raise PlatformError(
            f"{entry.name} is of {entry.release}, and {subject.product} is of {subject.release}",
            remedy="Choose a backup of that release.",
        )
    inplace.prepare(entry, order.site)


DOERS: Final[Mapping[str, Callable[[Order, Any], None]]] = MappingProxyType(
    {
        VerifyBackup.kind: _verify,
        PrepareRestore.kind: _prepare,
        SwitchData.kind: lambda order, _: inplace.switch(order.site),
        SwitchBack.kind: lambda order, _: inplace.undo(order.site),
        KeepOutgoing.kind: lambda order, work: inplace.keep(order.site, name=work.name),
        AbandonRestore.kind: lambda order, _: inplace.abandon(order.site),
        DiscardOutgoing.kind: lambda order, _: inplace.finish(order.site),
    }
)
"""By the kind of work, but for those that depend on the time, of which more is told."""


def main() -> int:
    """Do the work that the environment tells of. Returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    # Being asked to end is an ordinary end: whatever the work holds is let go on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        order = ordered(os.environ, programs=_programs())
        if not order.subject.home.exists():
            # What has no shared home has an empty one, on the claim of the backups.
            make_folder(order.subject.home)
        told = perform(order, now=datetime.now(UTC))
        tell(order, Path(os.environ["TELAMON_MESSAGE"]))
    except TelamonError as error:
        LOG.error("%s", f"{error}; {error.remedy}" if error.remedy else error)  # noqa: TRY400 - meant for people
        return AGAIN if isinstance(error, TemporaryError) else GIVEN_UP
    LOG.info("%s", json.dumps(told))
    return 0


def tell(order: Order, message: Path) -> None:
    """Leave with the pod what there is to come back to. The work has been done, also where that cannot be told.

    Args:
        order: that was carried out; where products share a volume, others' backups are for others to tell of.
        message: what the cluster keeps of the pod.
    """
    catalogue = order.shelf.catalogue
    try:
        own = [entry for entry in catalogue.readable() if entry.product == order.subject.product]
        message.write_text(listing(own, catalogue.damaged()).told(), encoding="utf-8")
    except (TelamonError, OSError) as error:
        LOG.warning("what there is to come back to cannot be told: %s", brief(error))


def _programs() -> str:
    """The folder of PostgreSQL's programs: that of initdb, which stands beside the others."""
    found = shutil.which("initdb")
    if found is None:
        raise MachineError(
            "backups need the programs of PostgreSQL, and initdb is not on the path of this image",
            remedy="Put them into the image of the operator, of the release of the database server or a later one.",
        )
    return str(Path(found).resolve().parent)


if __name__ == "__main__":
    sys.exit(main())

"""``python -m telamon.platforms.kubernetes.saving``: take or verify a backup, as a job of a cluster.

What is to be done, where the database is and where things are mounted stand in the environment
(:mod:`telamon.desired.kubernetes.saving`). The programs restic, git, and those of PostgreSQL are found on the path. The
last line that is written says why it failed, for the cluster keeps that with the pod.

Each work may be cut off anywhere and begun again: a backup that is listed is not taken twice, and what a dead one has
left in the vault goes with the next clearing away.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from telamon.desired.kubernetes.saving import GIVEN_UP
from telamon.errors import MachineError, PlatformError, TelamonError, TemporaryError, brief
from telamon.model.stack import Stack
from telamon.naming import ProductName
from telamon.plan.work import Work
from telamon.plan.works.backup import TakeBackup, VerifyBackup
from telamon.plan.works.registry import read
from telamon.platforms.backup import taking
from telamon.platforms.backup.catalogue import Catalogue
from telamon.platforms.backup.clearing import prune
from telamon.platforms.backup.database import Server
from telamon.platforms.backup.taking import Shelf, Subject
from telamon.products.registry import products_of
from telamon.state.backups import BackupEntry

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
    """

    work: Work
    subject: Subject
    shelf: Shelf
    keep: float


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
        stack = Stack.model_validate(told["stackFile"], strict=False)
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
            rules=products_of({name: spec})[name].backup,
            stack_file=told["stackFile"],
        )
        shelf = Shelf(Catalogue(folder), environment["TELAMON_VAULT"], folder / "work" / name, source)
        return Order(read(told["work"]), subject, shelf, float(told["keep"]))
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise PlatformError(
            f"the job does not say what is to be done: {type(error).__name__}: {brief(error)}",
            remedy="It was made by another version: ask for the backup again.",
        ) from error


def perform(order: Order, *, now: datetime) -> BackupEntry:
    """Do what a job is told.

    Args:
        order: what is to be done.
        now: with a time zone.

    Returns:
        The page of the backup that was taken or verified.

    Raises:
        TelamonError: it cannot be done; nothing is listed that is not whole.
    """
    work, subject, shelf, progress = order.work, order.subject, order.shelf, _Progress()
    if isinstance(work, TakeBackup):
        entry = taking.take(subject, shelf, name=work.name, reason=work.reason, progress=progress)
        try:
            prune(shelf.catalogue, shelf.vault, workplace=shelf.workplace, keep=order.keep, now=now)
        except TelamonError as error:
            # The backup is there; the next one clears away.
            LOG.warning("old backups stay for now: %s", error)
        return entry
    if isinstance(work, VerifyBackup):
        entry = shelf.catalogue.get(work.name)
        if entry.product != subject.product:
            raise PlatformError(f"{work.name} is a backup of {entry.product}, not of {subject.product}")
        return taking.verify(entry, shelf, rules=subject.rules, progress=progress)
    raise PlatformError(f"no job of a cluster does a work called {work.kind}")


def main() -> int:
    """Do the work that the environment tells of. Returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    # Being asked to end is an ordinary end: whatever the work holds is let go on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        entry = perform(ordered(os.environ, programs=_programs()), now=datetime.now(UTC))
    except TelamonError as error:
        LOG.error("%s", f"{error}; {error.remedy}" if error.remedy else error)  # noqa: TRY400 - meant for people
        return AGAIN if isinstance(error, TemporaryError) else GIVEN_UP
    told: dict[str, Any] = {"backup": entry.name, "files": entry.files, "bytes": entry.size}
    LOG.info("%s", json.dumps(told))
    return 0


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

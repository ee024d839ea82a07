"""Works around backups of one component's product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from telamon.plan.work import Work


@dataclass(frozen=True)
class TakeBackup(Work):
    """Take a backup, read it back, judge it and list it; then clear away those that are past their time.

    Attributes:
        name: of the backup.
        reason: why: ``asked``, ``scheduled`` or ``upgrade``.
    """

    kind: ClassVar[str] = "take-backup"
    name: str
    reason: str


@dataclass(frozen=True)
class VerifyBackup(Work):
    """Restore a backup where nobody is disturbed, and judge it."""

    kind: ClassVar[str] = "verify-backup"
    name: str


@dataclass(frozen=True)
class PruneBackups(Work):
    """Remove backups that are past their time, and what unfinished ones have left."""

    kind: ClassVar[str] = "prune-backups"


@dataclass(frozen=True)
class PrepareRestore(Work):
    """Fetch a backup, judge it, and load it beside what is in force. The product goes on meanwhile."""

    kind: ClassVar[str] = "prepare-restore"
    name: str


@dataclass(frozen=True)
class SwitchData(Work):
    """Put in force what was prepared, and keep aside what was. Nobody may use the product meanwhile."""

    kind: ClassVar[str] = "switch-data"


@dataclass(frozen=True)
class SwitchBack(Work):
    """Put back what :class:`SwitchData` has kept aside. Nobody may use the product meanwhile."""

    kind: ClassVar[str] = "switch-back"


@dataclass(frozen=True)
class KeepOutgoing(Work):
    """Take a backup of what :class:`SwitchData` has kept aside, then remove it there.

    Attributes:
        name: of the backup.
    """

    kind: ClassVar[str] = "keep-outgoing"
    name: str


@dataclass(frozen=True)
class AbandonRestore(Work):
    """Remove what was prepared and is not in force."""

    kind: ClassVar[str] = "abandon-restore"


@dataclass(frozen=True)
class DiscardOutgoing(Work):
    """Remove what :class:`SwitchData` has kept aside: nobody has worked with it, so nobody needs it."""

    kind: ClassVar[str] = "discard-outgoing"


@dataclass(frozen=True)
class KeepLog(Work):
    """Keep what the database writes as it is written, for as long as the stack file asks for it."""

    kind: ClassVar[str] = "keep-log"


@dataclass(frozen=True)
class BuildBackup(Work):
    """Make a backup of an instant at which none was taken, out of what was kept of the database's writing.

    Attributes:
        name: of the backup.
        at: the instant, RFC 3339.
    """

    kind: ClassVar[str] = "build-backup"
    name: str
    at: str


ON_DATA: tuple[type[Work], ...] = (
    TakeBackup,
    VerifyBackup,
    PruneBackups,
    PrepareRestore,
    SwitchData,
    SwitchBack,
    KeepOutgoing,
    AbandonRestore,
    DiscardOutgoing,
)
"""Works on what a product keeps, and on backups of that; on a cluster a job does each."""
WORKS: tuple[type[Work], ...] = (*ON_DATA, KeepLog, BuildBackup)

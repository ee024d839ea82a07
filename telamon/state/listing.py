"""What there is to come back to where nobody but a job can look: told in few words, read elsewhere.

A job of a cluster leaves what it tells with its pod, and a cluster keeps 4,096 bytes of that. The newest backups come
first, as many as there is room for. Source: Kubernetes, "Determine the Reason for Pod Failure".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from telamon.state.backups import BackupEntry, DamagedPage

LONGEST: Final = 4000
"""Bytes of a message; a cluster cuts what is longer."""


@dataclass(frozen=True)
class ListedBackup:
    """One line of a list of backups.

    Attributes:
        name: of the backup.
        reason: why it was taken.
        release: version of the product whose data it is.
        taken: the instant that it holds, RFC 3339 in UTC.
        size: bytes of dump and files.
        added: bytes that it added to the vault.
        verified: when it was last restored and judged, RFC 3339 in UTC; "" where it never was.
        lacking: how many files the product itself lacked.
    """

    name: str
    reason: str
    release: str
    taken: str
    size: int
    added: int
    verified: str
    lacking: int


@dataclass(frozen=True)
class Listing:
    """Backups, as somebody has found them.

    Attributes:
        backups: the oldest first.
        damaged: names of those whose page cannot be read.
        left_off: how many more there are, older than these.
    """

    backups: tuple[ListedBackup, ...]
    damaged: tuple[str, ...] = ()
    left_off: int = 0

    def told(self) -> str:
        """The same in few words; the oldest are left off where there is no room for them."""
        kept = list(self.backups)
        while len(self._text(kept).encode()) > LONGEST and kept:
            del kept[0]
        return self._text(kept)

    def _text(self, kept: Sequence[ListedBackup]) -> str:
        left_off = self.left_off + len(self.backups) - len(kept)
        document = {"backups": [astuple(each) for each in kept], "damaged": self.damaged, "leftOff": left_off}
        return json.dumps(document, separators=(",", ":"))


def listed(entry: BackupEntry) -> ListedBackup:
    """A backup as one line of a list."""
    return ListedBackup(
        entry.name,
        entry.reason,
        entry.release,
        entry.taken,
        entry.size,
        entry.added,
        entry.verified,
        len(entry.lacking),
    )


def listing(entries: Sequence[BackupEntry], damaged: Sequence[DamagedPage]) -> Listing:
    """The list of some backups.

    Args:
        entries: those whose page can be read, the oldest first.
        damaged: the others.
    """
    return Listing(tuple(map(listed, entries)), tuple(page.name for page in damaged))


def read(text: str) -> Listing | None:
    """A list of backups as somebody has told it; ``None`` where the text is none.

    Args:
        text: of :meth:`Listing.told`.
    """
    try:
        document = json.loads(text)
        lines = tuple(_line(each) for each in document["backups"])
        return Listing(lines, tuple(map(str, document["damaged"])), int(document["leftOff"]))
    except (ValueError, TypeError, KeyError):
        return None


def _line(values: Sequence[Any]) -> ListedBackup:
    name, reason, release, taken, size, added, verified, lacking = values
    told = (str(name), str(reason), str(release), str(taken))
    return ListedBackup(*told, int(size), int(added), str(verified), int(lacking))


def product_of(name: str, told: Mapping[str, Listing]) -> str | None:
    """Whose backup it is; ``None`` where nobody has one of that name.

    Args:
        name: of the backup. One that is too old to be listed is known by the product with which its name begins.
        told: what there is, by product.
    """
    for product, listed in told.items():
        if name in {*(line.name for line in listed.backups), *listed.damaged}:
            return product
    older = (
        product for product, listed in told.items() if listed.left_off and name.startswith(f"{product}-")
    )
    return max(older, key=len, default=None)

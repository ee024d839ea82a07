"""Gathering evidence as a work of the lab."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from telamon.plan.works.evidence import GatherEvidence
from telamon.platforms.files import located, make_folder
from telamon.platforms.lab import evidence
from telamon.platforms.lab.works.context import Context

FOLDER: Final = "evidence"
KEPT: Final = 20
"""Archives that are kept; older ones are removed."""


def gather(context: Context, work: GatherEvidence) -> str:
    """Write an archive about a member below the state folder. Returns where it is, for people."""
    folder = context.root / FOLDER
    make_folder(folder)
    at = datetime.fromtimestamp(context.clock.now(), UTC)
    context.tell(f"gathering what tells about {work.member}")
    found = evidence.gather(
        context.root, folder / f"{work.member}-{at:%Y%m%dT%H%M%S}.tar.gz", member=work.member, at=at
    )
    with located(folder):
        archives = sorted(folder.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
        for old in archives[: max(len(archives) - KEPT, 0)]:
            old.unlink(missing_ok=True)
    return f"evidence is in {found.path}"

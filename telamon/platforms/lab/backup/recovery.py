"""A backup of an instant at which none was taken: the database recovered to it, with files of the backups around it.

Files are not kept continuously, so they come from both sides: everything as the next backup after the instant has it,
or as it is now; and of the one before it whatever never changes, and folders that have gone as a whole since. So a row
has its file unless that came after the one backup and went before the other. Which rows lack theirs stands on the page
of the backup, and is told.

Source: PostgreSQL 17 documentation, "Continuous Archiving and Point-in-Time Recovery", "Recovery Target Settings".
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from telamon.desired.lab.database_roles import SUPERUSER
from telamon.errors import PlatformError, UsageError
from telamon.platforms.backup import database as databases
from telamon.platforms.backup import judge
from telamon.platforms.backup.database import Server
from telamon.platforms.backup.pin import merge, pin
from telamon.platforms.backup.programs import Command, run
from telamon.platforms.backup.scratch import PORT, serving
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
)
from telamon.platforms.backup.vault import Progress
from telamon.platforms.backup.workplace import sweep, workplace
from telamon.platforms.files import located, make_folder, write
from telamon.platforms.lab.backup.timeline import Copy, Timeline, received
from telamon.state.backups import INSTANT, Surroundings

RECOVERS_WITHIN = 4 * 3600.0
"""Seconds in which the log of a window must have been replayed."""
SETTINGS = (
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "archive_mode=off",
    "shared_buffers=64MB",
    "maintenance_work_mem=64MB",
    "max_wal_size=1GB",
    "autovacuum=off",
    "synchronous_standby_names=",
    # Nobody is let in before the instant is reached.
    "hot_standby=off",
    "recovery_target_action=promote",
    "recovery_target_timeline=latest",
)


def build(
    around: Surroundings,
    subject: Subject,
    *,
    shelf: Shelf,
    timeline: Timeline,
    name: str,
    progress: Progress,
) -> str:
    """Make a backup of an instant, judge it, and list it. One of that name that is listed stays as it is.

    Args:
        around: the instant, and the backups on both sides of it.
        subject: the product.
        shelf: where backups are.
        timeline: what was kept of the database's writing.
        name: of the backup.
        progress: told how far it is.

    Returns:
        Its name, and how many rows lack their files.

    Raises:
        UsageError: the instant is not in the window that is kept.
        PlatformError: it cannot be recovered, or is not whole.
        MachineError: there is no room.
    """
    entry = shelf.catalogue.find(name)
    if entry is None:
        sweep(shelf.workplace)
        kept = timeline.reaching(around.at)
        copy = covering(kept, around.at)
        if kept == timeline:
            progress("waiting until the log is read")
            received(shelf.server)
        with shelf.catalogue.adding(), workplace(shelf.workplace / subject.product) as place:
            make_folder(place)
            shelf.vault.open()
            demand_room(place, around.before.size, remedy=ROOM_FOR_WORK)
            _gather(around, subject, shelf, place=place)
            held = _held(around, subject, shelf, timeline=kept, copy=copy, place=place, progress=progress)
            of_then = replace(subject, release=around.before.release)
            entry = enlist(
                of_then, shelf, held=held, place=place, named=Named(name, INSTANT), progress=progress
            )
    return f"{name}; {len(entry.lacking)} rows lack their files" if entry.lacking else name


def covering(timeline: Timeline, at: datetime) -> Copy:
    """The newest copy that was whole at an instant.

    Raises:
        UsageError: there is none.
    """
    copies = timeline.copies()
    found = [copy for copy in copies if copy.instant <= at]
    if found:
        return found[-1]
    remedy = (
        f"The log is kept from {copies[0].instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} on."
        if copies
        else "It is kept once spec.backup.continuous is set; `telamon backup list` shows what there is to go back to."
    )
    raise UsageError(f"the log of the database does not reach back to {at:%Y-%m-%dT%H:%M:%SZ}", remedy=remedy)


def _gather(around: Surroundings, subject: Subject, shelf: Shelf, *, place: Path) -> None:
    """Put the files of both sides into one folder."""
    older, newer = place / "older", place / "newer"
    shelf.vault.fetch(around.before.snapshot, older, names=(FILES,))
    if around.after is None:
        pin(subject.home, place / FILES, rules=subject.rules)
    else:
        shelf.vault.fetch(around.after.snapshot, newer, names=(FILES,))
        with located(place):
            make_folder(newer / FILES)
            (newer / FILES).rename(place / FILES)
    make_folder(older / FILES)
    merge(older / FILES, place / FILES, rules=subject.rules)
    shutil.rmtree(older)


def _held(
    around: Surroundings,
    subject: Subject,
    shelf: Shelf,
    *,
    timeline: Timeline,
    copy: Copy,
    place: Path,
    progress: Progress,
) -> Held:
    progress("recovering the database")
    trying = shelf.workplace / f"recovery-{subject.product}"
    with recovered(timeline, copy, at=around.at, folder=trying, like=shelf.server) as server:
        if not databases.exists(server, subject.database):
            raise UsageError(f"{subject.product} had no database yet at {around.at:%Y-%m-%dT%H:%M:%SZ}")
        with databases.still(server, subject.database) as instant:
            lacking = judge.lacking(instant, place / FILES, rules=subject.rules)
            progress("dumping the database")
            databases.dump(server, instant, target=place / DUMP)
            taken = around.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            told = tuple(str(finding) for finding in lacking)
            return Held(taken, instant.lsn, instant.release, instant.counts(), told)


@contextmanager
def recovered(
    timeline: Timeline, copy: Copy, *, at: datetime, folder: Path, like: Server
) -> Iterator[Server]:
    """A server of its own with all data as of an instant, gone at the end of the block.

    Args:
        timeline: what was kept.
        copy: where to begin.
        at: the instant.
        folder: where its data goes; a workplace of its own.
        like: the server whose data they were.

    Raises:
        PlatformError: the instant cannot be reached.
        MachineError: the disk is full.
    """
    with workplace(folder):
        make_folder(folder, account=timeline.account)
        archive, data = timeline.archive(copy), folder / "data"
        demand_room(folder, archive.stat().st_size, remedy=ROOM_FOR_WORK)
        make_folder(data, account=timeline.account)
        run(
            Command(
                ("tar", "--extract", "--file", str(archive), "--directory", str(data)),
                account=timeline.account,
            )
        )
        write(data / "recovery.signal", "", account=timeline.account)
        # What the server was told at run time has no meaning here.
        write(data / "postgresql.auto.conf", "", account=timeline.account)
        access = folder / "access.conf"
        # The socket lies in a folder that nobody else may enter.
        write(access, "local all all trust\n", account=timeline.account)
        log = shlex.quote(str(timeline.log))
        settings = (
            *SETTINGS,
            f"hba_file={access}",
            f'restore_command=cp {log}/%f "%p" || cp {log}/%f.partial "%p"',
            f"recovery_target_time={at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00",
        )
        try:
            with serving(
                data,
                programs=like.bin,
                account=timeline.account,
                settings=settings,
                within=RECOVERS_WITHIN,
            ) as sockets:
                yield Server(like.bin, sockets, PORT, SUPERUSER, "", timeline.account)
        except PlatformError as error:
            if "before configured recovery target" in str(error):
                raise PlatformError(
                    f"the log that is kept does not reach {at:%Y-%m-%dT%H:%M:%SZ}: a part of it is missing",
                    remedy="Choose an earlier instant, or a backup: `telamon backup list`.",
                ) from error
            raise

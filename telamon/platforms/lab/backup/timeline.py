"""What the database writes, kept as it is written: copies of all data from time to time, and the log between them.

``pg_receivewal`` reads the write-ahead log over the network as a standby does. It holds nothing up: where it lags or
its disk is full, the server goes on, removes its log when it pleases, and what cannot be followed any more is begun
anew from a fresh copy. What was kept before stays beside it until that copy is whole.

Sources: PostgreSQL 17 documentation, pg_receivewal(1), pg_basebackup(1), "Continuous Archiving and Point-in-Time
Recovery"; names of segments as in "WAL Internals".

Traps:
    * A log without a copy from before its begin is worth nothing, so the reading begins before the copy does.
    * The segment that is being written is called ``.partial``, and is as long as a whole one.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from telamon.errors import MachineError, PlatformError, TemporaryError, brief
from telamon.platforms.backup.database import Server
from telamon.platforms.backup.programs import FULL, run
from telamon.platforms.backup.vault import Progress
from telamon.platforms.backup.workplace import end_programs
from telamon.platforms.files import located, make_folder, sync_folder, write
from telamon.state.account import Account

LOG = logging.getLogger("telamon.lab.backup")
FOLDER = "timeline"
"""Folder of the state root in which it is kept."""
RECEIVER = "pg_receivewal"
LOOKS_EVERY = 0.5
"""Seconds between two looks at the receiver."""
KEPT_COPIES = 2
"""Copies of all data that are kept: the window reaches back to the older one."""
SPARE = 512 * 1024 * 1024
"""Bytes to leave free on the disk: beneath it the log is no longer kept, because the database needs them more."""
RECEIVED_WITHIN = 120.0
"""Seconds in which what was written must have been received."""
_SEGMENT = re.compile(r"START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)")
_LOST = "has already been removed"


@dataclass(frozen=True)
class Copy:
    """A copy of all data.

    Attributes:
        name: of its folder.
        ended: when it was whole, RFC 3339 in UTC; every later instant can be reached from it.
        segment: of the log, from which on it must be replayed.
    """

    name: str
    ended: str
    segment: str

    @property
    def instant(self) -> datetime:
        """When it was whole."""
        return datetime.fromisoformat(self.ended)


@dataclass(frozen=True)
class Timeline:
    """What is kept of one database server's writing.

    Attributes:
        folder: where.
        account: whom the programs run as; ``None``: as we do.
    """

    folder: Path
    account: Account | None

    @property
    def log(self) -> Path:
        """The segments of the write-ahead log."""
        return self.folder / "log"

    @property
    def earlier(self) -> Timeline:
        """What was kept before log was lost: there until a copy of what came after is whole."""
        return Timeline(self.folder / "earlier", self.account)

    @property
    def copies_folder(self) -> Path:
        """The copies of all data, each in a folder."""
        return self.folder / "copies"

    def copies(self) -> tuple[Copy, ...]:
        """Every whole copy, the oldest first.

        Raises:
            PlatformError: a page is damaged.
        """
        pages = sorted(self.copies_folder.glob("*/copy.json"))
        return tuple(sorted((_read(page) for page in pages), key=lambda copy: copy.instant))

    def archive(self, copy: Copy) -> Path:
        """The data of a copy."""
        return self.copies_folder / copy.name / "base.tar"

    def reaching(self, at: datetime) -> Timeline:
        """Itself, or what was kept before log was lost where only that reaches back to an instant."""
        for kept in (self, self.earlier):
            if any(copy.instant <= at for copy in kept.copies()):
                return kept
        return self

    def prepare(self) -> None:
        """Make the folders, and end what a keeper that was killed has left running."""
        make_folder(self.folder, mode=0o711)
        waits = self.copies_folder.exists() and not self.earlier.copies_folder.exists()
        if waits and self.earlier.log.exists():
            # A keeper was killed between the two: copies without the log after them are worth nothing.
            self._put_aside_copies()
        for folder in (self.log, self.copies_folder):
            make_folder(folder, account=self.account)
        end_programs(self.log)
        end_programs(self.copies_folder)

    def begin_anew(self) -> None:
        """Put aside what is kept: the server has removed log that was not read yet, so nothing joins what comes.

        What holds no whole copy is removed instead, and what was put aside before stays.

        Raises:
            MachineError: a folder cannot be renamed or removed.
        """
        with located(self.folder):
            if self.copies():
                self._drop_earlier()
                make_folder(self.earlier.folder, mode=0o711)
                self.log.rename(self.earlier.log)
                self._put_aside_copies()
            else:
                _remove(self.log)
                _remove(self.copies_folder)
        self.prepare()

    def _drop_earlier(self) -> None:
        # Log without copies is what a death between the two leaves, and must not come about here.
        _remove(self.earlier.log)
        _remove(self.earlier.folder)

    def _put_aside_copies(self) -> None:
        with located(self.folder):
            self.copies_folder.rename(self.earlier.copies_folder)
            sync_folder(self.earlier.folder)
            sync_folder(self.folder)

    def copy(self, source: Server, *, now: Callable[[], str]) -> Copy:
        """Copy all data; half a copy is never listed.

        Args:
            source: logs in for replication.
            now: the server's own time.

        Raises:
            MachineError: the disk is full.
            PlatformError: the server refused.
        """
        name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        place = self.copies_folder / name
        with located(self.copies_folder):
            for half in self.copies_folder.iterdir():
                if not (half / "copy.json").exists():
                    shutil.rmtree(half)
        make_folder(place, account=self.account)
        words = ("--pgdata", str(place), "--format", "tar", "--wal-method", "none", "--checkpoint", "fast")
        command = source.command("pg_basebackup", *words, "--no-manifest", "--sync-method", "syncfs")
        run(replace(command, account=self.account))
        made = Copy(name, now(), _first_segment(place / "base.tar"))
        write(place / "copy.json", json.dumps(asdict(made), indent=1) + "\n")
        return made

    def prune(self) -> None:
        """Remove copies but the newest ones, the log from before the oldest that stays, and what they replace."""
        copies = self.copies()
        with located(self.folder):
            if copies:
                self._drop_earlier()
            for copy in copies[:-KEPT_COPIES]:
                shutil.rmtree(self.copies_folder / copy.name)
            kept = copies[-KEPT_COPIES:]
            first = min((_position(copy.segment) for copy in kept), default="")
            for segment in self.log.iterdir():
                # Histories of timelines are small, and recovery needs every one of them.
                if segment.suffix != ".history" and _position(segment.name) < first:
                    segment.unlink()


@dataclass(frozen=True)
class Keeper:
    """Keeps a timeline for as long as somebody wants it.

    Attributes:
        timeline: where.
        server: the database server, as a role that may see who reads its log.
        source: the same, logged in for replication.
        every: seconds between two copies of all data.
        wanted: whether it is still wanted.
        progress: told how far it is.
    """

    timeline: Timeline
    server: Server
    source: Server
    every: float
    wanted: Callable[[], bool]
    progress: Progress

    def keep(self) -> None:
        """Read the log, and copy all data from time to time, until it is wanted no more.

        Raises:
            MachineError: there is no room left.
            TemporaryError: the server does not answer now.
            PlatformError: the server refuses.
        """
        self.timeline.prepare()
        with _receiving(self.timeline, self.source) as receiver:
            while self.wanted():
                self._demand_room()
                receiver.demand_life()
                if self._is_due():
                    # The copy begins with a checkpoint, after which the server removes log that it needs no more.
                    received(self.server, attend=receiver.demand_life)
                    self.progress("copying all data")
                    self.timeline.copy(self.source, now=lambda: server_time(self.server))
                    self.timeline.prune()
                self.progress("the log is read as it is written")
                time.sleep(LOOKS_EVERY)

    def _is_due(self) -> bool:
        copies = self.timeline.copies()
        if not copies:
            return True
        return abs((datetime.now(UTC) - copies[-1].instant).total_seconds()) > self.every

    def _demand_room(self) -> None:
        with located(self.timeline.folder):
            free = shutil.disk_usage(self.timeline.folder).free
        if free < SPARE:
            earlier = self.timeline.earlier.folder
            most = (
                f" Removing {earlier} gives up the instants before log was lost." if earlier.exists() else ""
            )
            raise MachineError(
                f"the log of the database is not kept: {self.timeline.folder} has {free // 2**20} MiB left",
                remedy=f"Free some space. The database itself goes on.{most}",
            )


@dataclass(frozen=True)
class _Receiver:
    timeline: Timeline
    process: subprocess.Popen[bytes]
    said: Path

    def demand_life(self) -> None:
        """Say why the program has ended, if it has."""
        if self.process.poll() is None:
            return
        words = self.said.read_text(encoding="utf-8", errors="replace").strip()
        last = (words.splitlines() or ["no reason given"])[-1][:200]
        if _LOST in words:
            LOG.warning(
                "log was removed before it was read; what was kept goes once a new copy of all data is there"
            )
            self.timeline.begin_anew()
            raise TemporaryError("log was removed before it was read; it is kept anew from here", delay=1.0)
        if any(full in words for full in FULL):
            raise MachineError(f"the log of the database is not kept: {last}", remedy="Free some space.")
        raise TemporaryError(f"the log of the database is not read: {last}", delay=1.0)


@contextmanager
def _receiving(timeline: Timeline, source: Server) -> Iterator[_Receiver]:
    command = source.command(
        RECEIVER, "--directory", str(timeline.log), "--no-loop", "--status-interval", "1"
    )
    said, account = timeline.folder / "said", timeline.account
    try:
        with located(said), said.open("wb") as output:
            process = subprocess.Popen(
                list(command.words),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Whoever comes after a kill finds it by this.
                cwd=timeline.log,
                env={"LC_ALL": "C", **command.environment},
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
    except subprocess.SubprocessError as error:
        raise MachineError(
            f"{RECEIVER} cannot be run: {brief(error)}", remedy="Install the lab parts again."
        ) from error
    try:
        yield _Receiver(timeline, process, said)
    finally:
        process.terminate()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def server_time(server: Server) -> str:
    """The server's own time, RFC 3339 in UTC."""
    with closing(server.connect()) as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    if row is None:
        raise PlatformError("the database server tells no time")
    at: datetime = row[0]
    return at.astimezone(UTC).isoformat()


def received(server: Server, *, attend: Callable[[], None] | None = None) -> None:
    """Write a mark, and wait until the log has been read beyond it: every instant until now can then be reached.

    Source: PostgreSQL 17, "Recovery Target Settings": recovery to a time ends at the first commit after it, so there
    must be one.

    Args:
        server: as a role that may see who reads its log.
        attend: called at every look; raises where it is no use to wait on.

    Raises:
        TemporaryError: it is not read in time.
    """
    with closing(server.connect()) as connection:
        connection.execute("SELECT pg_current_xact_id()")
        row = connection.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
        mark = str(row[0]) if row else ""
        end = time.monotonic() + RECEIVED_WITHIN
        while True:
            found = connection.execute(
                "SELECT coalesce(write_lsn >= %s::pg_lsn, false) FROM pg_stat_replication WHERE application_name = %s",
                (mark, RECEIVER),
            ).fetchone()
            if found is not None and found[0]:
                return
            if attend is not None:
                attend()
            if time.monotonic() > end:
                raise TemporaryError("the log of the database is not read as it is written", delay=5.0)
            time.sleep(0.1)


def _first_segment(archive: Path) -> str:
    """The segment from which on a copy must be replayed, from its own label."""
    with located(archive), tarfile.open(archive) as opened:
        label = opened.extractfile("backup_label")
        found = _SEGMENT.search(label.read().decode()) if label is not None else None
    if found is None:
        raise PlatformError(f"{archive} does not say where its log begins", remedy="It is made again.")
    return found[1]


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _position(name: str) -> str:
    """A segment's place in the log, whatever its timeline."""
    return name[8:24]


def _read(page: Path) -> Copy:
    try:
        with located(page):
            return Copy(**json.loads(page.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise PlatformError(f"{page} is damaged", remedy=f"Remove {page.parent}.") from error

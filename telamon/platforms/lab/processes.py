"""Starts, ends and supervises the processes of a lab, and finds them again after the controller was killed.

Each process leads a session of its own and writes straight to its log, so it outlives the controller and the terminal.
The next controller finds it in the ledger; and it finds what a member had started by the marker in its environment,
which everything inherits.

Traps:
    * PostgreSQL's own children overwrite their environment, so what is left of a lost server is found by its working
      folder.
    * The group of a process is ended with it: a git that a node had started must not go on writing without it.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from telamon.errors import MachineError, PlatformError, brief
from telamon.platforms import procfs
from telamon.platforms.lab.ledger import Entry, Ledger
from telamon.platforms.lab.logs import open_log
from telamon.platforms.lab.tracked import Identity, Process, Tracked
from telamon.platforms.outliving import let_go
from telamon.ports import Clock
from telamon.state.account import Account

LOG = logging.getLogger("telamon.lab")

MARKER = "TELAMON_LAB"
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What a process gets of the controller's own environment; anything else there may be somebody's secret."""


@dataclass(frozen=True)
class Launch:
    """A process to start.

    Attributes:
        identity: what it is.
        argv: command line.
        environment: complete with secrets, for this process alone.
        cwd: working folder.
        account: as whom it runs; ``None``: as we do.
    """

    identity: Identity
    argv: Sequence[str]
    environment: Mapping[str, str]
    cwd: str
    account: Account | None = None

    def __repr__(self) -> str:
        return f"Launch({self.identity.member})"


class Processes:
    """The processes of one lab.

    Args:
        root: its state root; logs are written below it.
        lab: its id.
        clock: injected time.
    """

    def __init__(self, root: Path, lab: str, *, clock: Clock) -> None:
        self._root = root
        self._lab = lab
        self._clock = clock
        self._ledger = Ledger(root / "run")
        self._lock = threading.RLock()
        self._tracked: dict[str, Tracked] = {}
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._closing = False
        self._thread = threading.Thread(target=self._watch, name="lab-processes", daemon=True)
        self._thread.start()

    # ---------------------------------------------------------------------------------------------------------- verbs

    def start(self, launch: Launch) -> None:
        """Start a process, unless one of that name lives.

        Raises:
            MachineError: the program cannot be run here.
        """
        member = launch.identity.member
        with self._lock:
            found = self._tracked.get(member)
            if found is not None and not found.ended:
                return
            child = self._spawn(launch)
            seen = procfs.stat(child.pid)
            ticks = seen.ticks if seen is not None else 0
            descriptor = os.pidfd_open(child.pid)
            started = self._clock.now()
            tracked = Tracked(launch.identity, child.pid, ticks, started, descriptor, child)
            self._tracked[member] = tracked
            self._note(tracked)
        self._wake()

    def stop(self, member: str, *, grace: float, lingers: float = 0.0) -> None:
        """Ask a process to end. What has ended is forgotten.

        Args:
            member: whom.
            grace: seconds after which it is killed; 0 kills at once.
            lingers: seconds to leave it alone before it is asked.
        """
        with self._lock:
            found = self._tracked.get(member)
            if found is None:
                return
            if found.ended:
                del self._tracked[member]
                return
            now = self._clock.now()
            if not found.asked:
                found.ask_at = now + lingers
            found.asked = True
            found.kill_at = now + grace
            self._note(found)
            if grace <= 0:
                found.kill()
        self._wake()

    def heard(self, member: str) -> None:
        """Remember that a process was heard of, also for the next controller."""
        with self._lock:
            found = self._tracked.get(member)
            if found is not None and not found.answered and not found.ended:
                found.answered = True
                self._note(found)

    def forget(self, member: str) -> None:
        """Forget a process that has ended.

        Raises:
            PlatformError: it lives.
        """
        with self._lock:
            found = self._tracked.get(member)
            if found is not None and not found.ended:
                raise PlatformError(f"{member} still runs", remedy="stop it first")
            self._tracked.pop(member, None)

    def seen(self) -> Mapping[str, Process]:
        """Every process that lives, or ended without being asked, by member."""
        with self._lock:
            return {member: tracked.seen() for member, tracked in self._tracked.items()}

    def abandon(self) -> None:
        """Stop supervising, and kill every process.

        No note is kept: where the notes were, a successor may have begun its own.
        """
        with self._lock:
            left = [tracked for tracked in self._tracked.values() if not tracked.ended]
            self._wake()
            self._closing = True
        self._thread.join()
        for tracked in left:
            tracked.kill()
        self._let_go()

    def close(self) -> None:
        """Stop supervising. The processes go on."""
        with self._lock:
            if self._closing:
                return
            self._wake()
            self._closing = True
        self._thread.join()
        self._let_go()

    def _let_go(self) -> None:
        os.close(self._wake_read)
        os.close(self._wake_write)
        with self._lock:
            for tracked in self._tracked.values():
                if not tracked.ended:
                    os.close(tracked.descriptor)
                    if tracked.child is not None:
                        let_go(tracked.child)
            self._tracked.clear()

    # ------------------------------------------------------------------------------------------------------- adoption

    def adopt(self, database_folders: Sequence[Path] = ()) -> tuple[str, ...]:
        """Find what an earlier controller left behind: take over every member's process, end everything else.

        Args:
            database_folders: data folders of database servers; a process of one without a living server is ended.

        Returns:
            The members taken over.
        """
        leaders: dict[str, Tracked] = {}
        for entry in self._ledger.entries():
            tracked = self._take_over(entry)
            if tracked is not None:
                leaders[entry.identity.member] = tracked
        with self._lock:
            for member, tracked in leaders.items():
                self._tracked.setdefault(member, tracked)
            known = [tracked.pid for tracked in self._tracked.values() if not tracked.ended]
        for stray, _ in self._marked():
            self._end_stray(stray, known)
        for folder in database_folders:
            self.end_lost_database(folder)
        self._wake()
        return tuple(leaders)

    def _marked(self) -> list[tuple[procfs.Stat, str]]:
        """Processes with our marker, the oldest first, with the member each belongs to."""
        found = []
        with self._lock:
            ours = {tracked.pid for tracked in self._tracked.values()} | {os.getpid()}
        for pid in procfs.pids():
            lab, _, member = procfs.environment(pid).get(MARKER, "").partition("/")
            seen = procfs.stat(pid)
            if lab != self._lab or not member or pid in ours:
                continue
            if seen is not None and seen.state != procfs.ZOMBIE:
                found.append((seen, member))
        return sorted(found, key=lambda pair: pair[0].ticks)

    def _take_over(self, entry: Entry) -> Tracked | None:
        """The process of an entry, held by descriptor; ``None`` where it is gone."""
        try:
            descriptor = os.pidfd_open(entry.pid)
        except ProcessLookupError:
            return None
        # Looked at after the descriptor was opened, so that both mean the same process.
        seen = procfs.stat(entry.pid)
        if seen is None or seen.ticks != entry.ticks or seen.state == procfs.ZOMBIE:
            os.close(descriptor)
            return None
        started = procfs.start_instant(entry.ticks)
        tracked = Tracked(entry.identity, entry.pid, entry.ticks, started, descriptor)
        tracked.answered = entry.answered
        tracked.asked, tracked.kill_at = entry.kill_at is not None, entry.kill_at
        return tracked

    def _end_stray(self, stray: procfs.Stat, leaders: Sequence[int]) -> None:
        if stray.group in leaders or any(procfs.is_descendant(stray.pid, leader) for leader in leaders):
            return
        LOG.warning("ending %s (pid %d), which no member of the lab owns any more", stray.name, stray.pid)
        _kill(stray)

    def end_lost_database(self, folder: Path) -> None:
        """End what is left of a database server that has ended; a part that hangs would not end by itself.

        Args:
            folder: the server's data folder.
        """
        with self._lock:
            leaders = [tracked.pid for tracked in self._tracked.values() if not tracked.ended]
        for pid in procfs.pids():
            seen = procfs.stat(pid)
            if seen is None or pid in leaders or not seen.name.startswith("postgres"):
                continue
            if procfs.working_folder(pid) == str(folder) and not any(
                procfs.is_descendant(pid, leader) for leader in leaders
            ):
                _kill(seen)

    # ---------------------------------------------------------------------------------------------------------- inside

    def _spawn(self, launch: Launch) -> subprocess.Popen[bytes]:
        member = launch.identity.member
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ} | {
            **launch.environment,
            MARKER: f"{self._lab}/{member}",
        }
        account = launch.account
        try:
            with open_log(self._root, member) as log:
                return subprocess.Popen(
                    list(launch.argv),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=launch.cwd,
                    env=environment,
                    start_new_session=True,
                    user=account.uid if account else None,
                    group=account.gid if account else None,
                    extra_groups=[] if account else None,
                )
        except (OSError, subprocess.SubprocessError) as error:
            raise MachineError(
                f"{member} cannot be started with {launch.argv[0]}: {brief(error)}",
                remedy=_remedy(error),
            ) from error

    def _watch(self) -> None:
        while True:
            with self._lock:
                if self._closing:
                    return
                alive = [tracked for tracked in self._tracked.values() if not tracked.ended]
                timeout = self._enforce(alive)
            poll = select.poll()
            poll.register(self._wake_read, select.POLLIN)
            for tracked in alive:
                poll.register(tracked.descriptor, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll(timeout)}
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
            for tracked in alive:
                if tracked.descriptor in ready:
                    self._ended(tracked)

    def _enforce(self, alive: Sequence[Tracked]) -> int | None:
        """Ask and kill what is due. Returns milliseconds until the next one is."""
        now = self._clock.now()
        due: list[float] = []
        for tracked in alive:
            if tracked.ask_at is not None and tracked.ask_at <= now:
                tracked.send(signal.Signals[tracked.identity.stop_signal])
                tracked.ask_at = None
            if tracked.kill_at is not None and tracked.kill_at <= now:
                tracked.kill()
                tracked.kill_at = now + 1.0
            due += [at - now for at in (tracked.ask_at, tracked.kill_at) if at is not None]
        return int(max(min(due), 0.0) * 1000) + 1 if due else None

    def _ended(self, tracked: Tracked) -> None:
        member = tracked.identity.member
        with self._lock:
            tracked.finish()
            self._ledger.forget(member)
            for found, owner in self._marked():
                if owner == member and found.ticks >= tracked.ticks:
                    _kill(found)
            if tracked.asked and self._tracked.get(member) is tracked:
                del self._tracked[member]
        LOG.info("%s ended: %s", member, tracked.exit)

    def _wake(self) -> None:
        with self._lock:
            if self._closing:
                return
            try:
                os.write(self._wake_write, b"!")
            except BlockingIOError:
                # The pipe is full of wake-up calls already.
                return

    def _note(self, tracked: Tracked) -> None:
        """Keep what the next controller must know; a disk that takes no note keeps nobody from starting or stopping."""
        try:
            self._ledger.keep(tracked)
        except MachineError as error:
            LOG.warning("the next controller will not know %s: %s", tracked.identity.member, error)


def _kill(seen: procfs.Stat) -> None:
    try:
        descriptor = os.pidfd_open(seen.pid)
    except ProcessLookupError:
        return
    try:
        again = procfs.stat(seen.pid)
        if again is not None and again.ticks == seen.ticks:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def _remedy(error: OSError | subprocess.SubprocessError) -> str:
    match error:
        case FileNotFoundError():
            return "Install the program, or correct the command in the profile; it is looked for on PATH."
        case PermissionError():
            return "Make the program executable, and the folders above it passable, for the user it runs as."
        case OSError(errno=8):
            return "The program was built for another kind of machine: install the one for this architecture."
        case OSError(errno=28):
            return "Free some space on the disk of the state folder."
        case OSError(errno=24 | 11 | 12):
            return "Raise the limits of open files and processes of this user (ulimit -n, ulimit -u)."
        case _:
            return "Look at the message; the state folder's log may say more."

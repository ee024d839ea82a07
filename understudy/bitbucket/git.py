"""Git itself, run in bounded numbers, with one configuration, and never left behind.

Two ways to run it: :meth:`Git.run` for a short command on a thread, and :meth:`Git.stream` for a fetch or a push
that may last, on an event loop. Places for streams are what the product calls hosting tickets.

What makes a push durable is the configuration written here: git syncs objects and refs (``core.fsync=all``), checks
what it receives (``receive.fsckObjects``), keeps new objects apart until every one of them is checked (its
quarantine), and replaces a ref atomically. Source: git-config(1), git-receive-pack(1), "Quarantine environment".
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from understudy.bitbucket.errors import GitBusy, GitFailed
from understudy.kit.errors import UnderstudyError
from understudy.kit.homes import make_folder, write_durably

_LOG = logging.getLogger("understudy.git")

COMMAND_SECONDS = 60.0
COMMAND_PLACES = 6
OUTPUT_BYTES = 64 * 1024 * 1024
PIPE_BYTES = 128 * 1024
OLDEST_GIT = (2, 30)
_TERMINATION_SECONDS = 5.0
_ELSEWHERE = ("GIT_EXEC_PATH", "LD_LIBRARY_PATH")
"""Where git's programs and libraries are, on a machine that does not have them where git looks by itself."""

CONFIGURATION = """\
[core]
\tfsync = all
\tfsyncMethod = batch
\tlogAllRefUpdates = false
[receive]
\tfsckObjects = true
\tadvertisePushOptions = false
\thideRefs = refs/pull-requests
[uploadpack]
\tallowFilter = true
[gc]
\tautoDetach = false
[init]
\ttemplateDir =
[safe]
\tdirectory = *
"""

# Git before 2.36 knows only this switch, and later ones warn about it.
OLD_CONFIGURATION = "[core]\n\tfsyncObjectFiles = true\n"


class Tickets:
    """Places for processes that last; safe to use from several event loops.

    Args:
        places: how many at a time.
    """

    def __init__(self, places: int) -> None:
        self._lock = threading.Lock()
        self._free = places
        self._places = places
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def used(self) -> int:
        """How many places are taken now."""
        return self._places - self._free

    async def take(self, patience: float) -> None:
        """Wait for a place.

        Args:
            patience: seconds to wait at most.

        Raises:
            GitBusy: none became free in time.
        """
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
        try:
            await asyncio.wait_for(asyncio.shield(waiter), patience)
        except BaseException as error:
            with self._lock:
                waiting = waiter in self._waiters
                if waiting:
                    self._waiters.remove(waiter)
            if not waiting:
                # The place was handed over at the moment the waiter gave up.
                self.give()
            if isinstance(error, TimeoutError):
                raise GitBusy(f"no place for another git process within {patience:g} s") from error
            raise

    def give(self) -> None:
        """Give a place back, to the one who has waited for longest."""
        with self._lock:
            waiter = self._waiters.pop(0) if self._waiters else None
            if waiter is None:
                self._free += 1
                return
        waiter.get_loop().call_soon_threadsafe(_grant, waiter)


def _grant(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Git:
    """Runs git for one node.

    Args:
        home: a folder of this node alone, for git's own configuration.
        tickets: how many fetches and pushes may run at a time.
    """

    def __init__(self, home: Path, *, tickets: int) -> None:
        self._home = home
        self._commands = threading.BoundedSemaphore(COMMAND_PLACES)
        self._lock = threading.Lock()
        self._running: set[int] = set()
        self._closed = False
        self.tickets = Tickets(tickets)
        self.version: tuple[int, ...] = ()

    def open(self) -> None:
        """Check git's release and write its configuration.

        Raises:
            UnderstudyError: git is missing or too old.
        """
        try:
            answer = subprocess.run(["git", "--version"], capture_output=True, check=True, timeout=30).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise UnderstudyError("git cannot be run: is it installed?") from error
        self.version = parse_version(answer.decode())
        if self.version < OLDEST_GIT:
            raise UnderstudyError(
                f"git {'.'.join(map(str, self.version))} is too old: 2.30 or later is needed"
            )
        make_folder(self._home)
        text = CONFIGURATION if self.version >= (2, 36) else CONFIGURATION + OLD_CONFIGURATION
        write_durably(self._home / ".gitconfig", text.encode())

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a git process sees: its own home, no settings of the system, no prompts."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            **{name: os.environ[name] for name in _ELSEWHERE if name in os.environ},
            "HOME": str(self._home),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_TERMINAL_PROMPT": "0",
            **(extra or {}),
        }

    def run(
        self,
        repository: Path,
        *arguments: str,
        feed: bytes = b"",
        extra: Mapping[str, str] | None = None,
        accept: Sequence[int] = (0,),
    ) -> bytes:
        """Run a command to its end.

        Args:
            repository: the bare repository.
            arguments: after ``git --git-dir``.
            feed: standard input.
            extra: more environment variables.
            accept: exit codes that are no failure.

        Returns:
            Standard output.

        Raises:
            GitFailed: another exit code, or too slow.
            GitBusy: too many commands are running.
        """
        if not self._commands.acquire(timeout=COMMAND_SECONDS):
            raise GitBusy("too many git commands are running")
        try:
            command = ["git", f"--git-dir={repository}", *arguments]
            with subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self.environment(extra),
            ) as process:
                output, trouble = self._await(process, feed)
            if process.returncode not in accept:
                raise GitFailed(arguments, status=process.returncode, trouble=trouble)
            return output
        except OSError as error:
            raise GitFailed(arguments, status=-1, trouble=str(error)) from error
        finally:
            self._commands.release()

    def _await(self, process: subprocess.Popen[bytes], feed: bytes) -> tuple[bytes, str]:
        self._enter(process.pid)
        try:
            output, trouble = process.communicate(feed, timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            output, trouble = process.communicate()
        finally:
            self._leave(process.pid)
        return output, trouble.decode(errors="replace")

    @asynccontextmanager
    async def stream(
        self, *arguments: str, patience: float, extra: Mapping[str, str] | None = None
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run a fetch or a push for as long as the block lasts; it is ended and reaped with the block.

        Args:
            arguments: after ``git``.
            patience: seconds to wait for a place.
            extra: more environment variables.

        Raises:
            GitBusy: no place became free in time.
        """
        await self.tickets.take(patience)
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self.environment(extra),
                limit=PIPE_BYTES,
            )
            self._enter(process.pid)
            try:
                yield process
            finally:
                await end_process(process)
                self._leave(process.pid)
        finally:
            self.tickets.give()

    def _enter(self, process: int) -> None:
        with self._lock:
            self._running.add(process)
            closed = self._closed
        if closed:
            _signal(process, 15)

    def _leave(self, process: int) -> None:
        with self._lock:
            self._running.discard(process)

    @property
    def running(self) -> int:
        """How many processes run now."""
        return len(self._running)

    def close(self) -> None:
        """Ask whatever still runs to end; who started it reaps it."""
        with self._lock:
            self._closed = True
            left = list(self._running)
        for process in left:
            _signal(process, 15)


async def end_process(process: asyncio.subprocess.Process, *, patience: float = 0.0) -> None:
    """End a process that may still run, and reap it.

    Args:
        process: whose input is closed first.
        patience: seconds it gets to end by itself once its input has ended: git then tidies up what it received,
            which it cannot do fully when it is told to terminate.
    """
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None and patience:
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience)
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _TERMINATION_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _signal(process: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


def parse_version(text: str) -> tuple[int, ...]:
    """``git version 2.39.5`` to ``(2, 39, 5)``."""
    words = text.split()
    number = words[2] if len(words) > 2 else ""
    return tuple(int(part) for part in number.split(".")[:3] if part.isdigit())

"""A database server for a few minutes: dumps are tried out in it, where nobody is disturbed.

It listens on a unix socket alone and syncs nothing, because all that is in it is thrown away.
"""

from __future__ import annotations

import secrets as randomness
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from telamon.errors import MachineError, PlatformError, TemporaryError, brief
from telamon.platforms.backup.database import Server
from telamon.platforms.backup.programs import Command, run
from telamon.platforms.backup.workplace import SOCKETS, workplace
from telamon.platforms.files import located, make_folder, write
from telamon.state.account import Account

PORT = 5432
"""Part of the socket's name; nothing listens on the network."""
STARTS_WITHIN = 60.0
"""Seconds."""
_OWNER = "telamon"
"""Role to which everything in it belongs."""
STOPS_WITHIN = 30.0
SETTINGS = (
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "archive_mode=off",
    "shared_buffers=64MB",
    "maintenance_work_mem=64MB",
    "max_wal_size=1GB",
    "autovacuum=off",
)


@contextmanager
def scratch(
    folder: Path, *, programs: str, account: Account | None, settings: Sequence[str] = SETTINGS
) -> Iterator[Server]:
    """A new, empty server, gone with everything in it at the end of the block.

    Args:
        folder: where its data goes; a workplace of its own.
        programs: folder of PostgreSQL's programs.
        account: whom it runs as; ``None``: as we do.
        settings: of the server.

    Raises:
        ConflictError: somebody else has one there.
        MachineError: the disk is full, or a program cannot be run.
        PlatformError: it does not start.
    """
    with workplace(folder):
        make_folder(folder, account=account)
        data, password = folder / "data", randomness.token_urlsafe(24)
        write(folder / "once", f"{password}\n", account=account)
        make_folder(data, account=account)
        words = (
            f"{programs}/initdb",
            f"--pgdata={data}",
            f"--username={_OWNER}",
            f"--pwfile={folder / 'once'}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        )
        run(Command(words, account=account))
        with serving(data, programs=programs, account=account, settings=settings) as sockets:
            yield Server(programs, sockets, PORT, _OWNER, password, account)


@contextmanager
def serving(
    data: Path,
    *,
    programs: str,
    account: Account | None,
    settings: Sequence[str],
    within: float = STARTS_WITHIN,
) -> Iterator[str]:
    """Run a server on a data folder while the block runs.

    Args:
        data: the folder.
        programs: folder of PostgreSQL's programs.
        account: whom it runs as; ``None``: as we do.
        settings: of the server.
        within: seconds in which it must take connections.

    Yields:
        The folder of its socket.
    """
    with tempfile.TemporaryDirectory(prefix="telamon-", ignore_cleanup_errors=True) as name:
        sockets = Path(name)
        make_folder(sockets, account=account)
        with located(data.parent):
            # Whoever finds this place after a kill removes that folder as well.
            (data.parent / SOCKETS).symlink_to(sockets)
        options = [
            word for setting in (*settings, f"unix_socket_directories={name}") for word in ("-c", setting)
        ]
        log = data.parent / "log"
        with located(log), log.open("wb") as output:
            try:
                process = subprocess.Popen(
                    [f"{programs}/postgres", "-D", str(data), "-p", str(PORT), *options],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=data,
                    env={"LC_ALL": "C"},
                    user=account.uid if account else None,
                    group=account.gid if account else None,
                    extra_groups=[] if account else None,
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise MachineError(
                    f"postgres cannot be run: {brief(error)}", remedy="Install the lab parts again."
                ) from error
        try:
            _wait(process, sockets, programs=programs, log=log, within=within)
            yield name
        finally:
            _stop(process)
            (data.parent / SOCKETS).unlink(missing_ok=True)


def _wait(
    process: subprocess.Popen[bytes], sockets: Path, *, programs: str, log: Path, within: float
) -> None:
    end = time.monotonic() + within
    asking = (f"{programs}/pg_isready", "--host", str(sockets), "--port", str(PORT), "--quiet")
    while run(Command(asking, fine=frozenset({0, 1, 2}))).code != 0:
        if process.poll() is not None or time.monotonic() > end:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            telling = [line for line in said if "FATAL" in line] or said or ["no reason"]
            raise PlatformError(f"the database server for the check did not start: {telling[-1][:200]}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOPS_WITHIN)
    except subprocess.TimeoutExpired as error:
        process.send_signal(signal.SIGQUIT)
        raise TemporaryError("the database server for the check did not stop", delay=5.0) from error

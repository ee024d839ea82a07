"""The controller of a state folder as the others meet it: where it answers, how it is started, who may be it."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from telamon.errors import ConflictError, MachineError, PlatformError, TelamonError, brief, retold

CONTROLLER_STARTS_WITHIN = 30.0
"""Seconds until a started controller must answer on its socket."""


def socket_path(root: Path) -> Path:
    """The socket on which the controller of a state folder answers."""
    return root / "run" / "controller.sock"


def log_path(root: Path) -> Path:
    """The controller's own log."""
    return root / "log" / "controller.log"


def start_controller(root: Path) -> None:
    """Start a controller that outlives this process and its terminal, and wait until it answers.

    Nothing happens where one answers already. Where another one has just been started, or is just ending, that is
    waited for.

    Raises:
        TelamonError: it ended at once; the error is its own.
        PlatformError: it does not answer in time.
    """
    path, log = socket_path(root), log_path(root)
    end = time.monotonic() + CONTROLLER_STARTS_WITHIN
    while not answers(path):
        error = _run_controller(root, end=end)
        if error is None:
            return
        if not isinstance(error, ConflictError):
            raise error
        while time.monotonic() < end and not answers(path) and not _is_free(root):
            time.sleep(0.05)
        if time.monotonic() >= end:
            raise PlatformError("the controller does not answer", remedy=f"Look at {log}.")


def _run_controller(root: Path, *, end: float) -> TelamonError | None:
    """Start one; returns when it answers, or with the reason why it ended.

    Args:
        root: its state folder.
        end: instant until which it must answer.
    """
    import subprocess

    from telamon.platforms.outliving import let_go

    log = log_path(root)
    _prepare_log(log)
    written = log.stat().st_size
    listening, telling = os.pipe()
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "telamon.operator", "--state", str(root), "--tell", str(telling)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
                pass_fds=(telling,),
            )
        os.close(telling)
        while time.monotonic() < end:
            if process.poll() is not None:
                return _farewell(listening, code=process.returncode, log=log, since=written)
            if answers(socket_path(root)):
                let_go(process)
                return None
            time.sleep(0.05)
    finally:
        os.close(listening)
    return PlatformError("the controller does not answer", remedy=f"Look at {log}.")


def _farewell(listening: int, *, code: int, log: Path, since: int) -> TelamonError:
    """Why a controller ended, in its own words where it left any."""
    with os.fdopen(os.dup(listening), encoding="utf-8", errors="replace") as pipe:
        said = pipe.read()
    try:
        return retold(json.loads(said))
    except ValueError:
        # A defect, or somebody has killed it: a traceback ends with what happened.
        last = log.read_bytes()[since:].decode(errors="replace").strip().splitlines()[-1:]
        return PlatformError(
            f"the controller ended at once (exit {code}){''.join(f': {line[:300]}' for line in last)}",
            remedy=f"The whole story is in {log}.",
        )


def _is_free(root: Path) -> bool:
    with controller_lease(root) as free:
        return free


def answers(path: Path) -> bool:
    """Whether somebody accepts connections on a unix socket."""
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _prepare_log(log: Path) -> None:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
    except OSError as error:
        raise MachineError(
            f"{log} cannot be written: {brief(error)}", remedy="Choose another folder with --state."
        ) from error


@contextmanager
def controller_lease(root: Path) -> Iterator[bool]:
    """The right to be the controller of a state folder, held while the block runs.

    The lock belongs to the open file, so the kernel lets go of it however the process ends.

    Yields:
        Whether it was to be had.
    """
    path = root / "run" / "controller.lock"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)

"""Serve an application on a unix socket, from a thread."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from telamon.errors import MachineError, PlatformError, brief

LONGEST_SOCKET_PATH = 107
"""Bytes. Source: unix(7), ``sun_path`` holds 108 bytes with its end."""

STARTS_WITHIN = 10.0
"""Seconds for the server's thread to accept connections."""


@contextmanager
def serve(application: Starlette, path: Path) -> Iterator[None]:
    """Serve until the block ends.

    Args:
        application: what answers.
        path: of the socket; one left over from a dead controller is replaced.

    Raises:
        MachineError: the path is too long, or the socket cannot be made.
        PlatformError: the server did not start.
    """
    listener = _bind(path)
    made = path.stat()
    config = uvicorn.Config(application, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="controller-api", daemon=True
    )
    thread.start()
    try:
        _await_start(server, thread)
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=STARTS_WITHIN)
        listener.close()
        # In a folder that was removed and made again, the socket there is a successor's.
        if _is(path, made):
            path.unlink(missing_ok=True)


def _bind(path: Path) -> socket.socket:
    length = len(bytes(path))
    if length > LONGEST_SOCKET_PATH:
        raise MachineError(
            f"{path} is {length} bytes long, and a unix socket's path holds {LONGEST_SOCKET_PATH}",
            remedy="choose a shorter state folder with --state or TELAMON_STATE",
        )
    try:
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(64)
    except OSError as error:
        raise MachineError(
            f"the controller's socket {path} cannot be made: {brief(error)}",
            remedy="check rights and free space of the state folder",
        ) from error
    return listener


def _is(path: Path, made: os.stat_result) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return os.path.samestat(found, made)


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    waited = threading.Event()
    for _ in range(int(STARTS_WITHIN / 0.02)):
        if server.started:
            return
        if not thread.is_alive():
            break
        waited.wait(0.02)
    raise PlatformError("the controller's socket does not answer", remedy="look at the controller's log")

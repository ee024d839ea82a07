"""The process: log, signals, web server, start, stop.

The main thread waits for a signal; the web server runs its event loop on a thread of its own and the
node starts on another, so that ``/status`` is answered from the first moment. SIGTERM leads to STOPPING:
requests are still answered for the set time, so that a balancer can send the next ones elsewhere, then
the listener closes, requests under way end, the node leaves its cluster, and the process exits with 0.
"""

from __future__ import annotations

import ctypes
import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp

from understudy.kit.control import Command, common_commands, serve_control
from understudy.kit.defects import Defect, Erring, defect_of
from understudy.kit.errors import SettingsError, UnderstudyError
from understudy.kit.homes import make_folder
from understudy.kit.joining import JoiningProtocol
from understudy.kit.lifecycle import Lifecycle, State
from understudy.kit.settings import Endpoint, Environment, KitSettings

_LOG = logging.getLogger("understudy.main")
_LOG_FORMAT = "%(asctime)s %(levelname)s [%(name)s] %(message)s"
_LOG_BYTES = 20 * 1024 * 1024
_GRACE_SECONDS = 20
_M_MMAP_THRESHOLD = -3
_SWITCH_SECONDS = 0.0005


class Node(Protocol):
    """What a product gives to the process."""

    @property
    def kit(self) -> KitSettings:
        """Settings of the stand-in itself."""

    @property
    def lifecycle(self) -> Lifecycle:
        """The states of the node."""

    @property
    def endpoint(self) -> Endpoint:
        """Where to serve HTTP."""

    @property
    def log_file(self) -> Path:
        """Where the product writes its log."""

    def application(self) -> ASGIApp:
        """The web application; called once, before the start."""

    def start(self) -> None:
        """Bring the node to RUNNING or FIRST_RUN; an error makes it ERROR. Runs on its own thread."""

    def stop(self) -> None:
        """Leave the cluster and close everything; requests have ended by then."""

    def commands(self) -> Mapping[str, Command]:
        """Commands for the control listener beyond the common ones."""


def run(make_node: Callable[[Environment], Node]) -> int:
    """Run a node until a signal ends it.

    Args:
        make_node: reads the environment and builds the node; it may raise
            :class:`~understudy.kit.errors.SettingsError`.

    Returns:
        The exit code: 0 after an orderly stop, 2 for wrong settings, 1 if the web server failed.
    """
    _give_memory_back()
    try:
        # The event loop must get its turn among busy threads, so that /status is answered in time.
        sys.setswitchinterval(_SWITCH_SECONDS)
        environment = Environment(os.environ)
        node = make_node(environment)
        defect = defect_of(node.kit.release, environment)
        environment.check()
        _set_up_log(node.log_file)
        if defect is Defect.DIES:
            threading.Event().wait(node.kit.start_seconds / 2)
            raise UnderstudyError(f"release {node.kit.release} cannot start")
        return _Process(node, defect).run()
    except SettingsError as error:
        for problem in error.problems:
            sys.stderr.write(f"ERROR {problem}\n")
        return 2
    except UnderstudyError as error:
        sys.stderr.write(f"ERROR {error}\n")
        return 1


class _Process:
    def __init__(self, node: Node, defect: Defect | None) -> None:
        self._node = node
        self._lifecycle = node.lifecycle
        listener = _bind(node.endpoint)
        application = node.application()
        config = uvicorn.Config(
            Erring(application) if defect is Defect.ERRS else application,
            log_config=None,
            access_log=False,
            lifespan="on",
            http=JoiningProtocol,
            ws="websockets-sansio",
            timeout_graceful_shutdown=_GRACE_SECONDS,
            timeout_keep_alive=75,
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._web = threading.Thread(target=self._server.run, args=([listener],), name="web", daemon=True)
        self._start = threading.Thread(target=self._start_node, name="start", daemon=True)

    def run(self) -> int:
        # A Java process writes what its threads do, and goes on. Source: Oracle, "The jstack Utility", Control+Break.
        faulthandler.register(signal.SIGQUIT, file=sys.stderr, all_threads=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._lifecycle.request_stop())
        node = self._node
        _LOG.info("release %s, listening on %s, process %d", node.kit.release, node.endpoint, os.getpid())
        if node.kit.control is not None:
            serve_control(node.kit.control, common_commands(node.lifecycle) | dict(node.commands()))
        self._web.start()
        self._start.start()
        while self._lifecycle.pause(1.0):
            if not self._web.is_alive():
                _LOG.error("the web server has ended by itself")
                return 1
        self._stop()
        return 0

    def _start_node(self) -> None:
        try:
            self._node.start()
        except UnderstudyError as error:
            self._lifecycle.move(State.ERROR, str(error))
        except Exception:  # noqa: BLE001 - whatever it was, the node must say ERROR and stay up.
            _LOG.exception("the start failed")
            self._lifecycle.move(State.ERROR, "the start failed by an internal error")

    def _stop(self) -> None:
        self._lifecycle.move(State.STOPPING, "a signal asked for it")
        threading.Event().wait(self._node.kit.stop_seconds)
        self._server.should_exit = True
        self._web.join(_GRACE_SECONDS + 5)
        self._start.join(5)
        self._node.stop()
        _LOG.info("stopped")


def _bind(endpoint: Endpoint) -> socket.socket:
    # The protocol has to be named: asyncio switches Nagle's delay off only for sockets that say they are TCP,
    # and with it each answer of two parts waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((endpoint.address, endpoint.port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise SettingsError((f"cannot listen on {endpoint}: {error.strerror}",)) from error
    return listener


def _set_up_log(path: Path) -> None:
    make_folder(path.parent)
    handlers: list[logging.Handler] = [
        logging.StreamHandler(sys.stdout),
        RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=5),
    ]
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT, handlers=handlers, force=True)
    for name in ("uvicorn", "uvicorn.error", "websockets", "asyncssh"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _give_memory_back() -> None:
    """Have the C library return large blocks to the system as soon as they are freed.

    Each commit of the index takes a block of 14 MB for a moment, on a thread of its own. glibc raises its
    threshold for such blocks when the first is freed and then keeps one in each of its arenas, which made
    a node grow from 65 to 150 MB under load. A fixed threshold stops that; other C libraries ignore it.
    """
    try:
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 1024 * 1024)
    except (OSError, AttributeError):
        _LOG.debug("this C library has no mallopt")

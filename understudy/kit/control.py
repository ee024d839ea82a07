"""The control listener: lets a test break a node in ways the network cannot.

It listens on an address of its own, only when ``UNDERSTUDY_CONTROL`` is set, and is no part of the
contract of any product. ``POST /<command>`` with a JSON object runs a command; the answer is JSON.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from understudy.kit.errors import SettingsError, UnderstudyError
from understudy.kit.lifecycle import Lifecycle, State
from understudy.kit.settings import Endpoint

_LOG = logging.getLogger("understudy.control")

Arguments = Mapping[str, Any]
Command = Callable[[Arguments], Arguments]


def serve_control(endpoint: Endpoint, commands: Mapping[str, Command]) -> ThreadingHTTPServer:
    """Begin to listen for commands, on threads of their own.

    Args:
        endpoint: where to listen.
        commands: by name.

    Raises:
        SettingsError: the port cannot be bound.
    """

    class Handler(BaseHTTPRequestHandler):
        """Runs one command for each request."""

        def do_POST(self) -> None:
            """Run the command that the path names."""
            length = int(self.headers.get("content-length") or 0)
            status, answer = _run(commands, self.path.strip("/"), self.rfile.read(length))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            _LOG.debug(format, *args)

    try:
        server = ThreadingHTTPServer((endpoint.address, endpoint.port), Handler)
    except OSError as error:
        raise SettingsError((f"cannot listen on {endpoint}: {error.strerror}",)) from error
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="control", daemon=True).start()
    return server


def common_commands(lifecycle: Lifecycle) -> dict[str, Command]:
    """Commands that every understudy has: ``state`` sets the state by name."""

    def set_state(arguments: Arguments) -> Arguments:
        lifecycle.move(State(str(arguments["state"])), "set by the control listener")
        return {"state": lifecycle.state}

    return {"state": set_state}


def _run(commands: Mapping[str, Command], name: str, body: bytes) -> tuple[int, Arguments]:
    command = commands.get(name)
    if command is None:
        return 404, {"error": f"no command {name!r}", "commands": sorted(commands)}
    try:
        arguments = json.loads(body or b"{}")
        _LOG.info("control: %s", name)
        return 200, command(arguments)
    except (ValueError, KeyError, UnderstudyError) as error:
        return 400, {"error": f"{type(error).__name__}: {error}"}

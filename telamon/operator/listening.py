"""Small HTTP servers of the operator, each in a thread of its own: what kubelets, meters and API servers ask."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from telamon.errors import MachineError, brief

PATIENCE: Final = 20.0
"""Seconds after which a connection on which nothing comes is ended."""


class Answering(BaseHTTPRequestHandler):
    """What every server here has in common."""

    protocol_version = "HTTP/1.1"
    timeout = PATIENCE

    def do_GET(self) -> None:
        """Answer a question."""
        self.get()

    def do_POST(self) -> None:
        """Answer a question that has a body."""
        self.post()

    def get(self) -> None:
        """What is answered to a question; where there is no answer, that."""
        self._refuse()

    def post(self) -> None:
        """What is answered to a question with a body; where there is no answer, that."""
        self._refuse()

    def send(self, code: int, data: bytes, *, form: str = "text/plain; charset=utf-8") -> None:
        """Answer.

        Args:
            code: HTTP status.
            data: body.
            form: its ``Content-Type``.
        """
        self.send_response(code)
        self.send_header("Content-Type", form)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _refuse(self) -> None:
        self.close_connection = True
        self.send(405, b"nobody asks for that here")

    def log_message(self, *_: object) -> None:
        """Say nothing: a line a request is more than anybody reads."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: whoever hangs up, or speaks no TLS, is no concern of ours."""


@contextmanager
def listening(
    listen: tuple[str, int],
    handler: type[Answering],
    *,
    name: str,
    tls: ssl.SSLContext | None = None,
) -> Iterator[tuple[str, int]]:
    """Answer until the block ends.

    Args:
        listen: address and port; port 0 takes one that is free.
        handler: of one connection.
        name: of the option that says where, for people.
        tls: by which connections are secured; a handshake is the affair of its connection, and delays no other.

    Yields:
        Address and port on which it listens.

    Raises:
        MachineError: nobody can listen there.
    """
    try:
        server = _Server(listen, handler)
    except OSError as error:
        raise MachineError(
            f"{listen[0]}:{listen[1]} cannot be listened on: {brief(error)}",
            remedy=f"Name another one with {name}.",
        ) from error
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), name=f"answers{name}", daemon=True)
    thread.start()
    try:
        yield str(server.server_address[0]), int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join(timeout=5.0)
        server.server_close()

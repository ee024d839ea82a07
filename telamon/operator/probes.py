"""What a kubelet asks: is it alive (``/healthz``), can it do its work (``/readyz``)?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from telamon.errors import MachineError, brief
from telamon.ports import Clock

SILENT: Final = 60.0
"""Seconds without an answer of the API server after which the operator is not ready. It is alive all the same: to start
it again would help nobody."""


@dataclass
class Probes:
    """What the probes know.

    Args:
        clock: injected time.
    """

    clock: Clock
    _heard: float = field(init=False, default=float("-inf"))

    def beat(self) -> None:
        """Say that the API server has answered."""
        self._heard = self.clock.now()

    def answer(self, path: str) -> tuple[int, str]:
        """Status and text of an answer."""
        if path == "/healthz":
            return 200, "ok"
        if path != "/readyz":
            return 404, "there are /healthz and /readyz"
        heard = self.clock.now() - self._heard < SILENT
        return (200, "ok") if heard else (503, "the API server does not answer")


@contextmanager
def probes(listen: tuple[str, int], clock: Clock) -> Iterator[Probes]:
    """Answer until the block ends.

    Args:
        listen: address and port.
        clock: injected time.

    Raises:
        MachineError: nobody can listen there.
    """
    known = Probes(clock)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, text = known.answer(self.path)
            data = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing: a line a probe is more than anybody reads."""

    try:
        server = ThreadingHTTPServer(listen, Handler)
    except OSError as error:
        raise MachineError(
            f"{listen[0]}:{listen[1]} cannot be listened on: {brief(error)}",
            remedy="Name another one with --listen.",
        ) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), name="probes", daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        thread.join(timeout=5.0)
        server.server_close()

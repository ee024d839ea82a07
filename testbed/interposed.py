"""A proxy before an API server that refuses, drops and holds requests as it is told.

It speaks plain HTTP on loopback to whoever is to be disturbed, and TLS to the API server; tokens pass through it.

Source: Kubernetes API concepts (a watch is an answer that goes on; an error is a ``Status``).
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
ANSWERED_WITHIN: Final = 90.0
"""Seconds that the API server has; a watch is quiet for as long as a minute."""


@dataclass(frozen=True)
class Asked:
    """A request.

    Attributes:
        method: of HTTP.
        path: without its query.
        is_watch: whether the answer goes on.
    """

    method: str
    path: str
    is_watch: bool

    @property
    def is_write(self) -> bool:
        """Whether it would change something."""
        return self.method in WRITES

    @property
    def resource(self) -> str:
        """Plural of what it is about, with the subresource after a slash."""
        words = self.path.strip("/").split("/")
        words = words[2:] if words[0] == "api" else words[3:]
        if words[:1] == ["namespaces"] and len(words) > 2:
            words = words[2:]
        return f"{words[0]}/{words[2]}" if len(words) > 2 else words[0]


@dataclass(frozen=True)
class Verdict:
    """What becomes of a request.

    Attributes:
        code: with which it is refused, unseen by the API server; 0: it is passed on.
        lines: of a watch that are passed on before it breaks off; ``None`` for all.
        held_until: it is passed on only then.
        afterwards: is called once the API server has answered, before anybody learns of it.
        silent: whether nobody ever learns of the answer.
    """

    code: int = 0
    lines: int | None = None
    held_until: threading.Event | None = None
    afterwards: Callable[[int], None] | None = None
    silent: bool = False


@dataclass
class Interposed:
    """A proxy that runs.

    Attributes:
        url: where it answers.
        judge: says what becomes of each request; it is asked from many threads.
    """

    url: str
    judge: Callable[[Asked], Verdict]
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def interposed(server: str, authority: str, *, judge: Callable[[Asked], Verdict]) -> Iterator[Interposed]:
    """Stand before an API server until the block ends.

    Args:
        server: its URL.
        authority: certificate authority of it, PEM.
        judge: says what becomes of each request.
    """
    listener = _Server(server, authority, judge)
    thread = threading.Thread(target=listener.serve_forever, args=(0.1,), name="interposed", daemon=True)
    thread.start()
    try:
        yield listener.made
    finally:
        listener.made.closing.set()
        listener.shutdown()
        thread.join()
        listener.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, server: str, authority: str, judge: Callable[[Asked], Verdict], /) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._where = urlsplit(server)
        self._trusted = ssl.create_default_context(cafile=authority)
        self.made = Interposed(f"http://127.0.0.1:{self.server_address[1]}", judge)

    def handle_error(self, *_: object) -> None:
        """Say nothing of one who went away in the middle: that is what this is for."""

    def connect(self) -> http.client.HTTPSConnection:
        """A connection to the API server."""
        return http.client.HTTPSConnection(
            self._where.hostname or "", self._where.port, timeout=ANSWERED_WITHIN, context=self._trusted
        )


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        asked = Asked(self.command, parts.path, "watch" in parse_qs(parts.query))
        verdict = self.server.made.judge(asked)
        if verdict.code:
            self._refuse(verdict.code)
            return
        if verdict.held_until is not None:
            verdict.held_until.wait(ANSWERED_WITHIN)
        # Who asked may be gone by now, and the API server too, at the end.
        with suppress(OSError, http.client.HTTPException):
            self._pass_on(body, verdict, is_watch=asked.is_watch)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """What the base class looks for by the method's name, e.g. ``do_PATCH``."""
        if name.startswith("do_"):
            return self.handle_any
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _refuse(self, code: int) -> None:
        reason = {409: "Conflict", 410: "Expired", 429: "TooManyRequests"}.get(code, "InternalError")
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "disturbed"}
        self._answer(code, json.dumps(status | {"reason": reason, "code": code}).encode())

    def _answer(self, code: int, data: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _pass_on(self, body: bytes, verdict: Verdict, *, is_watch: bool) -> None:
        connection = self.server.connect()
        try:
            left_out = {"host", "connection", "content-length", "accept-encoding"}
            headers = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
            connection.request(self.command, self.path, body=body or None, headers=headers)
            answer = connection.getresponse()
            if is_watch and answer.status == 200:
                self._stream(answer, verdict.lines)
                return
            data = answer.read()
            if verdict.afterwards is not None:
                verdict.afterwards(answer.status)
            if verdict.silent:
                self.close_connection = True
                return
            self._answer(answer.status, data)
        finally:
            connection.close()

    def _stream(self, answer: Any, lines: int | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        count = 0
        while not self.server.made.closing.is_set() and (lines is None or count < lines):
            line = answer.readline()
            if not line:
                self.wfile.write(b"0\r\n\r\n")
                return
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            count += 1
        # In the middle of an answer, as when a connection breaks.
        self.close_connection = True

"""A server between the real provider and what stands for AWS: some calls it answers itself, as AWS refuses them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

HOP = frozenset({"connection", "content-length", "host", "transfer-encoding", "accept-encoding"})
"""Headers that belong to one connection. Source: RFC 9110, "Connection"."""


@dataclass(frozen=True)
class Refusal:
    """How AWS refuses a call.

    Attributes:
        status: of HTTP.
        code: in the body.
        message: in the body.
    """

    status: int
    code: str
    message: str

    def body(self) -> bytes:
        """As the query protocols of EC2 and of the others write it. Source: Smithy, "AWS EC2 query protocol"."""
        error = f"<Error><Code>{self.code}</Code><Message>{self.message}</Message></Error>"
        return f"<Response><Errors>{error}</Errors>{error}<RequestID>1</RequestID></Response>".encode()


@dataclass
class Wayside:
    """What it does at the moment.

    Attributes:
        beyond: URL of what stands for AWS.
        refusals: by the name of the action.
        refused: how often each was.
    """

    beyond: str
    refusals: dict[str, Refusal] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @contextmanager
    def open(self) -> Iterator[str]:
        """Serve on loopback until the block ends. Yields the URL."""
        wayside = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, kind, answer = wayside.answer(self.path, dict(self.headers), body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        """Status, type and body of an answer."""
        (action,) = parse_qs(body.decode()).get("Action", [""])
        refusal = self.refusals.get(action)
        if refusal is not None:
            self.refused.append(action)
            return refusal.status, "text/xml", refusal.body()
        kept = {name: value for name, value in headers.items() if name.lower() not in HOP}
        try:
            with urlopen(Request(self.beyond + path, data=body, headers=kept)) as found:  # loopback alone
                return found.status, found.headers.get("Content-Type", "text/xml"), found.read()
        except HTTPError as error:
            return error.code, error.headers.get("Content-Type", "text/xml"), error.read()

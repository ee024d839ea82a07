"""A server between the real provider and what stands for AWS: some calls it answers itself, as AWS refuses them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

HOP = frozenset(
    {"connection", "content-length", "date", "host", "server", "transfer-encoding", "accept-encoding"}
)
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

    @property
    def xml(self) -> bytes:
        """As the query protocols of EC2 and of the others write it. Source: Smithy, "AWS EC2 query protocol"."""
        error = f"<Error><Code>{self.code}</Code><Message>{self.message}</Message></Error>"
        return f"<Response><Errors>{error}</Errors>{error}<RequestID>1</RequestID></Response>".encode()

    @property
    def json(self) -> bytes:
        """As the protocols in JSON write it. Source: Smithy, "AWS JSON 1.1 protocol"."""
        return json.dumps({"__type": self.code, "message": self.message}).encode()


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
                status, headers, answer = wayside.answer(
                    self.command, self.path, dict(self.headers), body=body
                )
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if self.command != "HEAD":
                    self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_GET(self) -> None:
                self.do_POST()

            def do_HEAD(self) -> None:
                self.do_POST()

            def do_PUT(self) -> None:
                self.do_POST()

            def do_DELETE(self) -> None:
                self.do_POST()

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

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], *, body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of an answer."""
        target = headers.get("X-Amz-Target", "").rpartition(".")[2]
        action = target or _action(headers, body)
        refusal = self.refusals.get(action)
        if refusal is not None:
            self.refused.append(action)
            if target:
                return refusal.status, {"Content-Type": "application/x-amz-json-1.1"}, refusal.json
            return refusal.status, {"Content-Type": "text/xml"}, refusal.xml
        kept = {name: value for name, value in headers.items() if name.lower() not in HOP}
        beyond = HTTPConnection(urlsplit(self.beyond).netloc)
        try:
            beyond.request(method, path, body=body, headers=kept)
            found = beyond.getresponse()
            told = {name: value for name, value in found.getheaders() if name.lower() not in HOP}
            if method == "HEAD" and found.headers["Content-Length"]:
                told["Content-Length"] = found.headers["Content-Length"]
            return found.status, told, found.read()
        finally:
            beyond.close()


def _action(headers: Mapping[str, str], body: bytes) -> str:
    """What is asked for, where the query protocol says it."""
    if not headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        return ""
    return parse_qs(body.decode()).get("Action", [""])[0]

"""Whom a product tells what happens: a mail server and a receiver of webhooks, which write down what reaches them."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Outsiders:
    """What was told.

    Attributes:
        mails: each as it was sent, headers included.
        calls: the body of each call of a webhook.
    """

    mails: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    @contextmanager
    def listening(self) -> Iterator[tuple[int, int]]:
        """Ports of the mail server and of the receiver, on loopback."""
        with ExitStack() as stack:
            servers = (
                stack.enter_context(_MailServer(("127.0.0.1", 0), _Mail)),
                stack.enter_context(_HookServer(("127.0.0.1", 0), _Hook)),
            )
            servers[0].mails, servers[1].calls = self.mails, self.calls
            for server in servers:
                thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
                thread.start()
                stack.callback(thread.join)
                stack.callback(server.shutdown)
            yield servers[0].server_address[1], servers[1].server_address[1]


class _MailServer(socketserver.ThreadingTCPServer):
    mails: list[str]


class _HookServer(ThreadingHTTPServer):
    calls: list[str]


class _Mail(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as a client needs to hand over a mail."""

    server: _MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 sink\r\n")
        for raw in self.rfile:
            word = raw.decode().strip().upper()
            if word == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            if word == "DATA":
                self.wfile.write(b"354 go on\r\n")
                self.server.mails.append(self._content())
            self.wfile.write(b"250 fine\r\n")

    def _content(self) -> str:
        lines = []
        for raw in self.rfile:
            line = raw.decode().rstrip("\r\n")
            if line == ".":
                break
            lines.append(line)
        return "\n".join(lines)


class _Hook(BaseHTTPRequestHandler):
    """Takes every call."""

    server: _HookServer

    def do_POST(self) -> None:
        self.server.calls.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's.
        """Nobody reads it."""

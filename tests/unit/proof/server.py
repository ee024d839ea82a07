"""A small web application with forms, sessions and faults, to send load at."""

from __future__ import annotations

import base64
import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

PASSWORD = "opensesame"
MEMBER = "127.9.8.7:8080"
PIN = base64.b64encode(bytes([0x0A, len(MEMBER)]) + MEMBER.encode()).decode()
PAGE = (
    "<html><form action='/find'><input name='q'></form>"
    "<form action='/enter?next=1' method='post'><input type='hidden' name='csrf' value='{csrf}'>"
    "<input name='user'><input type='password' name='pass'></form></html>"
)


@dataclass
class Application:
    """What the server knows; a test looks into it and changes it while load runs."""

    sessions: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    logins: int = 0
    seen: list[str] = field(default_factory=list)
    forget: bool = False
    loses: bool = False
    kept: list[bool] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))


class Handler(BaseHTTPRequestHandler):
    """Answers; ``application`` is set by :func:`served`."""

    protocol_version = "HTTP/1.1"
    application: Application

    def do_GET(self) -> None:
        match self.path.split("?")[0]:
            case "/login":
                csrf = f"c{next(self.application.numbers)}"
                with self.application.lock:
                    self.application.sessions[csrf] = ""
                self._answer(200, PAGE.format(csrf=csrf), [("Set-Cookie", f"sid={csrf}; Path=/")])
            case "/reset":
                self.close_connection = True
                self.connection.close()
            case "/broken":
                self._answer(500, "no")
            case "/gone":
                self._answer(404, "no")
            case path if path.endswith("/open"):
                self._answer(200, "anybody")
            case path if path.startswith("/shelf/"):
                shelf = f"{path.removeprefix('/shelf/')}-"
                notes = [text for name, text in self.application.notes.items() if name.startswith(shelf)]
                self._private(json.dumps([json.loads(text) for text in notes]))
            case path if path.startswith("/note/"):
                self._private(self.application.notes.get(path.removeprefix("/note/")))
            case _:
                self._private("hello")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/enter?next=1":
            self._enter({name: values[0] for name, values in parse_qs(body).items()})
            return
        number = str(next(self.application.numbers))
        if self._user():
            with self.application.lock:
                if int(number) % 7 or not self.application.loses:
                    self.application.notes[f"{self.path.rsplit('/', 1)[-1]}-{number}"] = body
        self._private(json.dumps({"note": {"id": number}}), status=201)

    def _enter(self, form: dict[str, str]) -> None:
        application, known = self.application, form.get("csrf") == self._cookie("sid")
        if not known or (form.get("user"), form.get("pass")) != ("ali", PASSWORD):
            self._answer(302, "", [("Location", "/login?failed")])
            return
        with application.lock:
            application.logins += 1
            application.kept.append("keep" in form)
            name = f"s{application.logins}"
            application.sessions[name] = "ali"
        self._answer(302, "", [("Location", "/"), ("Set-Cookie", f"sid={name}; HttpOnly")])

    def _private(self, text: str | None, *, status: int = 200) -> None:
        if not self._user():
            self._answer(401, "who are you?")
        elif text is None:
            self._answer(404, "no such note")
        else:
            self._answer(status, text)

    def _user(self) -> str:
        with self.application.lock:
            if self.application.forget and self.path != "/login":
                self.application.sessions.clear()
                self.application.forget = False
            return self.application.sessions.get(self._cookie("sid"), "")

    def _cookie(self, name: str) -> str:
        jar = dict(pair.strip().partition("=")[::2] for pair in self.headers.get("Cookie", "").split(";"))
        return jar.get(name, "")

    def _answer(self, status: int, text: str, headers: list[tuple[str, str]] | None = None) -> None:
        self.application.seen.append(f"{self.command} {self.path} {self.headers.get('Host')}")
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Set-Cookie", f'pin="{PIN}"; Path=/')
        for name, value in headers or []:
            self.send_header(name, value)
        with suppress(ConnectionError):
            # Load that is ended hangs up in the middle of an answer.
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's.
        """Nothing is written."""


@contextmanager
def served() -> Iterator[tuple[Application, int]]:
    """A running server; gives its application and port."""
    application = Application()
    handler = type("BoundHandler", (Handler,), {"application": application})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield application, server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

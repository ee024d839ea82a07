"""A registry is asked for digests, with and without a login."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from telamon.errors import PlatformError, TemporaryError, UsageError
from telamon.platforms.registry.client import ACCEPTED, Registries
from telamon.platforms.registry.credentials import Login, read_logins

MANIFEST = b'{"schemaVersion": 2}'
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"
USER = Login("reader", "pass word")


class Speaking(BaseHTTPRequestHandler):
    """Speaks the protocol's part for reading manifests, as its specification writes it."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/token":
            self._token(parse_qs(parts.query))
        elif parts.path.startswith("/v2/open/"):
            self._manifest()
        elif parts.path.startswith("/v2/silent/"):
            self._send(200, MANIFEST, {})
        elif parts.path.startswith("/v2/basic/"):
            self._guarded("Basic realm=registry", _basic(USER))
        elif parts.path.startswith("/v2/closed/"):
            where = f"http://{self.headers['Host']}/token"
            challenge = f'Bearer realm="{where}",service="here",scope="repository:closed/app:pull"'
            self._guarded(challenge, "Bearer good")
        elif parts.path.startswith("/v2/busy/"):
            self._send(429, b"", {})
        else:
            self._send(404, b"", {})

    def _guarded(self, challenge: str, wanted: str) -> None:
        if self.headers.get("Authorization") == wanted:
            self._manifest()
        else:
            self._send(401, b"", {"WWW-Authenticate": challenge})

    def _token(self, query: dict[str, list[str]]) -> None:
        asked = query.get("service") == ["here"] and query.get("scope") == ["repository:closed/app:pull"]
        allowed = asked and self.headers.get("Authorization") == _basic(USER)
        self._send(200 if allowed else 401, json.dumps({"token": "good"}).encode() if allowed else b"{}", {})

    def _manifest(self) -> None:
        assert self.headers["Accept"] == ACCEPTED
        self._send(200, MANIFEST, {"Docker-Content-Digest": DIGEST})

    def _send(self, code: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()


@pytest.fixture
def host() -> Iterator[str]:
    """A registry on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Speaking)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def asked(host: str, path: str, login: Login | None = None) -> str:
    """The digest of the tag 1 of a repository."""
    registries = Registries({} if login is None else {host: login})
    try:
        return registries.digest(host, path, tag="1")
    finally:
        registries.close()


def test_an_open_registry_tells_the_digest(host: str) -> None:
    assert asked(host, "open/app") == DIGEST


def test_a_registry_that_tells_none_is_asked_for_the_manifest_itself(host: str) -> None:
    assert asked(host, "silent/app") == DIGEST


@pytest.mark.parametrize("path", ["basic/app", "closed/app"])
def test_a_closed_registry_tells_it_to_whom_it_knows(host: str, path: str) -> None:
    assert asked(host, path, USER) == DIGEST
    with pytest.raises(PlatformError, match="does not let us read"):
        asked(host, path)
    with pytest.raises(PlatformError, match="does not let us read"):
        asked(host, path, Login("reader", "wrong"))


def test_what_is_not_there_and_what_is_busy_are_told_apart(host: str) -> None:
    with pytest.raises(PlatformError, match="there is no image"):
        asked(host, "nothing/app")
    with pytest.raises(TemporaryError):
        asked(host, "busy/app")
    with pytest.raises(PlatformError, match="does not answer"):
        asked("127.0.0.1:9", "open/app")


def test_a_password_is_in_no_text_of_ours() -> None:
    assert "pass word" not in repr(USER)


def test_logins_are_read_as_container_tools_keep_them(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    kept = {
        "auths": {
            "https://index.docker.io/v1/": {"auth": base64.b64encode(b"me:secret:word").decode()},
            "registry.acme.example": {"username": "you", "password": "word"},
            "ghcr.io": {},
        },
        "credsStore": "desktop",
    }
    file.write_text(json.dumps(kept), encoding="utf-8")
    logins = read_logins(file, required=True)
    assert logins == {"docker.io": Login("me", "secret:word"), "registry.acme.example": Login("you", "word")}
    assert read_logins(tmp_path / "none.json", required=False) == {}
    with pytest.raises(UsageError, match="there is no file"):
        read_logins(tmp_path / "none.json", required=True)
    file.write_text('{"auths": {"a": {"auth": "%%"}}}', encoding="utf-8")
    with pytest.raises(UsageError, match="no file of logins"):
        read_logins(file, required=True)

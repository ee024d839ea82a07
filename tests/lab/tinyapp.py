"""A small clustered application: it says how it is, who it is, and keeps rows in PostgreSQL.

It is started as any application is, from a profile, and knows nothing of who keeps it up.
"""

from __future__ import annotations

import json
import os
import signal
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg

STARTED = time.monotonic()
START_SECONDS = float(os.environ.get("TINY_START_SECONDS", "0.3"))
STOPPING = threading.Event()
UNDER_WAY = threading.BoundedSemaphore(64)


class Handler(BaseHTTPRequestHandler):
    """Pages of one node."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with UNDER_WAY:
            self._get()

    def do_POST(self) -> None:
        with UNDER_WAY:
            self._post()

    def _get(self) -> None:
        path, _, query = self.path.partition("?")
        if path.endswith("/status"):
            self._answer({"state": state()})
            return
        if path.endswith("/slow"):
            time.sleep(float(query))
        if path.endswith("/rows"):
            self._rows()
            return
        if path.endswith("/echo") and self.headers.get("Upgrade", "").lower() == "websocket":
            self._echo()
            return
        told = {name.lower(): value for name, value in self.headers.items()}
        self._answer({"node": os.environ["TINY_NODE"], "path": path, "headers": told})

    def _echo(self) -> None:
        """Send back every line, upgraded and then left alone by whoever stands between."""
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        self.close_connection = True
        for line in self.rfile:
            self.wfile.write(line)

    def _rows(self) -> None:
        """Everything that was kept."""
        try:
            with connect() as connection:
                kept = [row[0] for row in connection.execute("SELECT text FROM rows ORDER BY id").fetchall()]
        except psycopg.Error:
            self._answer({"error": "the database is away"}, status=500)
            return
        self._answer({"rows": kept})

    def _post(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        try:
            with connect() as connection:
                connection.execute("INSERT INTO rows (text) VALUES (%s)", (text,))
        except psycopg.Error:
            self._answer({"error": "the database is away"}, status=500)
            return
        self._answer({"node": os.environ["TINY_NODE"], "kept": text}, status=201)

    def log_message(self, *_: Any) -> None:
        """Say nothing: a line a request is more than anybody reads."""

    def _answer(self, body: object, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def connect() -> psycopg.Connection:
    """A connection of one's own: enough for a test."""
    return psycopg.connect(os.environ["TINY_DATABASE"], connect_timeout=2)


def state() -> str:
    """What the node says it is."""
    if STOPPING.is_set():
        return "STOPPING"
    return "STARTING" if time.monotonic() - STARTED < START_SECONDS else "RUNNING"


class Banner(socketserver.BaseRequestHandler):
    """A protocol in which the server speaks first."""

    def handle(self) -> None:
        """Say what this is and which node it is."""
        self.request.sendall(f"TINY-1.0 {os.environ['TINY_NODE']}\n".encode())


class BannerServer(socketserver.ThreadingTCPServer):
    """Serves banners."""

    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    """Serve until asked to stop."""
    host, _, port = sys.argv[1].rpartition(":")
    with connect() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(1)")
        connection.execute("CREATE TABLE IF NOT EXISTS rows (id bigserial PRIMARY KEY, text text NOT NULL)")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    # A kept-alive connection must not hold up the end; a request under way must.
    server.daemon_threads = True

    banner = os.environ.get("TINY_BANNER", "")
    if banner:
        speaker = BannerServer((host, int(banner)), Banner)
        threading.Thread(target=speaker.serve_forever, daemon=True).start()

    def stop(*_: object) -> None:
        STOPPING.set()
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    server.serve_forever(poll_interval=0.05)
    for _ in range(64):
        UNDER_WAY.acquire(timeout=5)


if __name__ == "__main__":
    main()

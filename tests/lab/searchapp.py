"""A small application that searches: each node reads an index of its own, and opens it anew when the folder changes.

Who writes the indexes is no part of it. What it counts on is that a folder holds documents 0, 1, 2 … up to some last
one, as :func:`grow` writes them; an index of which that is not so is torn, and whoever asks is told.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import tantivy

Read = tuple[tuple[int, int], tantivy.Index]


def schema() -> tantivy.Schema:
    """Of a document: its number, and some words that take room."""
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("number", stored=True, indexed=True, fast=True)
    builder.add_text_field("words", stored=True)
    return builder.build()


def grow(folder: Path, *, more: int) -> None:
    """Write more documents into a folder, each hundred as a commit of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    index = tantivy.Index(schema(), path=str(folder), reuse=True)
    index.reload()
    writer = index.writer(heap_size=15_000_000, num_threads=1)
    known = index.searcher().num_docs
    for number in range(known, known + more):
        words = " ".join(f"w{number * step}" for step in range(60))
        writer.add_document(tantivy.Document(number=number, words=words))
        if number % 100 == 99:
            writer.commit()
    writer.commit()
    writer.wait_merging_threads()


class Reader:
    """The index of a node, as it was opened last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._read: Read | None = None

    def count(self) -> int:
        """How many documents there are.

        Raises:
            ValueError: it cannot be read, or is not whole.
        """
        searcher = self._index().searcher()
        count = searcher.num_docs
        if not count:
            return 0
        last = searcher.search(tantivy.Query.all_query(), limit=1, order_by_field="number").hits[0]
        number = searcher.doc(last[1])["number"][0]
        if number != count - 1:
            raise ValueError(f"{count} documents, and the last one is number {number}")
        return count

    def _index(self) -> tantivy.Index:
        with self._lock:
            folder = self._folder.stat()
            known = (folder.st_ino, (self._folder / "meta.json").stat().st_mtime_ns)
            if self._read is None or self._read[0] != known:
                self._read = known, tantivy.Index(schema(), path=str(self._folder), reuse=True)
            return self._read[1]


class Handler(BaseHTTPRequestHandler):
    """Pages of one node."""

    protocol_version = "HTTP/1.1"
    reader: Reader

    def do_GET(self) -> None:
        if self.path == "/status":
            self._answer({"state": "RUNNING"})
            return
        node = os.environ["SEARCH_NODE"]
        try:
            self._answer({"node": node, "count": self.reader.count()})
        except (OSError, ValueError) as error:
            self._answer({"node": node, "error": str(error)}, status=500)

    def _answer(self, told: object, *, status: int = 200) -> None:
        content = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until somebody asks for an end."""
    folder = Path(os.environ["SEARCH_HOME"]) / "index"
    if not folder.exists():
        grow(folder, more=0)
    Handler.reader = Reader(folder)
    host, _, port = sys.argv[1].partition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()


if __name__ == "__main__":
    main()

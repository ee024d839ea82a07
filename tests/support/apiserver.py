"""An API server for the command line: it keeps what is written to it, and knows neither kinds nor rights."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from telamon.desired.kubernetes.data import Object
from telamon.platforms.kubernetes.api import Kind


class KeptObjects:
    """What an API server keeps, by path.

    Attributes:
        objects: as they are now.
        made: is told of each object that is created, and may change it.
        refused: words with which a write to a path is refused.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.made: Callable[[Object], object] = lambda _: None
        self.refused: dict[str, str] = {}
        self._writes = 0

    def put(self, item: Object) -> None:
        """Keep an object, whoever has written it."""
        metadata = item["metadata"]
        self._keep(Kind.of(item).path(str(metadata.get("namespace", "")), str(metadata["name"])), item)

    def find(self, kind: Kind, namespace: str, name: str = "") -> list[Object]:
        """One object, or all of a kind in a namespace."""
        path = kind.path(namespace, name)
        return [item for key, item in self.objects.items() if key == path or key.startswith(f"{path}/")]

    def answer(self, method: str, path: str, body: Any, form: str) -> tuple[int, Any]:
        """The status and the document with which a request is answered."""
        if method != "GET" and path in self.refused:
            return 403, {"kind": "Status", "reason": "Forbidden", "message": self.refused[path]}
        if method == "GET":
            return self._read(path)
        if method == "POST":
            target = f"{path}/{body['metadata']['name']}"
            if target in self.objects:
                return 409, {"kind": "Status", "reason": "AlreadyExists", "message": "it is there"}
            made = self._keep(target, body)
            self.made(made)
            return 201, made
        target = path.removesuffix("/status")
        before = self.objects.get(target, {})
        if method == "DELETE":
            return self._delete(target, before)
        known = before.get("metadata", {}).get("resourceVersion")
        if body["metadata"].get("resourceVersion", known) != known:
            return 409, {"kind": "Status", "reason": "Conflict", "message": "it was changed meanwhile"}
        if "apply" in form:
            metadata = {**before.get("metadata", {}), **body["metadata"]}
            return 200, self._keep(target, {**body, "status": before.get("status", {}), "metadata": metadata})
        kept = self._keep(target, _merged(before, body))
        if "deletionTimestamp" in kept["metadata"] and not kept["metadata"].get("finalizers"):
            del self.objects[target]
        return 200, kept

    def _delete(self, path: str, found: Object) -> tuple[int, Any]:
        if not found:
            return self._read(path)
        if found["metadata"].get("finalizers"):
            leaving = {**found["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
            return 200, self._keep(path, {**found, "metadata": leaving})
        return 200, self.objects.pop(path)

    def _read(self, path: str) -> tuple[int, Any]:
        if path in self.objects:
            return 200, self.objects[path]
        kind = path.rpartition("/")[2]
        if kind.startswith("v") and "/namespaces/" not in path:
            return 200, {"kind": "APIResourceList"}
        items = [item for key, item in self.objects.items() if key.rpartition("/")[0] == path]
        if items or kind in {"stacks", "operations"}:
            return 200, {"items": items, "metadata": {}}
        return 404, {"kind": "Status", "reason": "NotFound", "message": f"{path} is not there"}

    def _keep(self, path: str, item: Object) -> Object:
        self._writes += 1
        before = self.objects.get(path)
        generation = 1 if before is None else int(before["metadata"]["generation"])
        if before is not None and before.get("spec") != item.get("spec"):
            generation += 1
        counted = {
            "uid": str(item["metadata"].get("uid") or f"uid-{self._writes}"),
            "resourceVersion": str(self._writes),
            "generation": generation,
        }
        kept = dict(item) | {"metadata": {**item["metadata"], **counted}}
        self.objects[path] = kept
        return kept


def _merged(before: Object, changes: Object) -> dict[str, Any]:
    """A document after a JSON merge patch. Source: RFC 7396."""
    merged = dict(before)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            merged[key] = _merged(merged.get(key) or {}, value)
        else:
            merged[key] = value
    return merged


@contextmanager
def serving(kept: KeptObjects, folder: Path) -> Iterator[Path]:
    """Serve what is kept. Yields a kubeconfig with the context ``one``.

    Args:
        kept: what is served.
        folder: where the kubeconfig goes.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            form = self.headers.get("Content-Type", "")
            code, document = kept.answer(self.command, urlsplit(self.path).path, body, form)
            content = json.dumps(document).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    known = {
        "clusters": [{"name": "one", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "ada", "user": {}}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "ada"}}],
        "current-context": "one",
    }
    path = folder / "kubeconfig.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **known}), encoding="utf-8")
    try:
        yield path
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""Routes of the search node.

Source: OpenSearch documentation, "REST API reference": root, ``_cluster/health``, CAT, index, document, bulk,
search, count, delete-by-query and refresh APIs.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from understudy.search import searching
from understudy.search.bulk import read_bulk, run_bulk
from understudy.search.errors import InvalidRequest, SearchError
from understudy.search.index import PRIMARY_TERM, Index, Write, Written
from understudy.search.mapping import check_properties, nested
from understudy.search.settings import ADMINISTRATOR, NodeSettings
from understudy.search.store import Store

SHARDS = {"total": 1, "successful": 1, "failed": 0}


class SearchApi:
    """The endpoints, over one store."""

    def __init__(self, store: Store, settings: NodeSettings) -> None:
        self._store = store
        self._settings = settings

    def application(self) -> Starlette:
        """Assemble the routes; every one but the root's neighbours works on a thread."""
        routes = [
            self._route("/", self.root, "GET"),
            self._route("/_cluster/health", self.health, "GET"),
            self._route("/_cat/nodes", self.cat_nodes, "GET"),
            self._route("/_cat/indices", self.cat_indices, "GET"),
            self._route("/_cat/health", self.cat_health, "GET"),
            self._route("/_bulk", self.bulk, "POST", "PUT"),
            self._route("/_search", self.search, "GET", "POST"),
            self._route("/{index}/_bulk", self.bulk, "POST", "PUT"),
            self._route("/{index}/_search", self.search, "GET", "POST"),
            self._route("/{index}/_count", self.count, "GET", "POST"),
            self._route("/{index}/_refresh", self.refresh, "GET", "POST"),
            self._route("/{index}/_mapping", self.mapping, "GET", "PUT"),
            self._route("/{index}/_delete_by_query", self.delete_by_query, "POST"),
            self._route("/{index}/_doc", self.add_document, "POST"),
            self._route("/{index}/_doc/{id}", self.document, "GET", "HEAD", "PUT", "POST", "DELETE"),
            self._route("/{index}/_create/{id}", self.create_document, "PUT", "POST"),
            self._route("/{index}", self.index, "GET", "HEAD", "PUT", "DELETE"),
        ]
        return Starlette(routes=routes)

    def _route(self, path: str, work: Callable[[Request, bytes], Response], *methods: str) -> Route:
        return Route(path, self._guarded(work), methods=list(methods))

    def _guarded(
        self, work: Callable[[Request, bytes], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if not self._may_enter(request):
                challenge = {"WWW-Authenticate": 'Basic realm="OpenSearch Security"'}
                return PlainTextResponse("Unauthorized", 401, headers=challenge)
            body = await request.body()
            try:
                return await run_in_threadpool(work, request, body)
            except SearchError as problem:
                return JSONResponse(problem.body(), problem.status)

        return endpoint

    def _may_enter(self, request: Request) -> bool:
        if self._settings.password is None:
            return True
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            return False
        wanted = f"{ADMINISTRATOR}:{self._settings.password}".encode()
        return scheme.lower() == "basic" and hmac.compare_digest(given, wanted)

    def root(self, request: Request, _: bytes) -> Response:
        """``GET /``: who this is."""
        version = {
            "distribution": "opensearch",
            "number": str(self._settings.release),
            "build_type": "understudy",
            "minimum_wire_compatibility_version": f"{self._settings.release.major}.0.0",
            "minimum_index_compatibility_version": f"{self._settings.release.major}.0.0",
        }
        return JSONResponse(
            {
                "name": self._settings.node_name,
                "cluster_name": self._settings.cluster_name,
                "version": version,
                "tagline": "Understudy of a search server",
            }
        )

    def health(self, request: Request, _: bytes) -> Response:
        """``GET /_cluster/health``."""
        indices = self._store.all()
        unassigned = sum(int(index.settings["number_of_replicas"]) for index in indices)
        return JSONResponse(
            {
                "cluster_name": self._settings.cluster_name,
                "status": self._store.health(),
                "timed_out": False,
                "number_of_nodes": 1,
                "number_of_data_nodes": 1,
                "active_primary_shards": len(indices),
                "active_shards": len(indices),
                "relocating_shards": 0,
                "initializing_shards": 0,
                "unassigned_shards": unassigned,
                "number_of_pending_tasks": 0,
                "active_shards_percent_as_number": 100.0 * len(indices) / (len(indices) + unassigned)
                if indices
                else 100.0,
            }
        )

    def cat_nodes(self, request: Request, _: bytes) -> Response:
        """``GET /_cat/nodes``."""
        row = {
            "ip": self._settings.listen.address,
            "node.role": "dim",
            "cluster_manager": "*",
            "name": self._settings.node_name,
        }
        return cat(request, [row])

    def cat_health(self, request: Request, _: bytes) -> Response:
        """``GET /_cat/health``."""
        row = {"cluster": self._settings.cluster_name, "status": self._store.health(), "node.total": "1"}
        return cat(request, [row])

    def cat_indices(self, request: Request, _: bytes) -> Response:
        """``GET /_cat/indices``."""
        rows = []
        for index in self._store.all():
            replicas = int(index.settings["number_of_replicas"])
            health = "red" if index.broken else "yellow" if replicas else "green"
            rows.append(
                {
                    "health": health,
                    "status": "open",
                    "index": index.name,
                    "uuid": index.identity,
                    "pri": "1",
                    "rep": str(replicas),
                    "docs.count": str(index.view().num_docs),
                }
            )
        return cat(request, rows)

    def index(self, request: Request, body: bytes) -> Response:
        """``GET``, ``HEAD``, ``PUT`` and ``DELETE`` of ``/{index}``."""
        name = request.path_params["index"]
        if request.method == "PUT":
            declared = read_object(body)
            unknown = sorted(set(declared) - {"settings", "mappings"})
            if unknown:
                raise InvalidRequest(f"unknown key [{unknown[0]}] for create index", kind="parse_exception")
            settings = declared.get("settings", {})
            mappings = declared.get("mappings", {})
            properties = check_properties(mappings.get("properties", {}))
            self._store.create(name, settings.get("index", settings), properties=properties)
            return JSONResponse({"acknowledged": True, "shards_acknowledged": True, "index": name})
        if request.method == "DELETE":
            self._store.delete(name)
            return JSONResponse({"acknowledged": True})
        index = self._store.get(name)
        settings = {"index": {**{k: str(v) for k, v in index.settings.items()}, "uuid": index.identity}}
        return JSONResponse({name: {"aliases": {}, "mappings": mappings_of(index), "settings": settings}})

    def mapping(self, request: Request, body: bytes) -> Response:
        """``GET`` and ``PUT`` of ``/{index}/_mapping``."""
        index = self._store.get(request.path_params["index"])
        if request.method == "PUT":
            index.extend_mapping(check_properties(read_object(body).get("properties", {})))
            return JSONResponse({"acknowledged": True})
        return JSONResponse({index.name: {"mappings": mappings_of(index)}})

    def document(self, request: Request, body: bytes) -> Response:
        """``GET``, ``PUT`` and ``DELETE`` of ``/{index}/_doc/{id}``."""
        identity = request.path_params["id"]
        if request.method in {"GET", "HEAD"}:
            return self._read(request.path_params["index"], identity)
        expected = request.query_params.get("if_seq_no")
        if expected is not None and request.query_params.get("if_primary_term") != str(PRIMARY_TERM):
            raise InvalidRequest("if_seq_no is set, but if_primary_term is not this index's")
        create = request.query_params.get("op_type") == "create"
        source = None if request.method == "DELETE" else read_object(body)
        change = Write(
            identity, source, create=create, expected=None if expected is None else to_number(expected)
        )
        return self._write(request, change)

    def create_document(self, request: Request, body: bytes) -> Response:
        """``PUT /{index}/_create/{id}``: refuses when the document exists."""
        return self._write(request, Write(request.path_params["id"], read_object(body), create=True))

    def add_document(self, request: Request, body: bytes) -> Response:
        """``POST /{index}/_doc``: the node picks the id."""
        return self._write(request, Write(new_identity(), read_object(body), create=True))

    def _read(self, name: str, identity: str) -> Response:
        found = self._store.get(name).get(identity)
        if found is None:
            return JSONResponse({"_index": name, "_id": identity, "found": False}, 404)
        return JSONResponse(
            {
                "_index": name,
                "_id": identity,
                "_version": found["version"],
                "_seq_no": found["seq_no"],
                "_primary_term": PRIMARY_TERM,
                "found": True,
                "_source": found["source"],
            }
        )

    def _write(self, request: Request, change: Write) -> Response:
        name = request.path_params["index"]
        index = self._store.get(name) if change.source is None else self._store.ensure(name)
        (outcome,) = index.write([change])
        if isinstance(outcome, SearchError):
            raise outcome
        refresh_if_asked(request, [index])
        return JSONResponse(shape_written(index, outcome), write_status(outcome))

    def bulk(self, request: Request, body: bytes) -> Response:
        """``POST /_bulk``: many writes, each with an outcome of its own."""
        actions = read_bulk(body, default_index=request.path_params.get("index"))
        items, touched = run_bulk(self._store, actions)
        refresh_if_asked(request, touched)
        failed = any("error" in outcome for item in items for outcome in item.values())
        return JSONResponse({"took": 0, "errors": failed, "items": items})

    def search(self, request: Request, body: bytes) -> Response:
        """``POST /{index}/_search``; without an index, all of them."""
        wanted = read_object(body) if body else {}
        for key in ("from", "size"):
            if key in request.query_params:
                wanted[key] = to_number(request.query_params[key])
        return JSONResponse(searching.search(list(self._named(request)), wanted))

    def count(self, request: Request, body: bytes) -> Response:
        """``POST /{index}/_count``."""
        total = searching.count(list(self._named(request)), read_object(body) if body else {})
        return JSONResponse({"count": total, "_shards": SHARDS})

    def refresh(self, request: Request, _: bytes) -> Response:
        """``POST /{index}/_refresh``."""
        for index in self._named(request):
            index.refresh()
        return JSONResponse({"_shards": SHARDS})

    def delete_by_query(self, request: Request, body: bytes) -> Response:
        """``POST /{index}/_delete_by_query``: removes what a search would find now."""
        deleted = 0
        query = read_object(body)
        for index in self._named(request):
            index.refresh()
            while identities := searching.matching_ids(index, query):
                index.write([Write(identity, None) for identity in identities])
                index.refresh()
                deleted += len(identities)
        return JSONResponse(
            {
                "took": 0,
                "timed_out": False,
                "total": deleted,
                "deleted": deleted,
                "failures": [],
            }
        )

    def _named(self, request: Request) -> Iterator[Index]:
        names = request.path_params.get("index", "_all")
        if names in {"_all", "*"}:
            yield from self._store.all()
            return
        for name in names.split(","):
            yield self._store.get(name)


def mappings_of(index: Index) -> dict[str, Any]:
    """The mapping of an index as REST shows it."""
    return {"properties": nested(index.properties)} if index.properties else {}


def shape_written(index: Index, outcome: Written) -> dict[str, Any]:
    """The outcome of one write as REST shows it."""
    return {
        "_index": index.name,
        "_id": outcome.identity,
        "_version": outcome.version,
        "result": outcome.result,
        "_shards": SHARDS,
        "_seq_no": outcome.seq_no,
        "_primary_term": PRIMARY_TERM,
    }


def write_status(outcome: Written) -> int:
    """201 for a new document, 404 for the removal of an absent one, else 200."""
    return {"created": 201, "not_found": 404}.get(outcome.result, 200)


def refresh_if_asked(request: Request, indices: list[Index]) -> None:
    """Honour ``?refresh``; ``wait_for`` is answered by refreshing at once."""
    wanted = request.query_params.get("refresh")
    if wanted in {"", "true", "wait_for"}:
        for index in indices:
            index.refresh()
    elif wanted not in {None, "false"}:
        raise InvalidRequest(f"Unknown value for refresh: [{wanted}].")


def read_object(body: bytes) -> dict[str, Any]:
    """The request body as a JSON object; an empty body is an empty object."""
    if not body:
        return {}
    try:
        value = json.loads(body)
    except ValueError as problem:
        raise InvalidRequest("request body is not valid JSON", kind="parse_exception") from problem
    if not isinstance(value, dict):
        raise InvalidRequest("request body must be an object", kind="parse_exception")
    return value


def to_number(text: str) -> int:
    """A number out of the query string."""
    if not text.isdecimal():
        raise InvalidRequest(f"Failed to parse [{text}] as a number")
    return int(text)


def cat(request: Request, rows: list[dict[str, str]]) -> Response:
    """A CAT view: columns of text, with ``?v`` a heading, with ``?format=json`` JSON."""
    if request.query_params.get("format") == "json":
        return JSONResponse(rows)
    lines = [" ".join(row.values()) for row in rows]
    if "v" in request.query_params and rows:
        lines.insert(0, " ".join(rows[0]))
    return PlainTextResponse("".join(f"{line}\n" for line in lines))


def new_identity() -> str:
    """A URL-safe id that sorts nowhere in particular, as the server's own ids."""
    return base64.urlsafe_b64encode(secrets.token_bytes(15)).decode()

"""Runs searches: the request body in, the response body out.

Held of the body: ``query``, ``from``, ``size``, ``_source`` (true, false or a list of fields) and
``track_total_hits`` (totals are always exact). Anything else is refused.
Source: OpenSearch documentation, "Search API"; ``index.max_result_window`` 10,000.
"""

from __future__ import annotations

import time
from typing import Any, cast

import tantivy

from understudy.search.errors import InvalidRequest
from understudy.search.index import Index
from understudy.search.queries import QueryBuilder
from understudy.search.segments import read_stored

DEFAULT_SIZE = 10
MAX_RESULT_WINDOW = 10_000
BODY_KEYS = frozenset({"query", "from", "size", "_source", "track_total_hits"})
DELETE_BATCH = 1000


def search(indices: list[Index], body: dict[str, Any]) -> dict[str, Any]:
    """Search several indices and merge their hits by score.

    Raises:
        InvalidRequest: The body is malformed or asks for what is not held.
    """
    began = time.monotonic()
    unknown = sorted(set(body) - BODY_KEYS)
    if unknown:
        raise InvalidRequest(f"unknown key for a search body [{unknown[0]}]", kind="parsing_exception")
    first, size = window(body)
    query = body.get("query", {"match_all": {}})
    hits: list[tuple[float, dict[str, Any]]] = []
    total = 0
    for index in indices:
        view = index.view()
        found = view.search(QueryBuilder(index.schema, index.properties).build(query), max(1, first + size))
        total += count_of(found)
        for score, address in found.hits:
            document = read_stored(view, address)
            hits.append(
                (
                    float(score),
                    {"_index": index.name, "_id": document["id"], "_source": document["source"]},
                )
            )
    hits.sort(key=lambda hit: -hit[0])
    shown = [
        shape_hit(hit, score, selection=body.get("_source", True))
        for score, hit in hits[first : first + size]
    ]
    return {
        "took": int((time.monotonic() - began) * 1000),
        "timed_out": False,
        "_shards": {"total": len(indices), "successful": len(indices), "skipped": 0, "failed": 0},
        "hits": {
            "total": {"value": total, "relation": "eq"},
            "max_score": hits[0][0] if hits else None,
            "hits": shown,
        },
    }


def window(body: dict[str, Any]) -> tuple[int, int]:
    """The part of the result asked for: index of the first hit and number of hits."""
    first, size = body.get("from", 0), body.get("size", DEFAULT_SIZE)
    if not isinstance(first, int) or not isinstance(size, int) or first < 0 or size < 0:
        raise InvalidRequest("[from] and [size] must be numbers that are not negative")
    if first + size > MAX_RESULT_WINDOW:
        raise InvalidRequest(
            f"Result window is too large, from + size must be less than or equal to: [{MAX_RESULT_WINDOW}]"
        )
    return first, size


def shape_hit(hit: dict[str, Any], score: float, *, selection: Any) -> dict[str, Any]:
    """One hit as shown, with the part of its source that was asked for."""
    shown = {"_index": hit["_index"], "_id": hit["_id"], "_score": score}
    if selection is True:
        shown["_source"] = hit["_source"]
    elif isinstance(selection, list):
        shown["_source"] = {key: value for key, value in hit["_source"].items() if key in selection}
    elif selection is not False:
        raise InvalidRequest("[_source] must be true, false or a list of fields", kind="parsing_exception")
    return shown


def count(indices: list[Index], body: dict[str, Any]) -> int:
    """How many documents meet a query.

    Raises:
        InvalidRequest: The body is malformed.
    """
    if set(body) - {"query"}:
        raise InvalidRequest("request does not support anything but [query]", kind="parsing_exception")
    query = body.get("query", {"match_all": {}})
    total = 0
    for index in indices:
        found = index.view().search(QueryBuilder(index.schema, index.properties).build(query), 1)
        total += count_of(found)
    return total


def count_of(found: tantivy.SearchResult) -> int:
    """How many documents a query met, however few were asked for; missing in the library's type stubs."""
    return int(cast(Any, found).count or 0)


def matching_ids(index: Index, body: dict[str, Any]) -> list[str]:
    """The ids of at most one batch of the visible documents that meet a query."""
    if set(body) != {"query"}:
        raise InvalidRequest("query is missing", kind="action_request_validation_exception")
    view = index.view()
    found = view.search(
        QueryBuilder(index.schema, index.properties).build(body["query"]), DELETE_BATCH, count=False
    )
    return [read_stored(view, address)["id"] for _, address in found.hits]

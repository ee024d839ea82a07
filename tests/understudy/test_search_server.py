"""The search server: documents that survive a crash, queries, refusals."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.understudy.gitserver import SearchServer
from understudy.bitbucket.companion import Companion
from understudy.bitbucket.errors import CompanionUnavailable
from understudy.bitbucket.settings import CompanionSettings
from understudy.search.translog import Translog, read_operations

pytestmark = pytest.mark.lab


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SearchServer]:
    server = SearchServer.make(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def client(server: SearchServer) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def found(client: httpx.Client, query: dict[str, Any], index: str = "books") -> set[str]:
    answer = client.post(f"/{index}/_search", json={"query": query, "size": 100}).json()
    assert answer["hits"]["total"]["value"] == len(answer["hits"]["hits"])
    return {hit["_id"] for hit in answer["hits"]["hits"]}


def bulk(client: httpx.Client, lines: list[dict[str, Any]], index: str = "books") -> dict[str, Any]:
    body = "".join(json.dumps(line) + "\n" for line in lines)
    headers = {"content-type": "application/x-ndjson"}
    answer = client.post(f"/{index}/_bulk", params={"refresh": "true"}, content=body, headers=headers)
    assert answer.status_code == 200
    result: dict[str, Any] = answer.json()
    return result


def test_who_it_is_and_who_may_ask(server: SearchServer, client: httpx.Client) -> None:
    assert client.get("/").json()["version"] == {**client.get("/").json()["version"], "number": "2.19.0"}
    assert httpx.get(f"{server.url}/").status_code == 401
    assert httpx.get(f"{server.url}/", auth=("admin", "wrong")).status_code == 401
    health = client.get("/_cluster/health").json()
    assert (health["status"], health["number_of_nodes"]) == ("green", 1)
    nodes = client.get("/_cat/nodes", params={"format": "json"}).json()
    assert [node["name"] for node in nodes] == ["opensearch-node1"]


def test_one_that_speaks_tls_is_trusted_by_its_authority_alone(tmp_path: Path) -> None:
    server = SearchServer.make_encrypted(tmp_path)
    server.start()
    try:
        with server.client() as client:
            assert client.get("/_cluster/health").json()["status"] == "green"
        settings = CompanionSettings(server.url, "admin", server.password, server.authority)
        assert Companion(settings).health() == "green"
        # A probe asks no more than whether somebody listens.
        socket.create_connection((server.address, server.transport_port), timeout=10).close()
        stranger = replace(settings, authorities=None)
        with pytest.raises(CompanionUnavailable):
            Companion(stranger).health()
        assert server.stop() == 0
    finally:
        server.kill()


def test_a_document_from_birth_to_removal(client: httpx.Client) -> None:
    made = client.put("/books/_doc/1", json={"title": "A book", "pages": 5})
    assert (made.status_code, made.json()["result"], made.json()["_version"]) == (201, "created", 1)
    assert client.get("/books/_doc/1").json()["_source"] == {"title": "A book", "pages": 5}
    changed = client.put("/books/_doc/1", json={"title": "A better book"})
    assert (changed.status_code, changed.json()["result"], changed.json()["_version"]) == (200, "updated", 2)
    assert client.put("/books/_create/1", json={}).status_code == 409
    stale = {"if_seq_no": made.json()["_seq_no"], "if_primary_term": 1}
    assert client.put("/books/_doc/1", params=stale, json={}).status_code == 409
    fresh = {"if_seq_no": changed.json()["_seq_no"], "if_primary_term": 1}
    assert client.put("/books/_doc/1", params=fresh, json={"title": "The best"}).json()["_version"] == 3
    assert client.delete("/books/_doc/1").json()["result"] == "deleted"
    assert client.delete("/books/_doc/1").status_code == 404
    assert client.get("/books/_doc/1").json() == {"_index": "books", "_id": "1", "found": False}


def test_queries(client: httpx.Client) -> None:
    mapping = {"title": {"type": "text"}, "shelf": {"type": "keyword"}, "pages": {"type": "long"}}
    made = client.put(
        "/books", json={"mappings": {"properties": mapping}, "settings": {"number_of_replicas": 0}}
    )
    assert made.json()["acknowledged"] is True
    assert client.put("/books", json={}).json()["error"]["type"] == "resource_already_exists_exception"
    documents = {
        "1": {"title": "The quick brown fox", "shelf": "A/1", "pages": 10},
        "2": {"title": "The lazy dog", "shelf": "A/2", "pages": 20, "author": {"name": "Ann Lee"}},
        "3": {"title": "quick_sort in C", "shelf": "B/1", "pages": 20},
    }
    lines: list[dict[str, Any]] = []
    for identity, document in documents.items():
        lines += [{"index": {"_id": identity}}, document]
    assert bulk(client, lines)["errors"] is False
    assert found(client, {"match_all": {}}) == {"1", "2", "3"}
    assert found(client, {"match": {"title": "QUICK dog"}}) == {"1", "2", "3"}
    assert found(client, {"match": {"title": {"query": "quick fox", "operator": "and"}}}) == {"1"}
    assert found(client, {"match_phrase": {"title": "brown fox"}}) == {"1"}
    assert found(client, {"match_phrase": {"title": "fox brown"}}) == set()
    assert found(client, {"term": {"shelf": "A/1"}}) == {"1"}
    assert found(client, {"term": {"shelf": "a/1"}}) == set()
    assert found(client, {"terms": {"pages": [10, 20]}}) == {"1", "2", "3"}
    assert found(client, {"prefix": {"shelf": "A/"}}) == {"1", "2"}
    assert found(client, {"ids": {"values": ["2", "9"]}}) == {"2"}
    assert found(client, {"match": {"author.name": "lee"}}) == {"2"}
    assert found(client, {"term": {"author.name.keyword": "Ann Lee"}}) == {"2"}
    assert found(client, {"match": {"nowhere": "x"}}) == set()
    several = {"multi_match": {"query": "lee fox", "fields": ["title", "author.name"]}}
    assert found(client, several) == {"1", "2"}
    either = {"should": [{"match": {"title": "fox"}}, {"match": {"title": "dog"}}], "minimum_should_match": 1}
    assert found(client, {"bool": {**either, "must_not": [{"term": {"pages": 20}}]}}) == {"1"}
    only = {"must": [{"match": {"title": "quick"}}], "filter": [{"term": {"pages": 20}}]}
    assert found(client, {"bool": only}) == {"3"}
    assert client.post("/books/_count", json={"query": {"term": {"pages": 20}}}).json()["count"] == 2
    page = client.post("/books/_search", json={"from": 1, "size": 1, "_source": ["pages"]}).json()["hits"]
    assert page["total"]["value"] == 3
    assert list(page["hits"][0]["_source"]) == ["pages"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"query": {"fuzzy": {"title": "x"}}}, "unknown query [fuzzy]"),
        ({"query": {"match": {"title": {"query": "x", "fuzziness": 2}}}}, "does not support [fuzziness]"),
        ({"sort": ["title"]}, "unknown key for a search body [sort]"),
        ({"size": 20_000}, "Result window is too large"),
        ({"query": {"term": {"pages": ["a"]}}}, "single value"),
        ({"query": {}}, "one query type"),
    ],
)
def test_what_is_not_held_is_refused(client: httpx.Client, body: dict[str, Any], reason: str) -> None:
    client.put(
        "/books", json={"mappings": {"properties": {"title": {"type": "text"}, "pages": {"type": "long"}}}}
    )
    answer = client.post("/books/_search", json=body)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]["reason"]
    assert client.post("/missing/_search", json={}).status_code == 404


def test_bulk_tells_the_outcome_of_each_line(client: httpx.Client) -> None:
    client.put("/books", json={"mappings": {"properties": {"pages": {"type": "long"}}}})
    lines: list[dict[str, Any]] = [
        {"index": {"_id": "1"}},
        {"pages": 1},
        {"create": {"_id": "1"}},
        {"pages": 2},
        {"index": {"_id": "2"}},
        {"pages": "many"},
        {"delete": {"_id": "9"}},
    ]
    answer = bulk(client, lines)
    assert answer["errors"] is True
    statuses = [outcome["status"] for item in answer["items"] for outcome in item.values()]
    assert statuses == [201, 409, 400, 404]
    assert found(client, {"match_all": {}}) == {"1"}
    malformed = client.post("/books/_bulk", content=b'{"index":{"_id":"5"}}\nnot json\n')
    assert malformed.status_code == 400
    assert client.get("/books/_doc/5").status_code == 404


def test_every_acknowledged_write_survives_kill_9(server: SearchServer) -> None:
    acknowledged: list[str] = []
    for round_ in range(3):
        stop = threading.Event()

        def write(round_: int = round_, stop: threading.Event = stop) -> None:
            with server.client() as client:
                number = 0
                while not stop.is_set():
                    number += 1
                    identity = f"{round_}-{number}"
                    try:
                        answer = client.put(
                            f"/books/_doc/{identity}", json={"round": round_, "text": "x" * 500}
                        )
                    except httpx.TransportError:
                        return
                    if answer.status_code == 201:
                        acknowledged.append(identity)
                    if len(acknowledged) >= 40 * (round_ + 1):
                        return

        writer = threading.Thread(target=write)
        writer.start()
        writer.join(0.2)
        server.kill()
        stop.set()
        writer.join()
        server.start()
    assert acknowledged
    with server.client() as client:
        client.post("/books/_refresh")
        present = found(client, {"ids": {"values": acknowledged[-100:]}})
        assert set(acknowledged[-100:]) == present
        assert client.post("/books/_count", json={}).json()["count"] >= len(acknowledged)


def test_removals_and_mappings_survive_an_orderly_stop(server: SearchServer) -> None:
    with server.client() as client:
        client.put("/books", json={"mappings": {"properties": {"shelf": {"type": "keyword"}}}})
        bulk(client, [{"index": {"_id": "1"}}, {"shelf": "A"}, {"index": {"_id": "2"}}, {"shelf": "B"}])
        answer = client.post("/books/_delete_by_query", json={"query": {"term": {"shelf": "A"}}})
        assert answer.json()["deleted"] == 1
        client.put("/other/_doc/1", json={"a": 1})
        assert client.delete("/other").json() == {"acknowledged": True}
    assert server.stop() == 0
    server.start()
    with server.client() as client:
        assert found(client, {"match_all": {}}) == {"2"}
        assert found(client, {"term": {"shelf": "B"}}) == {"2"}
        assert client.get("/other").status_code == 404


def test_a_torn_line_ends_the_translog(tmp_path: Path) -> None:
    translog = Translog(tmp_path)
    for number in range(3):
        translog.append({"id": str(number)})
    translog.sync()
    translog.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    assert [operation["id"] for operation in read_operations(path)] == ["0", "1"]

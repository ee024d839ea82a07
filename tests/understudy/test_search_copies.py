"""The search server, asked for its copies as the operator asks: by TLS, with its password, as a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from telamon.platforms.calls.looks import CloseLooks
from telamon.platforms.clock import SteadyClock
from telamon.products.base import Endpoint
from telamon.state.world import Copies
from tests.support.searching import AUTHORITY, PASSWORD, Vault, copies_told
from tests.understudy.gitserver import SearchServer

pytestmark = pytest.mark.lab


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SearchServer]:
    server = SearchServer.make_encrypted(tmp_path)
    server.start()
    yield server
    server.kill()


def told(server: SearchServer, password: str) -> Copies:
    """What a new look finds."""
    assert server.authority is not None
    vault = Vault({PASSWORD: password, AUTHORITY: server.authority.read_text()})
    looks = CloseLooks(SteadyClock())
    try:
        return copies_told(looks, Endpoint(server.address, server.port), vault=vault, name=server.address)
    finally:
        looks.close()


def test_a_replica_that_nobody_holds_is_seen_and_so_is_that_all_are_there(server: SearchServer) -> None:
    assert told(server, server.password) == Copies(whole=True)
    with server.client() as client:
        client.put("/books", json={"settings": {"number_of_replicas": 1}}).raise_for_status()
        missing = told(server, server.password)
        assert (missing.whole, missing.detail) == (
            False,
            "bitbucket-opensearch-0: its cluster is yellow, 1 shards are not there yet",
        )
        client.delete("/books").raise_for_status()
    assert told(server, server.password).whole


def test_another_password_is_told(server: SearchServer) -> None:
    refused = told(server, "another")
    assert (refused.whole, "does not let the engine ask" in refused.detail) == (False, True)

"""What a search cluster says of its copies, read from the answers that OpenSearch gives."""

from __future__ import annotations

import json

import pytest

from telamon.errors import ProductError
from telamon.products.base import CopiesReport, Identity, Request, Response
from telamon.products.registry import registry
from tests.support.flows import Played, play


def told(status: int, body: object) -> Played[CopiesReport | None]:
    """What comes of one answer."""
    search = registry()["bitbucket"].companions["opensearch"]

    def answer(request: Request) -> Response:
        assert (request.path, request.identity) == ("/_cluster/health", Identity.SERVICE_ACCOUNT)
        return Response(status, request.path, text=json.dumps(body), error="" if status else "no answer")

    return play(search.copies(), answer)


def health(status: str, *, nodes: int = 3, unassigned: int = 0, initializing: int = 0) -> dict[str, object]:
    """The health of a cluster."""
    return {
        "cluster_name": "bitbucket-opensearch",
        "status": status,
        "number_of_nodes": nodes,
        "unassigned_shards": unassigned,
        "initializing_shards": initializing,
    }


def test_green_is_whole() -> None:
    assert told(200, health("green")).result == CopiesReport(3, whole=True)


@pytest.mark.parametrize("colour", ["yellow", "red"])
def test_every_other_colour_says_how_many_shards_are_missing(colour: str) -> None:
    report = told(200, health(colour, nodes=2, unassigned=4, initializing=1)).result
    assert report == CopiesReport(
        2, whole=False, detail=f"its cluster is {colour}, 5 shards are not there yet"
    )


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, {"error": {"type": "cluster_manager_not_discovered_exception"}}),
        (200, []),
        (200, {"status": "green"}),
    ],
)
def test_a_node_without_a_cluster_is_not_whole(status: int, body: object) -> None:
    report = told(status, body).result
    assert report is not None
    assert (report.whole, report.nodes) == (False, 0)


def test_silence_is_not_whole_and_says_why() -> None:
    report = told(0, {}).result
    assert report is not None
    assert (report.whole, "no answer" in report.detail) == (False, True)


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_password_is_told_with_what_to_look_at(status: int) -> None:
    error = told(status, {}).error
    assert isinstance(error, ProductError)
    assert "secret" in (error.remedy or "")

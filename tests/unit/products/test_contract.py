"""An instance is held against the contract without being changed, and a log-in is tried once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from telamon.model.observed import Observed
from telamon.products.base import Identity, Product, Request, Response
from telamon.products.contract import Seen, Standing, examine, lines
from telamon.products.registry import registry
from tests.support.flows import play, result_of

PRODUCTS = sorted(registry())
READING = frozenset({"GET", "OPTIONS"})


def looked_at(
    product: Product, answer: Callable[[Request], Response]
) -> tuple[list[Request], tuple[Seen, ...]]:
    """What is asked of an instance that answers so, and what is made of it."""
    played = play(examine(product), answer)
    return played.requests, result_of(played)


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("status", [0, 200, 204, 401, 403, 404, 405, 500, 503])
def test_looking_only_reads_and_every_line_is_told_whatever_is_answered(name: str, status: int) -> None:
    product = registry()[name]
    asked, seen = looked_at(product, lambda _request: Response(status, text='{"state": "RUNNING"}'))
    assert {request.method for request in asked} <= READING
    assert [each.line for each in seen] == [line.name for line in lines(product)]
    assert all(each.seen and each.assumed for each in seen)


@pytest.mark.parametrize("name", PRODUCTS)
def test_after_a_log_in_that_was_refused_nobody_logs_in_again(name: str) -> None:
    def answer(request: Request) -> Response:
        return (
            Response(401)
            if request.identity is not Identity.ANONYMOUS
            else Response(200, text='{"state":"RUNNING"}')
        )

    asked, seen = looked_at(registry()[name], answer)
    assert sum(request.identity is not Identity.ANONYMOUS for request in asked) == 1
    standings = {each.line: each.standing for each in seen}
    assert standings.pop("status") is Standing.HOLDS
    assert standings.pop("log-in") is Standing.DIFFERS
    assert set(standings.values()) == {Standing.UNSEEN}


def test_a_node_that_starts_is_no_node_that_serves() -> None:
    _, seen = looked_at(registry()["jira"], lambda _request: Response(200, text='{"state": "STARTING"}'))
    assert (seen[0].line, seen[0].standing) == ("status", Standing.DIFFERS)
    assert "STARTING" in seen[0].seen


@pytest.mark.parametrize("name", ["bitbucket", "confluence"])
def test_the_engine_tries_what_was_seen_and_nothing_else(name: str) -> None:
    product = registry()[name]
    assert len(product.upgrade_bases) > 1
    seen = product.as_seen(Observed(upgrade_base="/elsewhere"))
    assert seen.upgrade_bases == ("/elsewhere",)
    assert product.as_seen(None) is product
    assert registry()[name].upgrade_bases == product.upgrade_bases

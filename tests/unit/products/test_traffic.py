"""What users of each product do can be sent, is judged, and keeps the shares that are documented."""

from __future__ import annotations

import itertools
import json

import pytest

from telamon.products.base import Identity, Request, Response
from telamon.products.registry import registry
from telamon.products.traffic import Act, Meaning, Promise, Shape, Traffic, TrafficInputs, Writer
from telamon.proof.workload import LoadPlan, Target
from tests.support.flows import play, result_of

INPUTS = TrafficInputs(label="LOAD", writers=("ada", "ben"), requests=2000)
NAMES = sorted(registry())


def traffic(name: str, inputs: TrafficInputs = INPUTS) -> tuple[Traffic, list[Request]]:
    """What a product says, where everything it makes is given a number."""
    numbers = itertools.count(1)

    def answer(request: Request) -> Response:
        number = str(next(numbers))
        return Response(201, text=json.dumps({"id": number, "key": f"LOAD-{number}"}))

    product = registry()[name]
    seeded = play(product.seed_repository(inputs), answer)
    played = play(product.prepare_traffic(inputs), answer)
    found = result_of(played)
    assert isinstance(found, Traffic)
    return found, [*seeded.requests, *played.requests]


def plan(found: Traffic) -> LoadPlan:
    return LoadPlan(
        name="trial",
        target=Target(address="127.0.0.1", port=80, host="x.localhost"),
        rate=10.0,
        seconds=10.0,
        sessions=2,
        kinds=found.kinds,
        pools=found.pools,
        login=found.login,
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_can_be_made_of_it(name: str) -> None:
    found, asked = traffic(name)
    assert plan(found).kinds == found.kinds
    assert asked
    assert {request.method for request in asked} <= {"POST", "PUT"}
    assert {request.identity for request in asked} == {Identity.ADMINISTRATOR, Identity.SERVICE_ACCOUNT}
    assert found.login is not None
    assert "$TELAMON_LOAD_PASSWORD" in found.login.fields.values()
    assert found.login.remember
    assert found.login.users == ("ada", "ben")
    assert "$user" in found.login.fields.values()


@pytest.mark.parametrize("name", NAMES)
def test_shares_are_per_cent(name: str) -> None:
    found, _ = traffic(name)
    assert 98 <= sum(kind.weight for kind in found.kinds) <= 112
    writes = sum(kind.weight for kind in found.kinds if kind.write)
    assert 9 <= writes <= 27


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_written_is_read_by_somebody(name: str) -> None:
    found, _ = traffic(name)
    meanings = [kind.meaning for kind in found.kinds if kind.meaning is not None]
    looked_at = {
        (meaning.shape, stem(meaning)) for meaning in meanings if meaning.act in {Act.READ, Act.OPEN}
    }
    for kind in found.kinds:
        if kind.write:
            assert kind.meaning is not None, kind.name
            assert (kind.meaning.shape, stem(kind.meaning)) in looked_at, kind.name


def stem(meaning: Meaning) -> str:
    return meaning.thing.replace("$kept_token", "$token")


@pytest.mark.parametrize("name", NAMES)
def test_lists_stay_shorter_than_a_page_however_long_the_run(name: str) -> None:
    short, _ = traffic(name)
    long, _ = traffic(name, INPUTS.model_copy(update={"requests": 60_000}))
    bags = {
        pool
        for kind in long.kinds
        if kind.meaning and kind.meaning.shape is Shape.BAG and kind.meaning.promise is not Promise.EVENTUAL
        for pool in long.pools
        if f"${pool}" in kind.meaning.thing and not kind.meaning.thing.startswith("issues/")
    }
    assert bags
    assert all(len(long.pools[pool]) > len(short.pools[pool]) for pool in bags)


@pytest.mark.parametrize("name", NAMES)
def test_whoever_writes_is_no_administrator_and_shows_no_password(name: str) -> None:
    product, writer = registry()[name], Writer("load-0", "pass & word")
    making = play(product.enlist(writer), lambda _: Response(201, text="{}")).requests
    assert [request.method for request in making] == ["POST"]
    assert making[0].identity is Identity.ADMINISTRATOR
    assert "pass & word" in {**making[0].query, **(making[0].json or {})}.values()
    assert "pass & word" not in repr(writer)
    leaving = play(product.dismiss("load-0"), lambda _: Response(200, text="{}")).requests
    assert len(leaving) == 1
    assert leaving[0].identity is Identity.ADMINISTRATOR
    assert "load-0" in f"{leaving[0].path} {leaving[0].query}"


def test_a_product_that_refuses_ends_it_with_its_words() -> None:
    refused = Response(400, text=json.dumps({"errorMessages": ["A project with that key exists."]}))
    played = play(registry()["jira"].prepare_traffic(INPUTS), lambda _: refused)
    assert "A project with that key exists" in str(played.error)

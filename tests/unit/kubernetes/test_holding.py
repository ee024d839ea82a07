"""Routes while users see the maintenance page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from telamon.desired.kubernetes.components import KubernetesComponent, components
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.holding import HTTP, TCP, closed, is_held, standing, told_of
from telamon.desired.kubernetes.render import bundles
from telamon.errors import PlatformError, TemporaryError
from telamon.platforms.kubernetes.objects import Manifests
from telamon.platforms.kubernetes.routing import Routes
from telamon.platforms.memory.clock import ManualClock
from tests.support.manifests import ALL, example, objects, small

GENERATION = 3


def part(name: str = "bitbucket") -> KubernetesComponent:
    """A component of a small stack."""
    known = small(running=ALL)
    return next(each for each in components(known, bundles(known)) if each.desired.name == name)


def told(route: Object, *said: Mapping[str, Any], generation: int = GENERATION) -> Object:
    """A route of which its gateway says something."""
    metadata = {**route["metadata"], "generation": GENERATION}
    conditions = [{"observedGeneration": generation, "reason": "R", "message": "m", **each} for each in said]
    return {**route, "metadata": metadata, "status": {"parents": [{"conditions": conditions}]}}


ACCEPTED = {"type": "Accepted", "status": "True"}


class Kept(Manifests):
    """Objects that are kept here, of which a gateway says something."""

    def __init__(self, live: Sequence[Object], *said: Mapping[str, Any]) -> None:
        self.live = {(item["kind"], item["metadata"]["name"]): item for item in live}
        self.said = said

    def find(self, wanted: Object) -> Object | None:
        live = self.live.get((wanted["kind"], wanted["metadata"]["name"]))
        return told(live, *self.said) if live is not None and live["kind"] == HTTP else live

    def bring(self, wanted: Object) -> bool:
        key = (wanted["kind"], wanted["metadata"]["name"])
        changed = self.live.get(key) != wanted
        self.live[key] = wanted
        return changed

    def take_away(self, item: Object) -> None:
        self.live.pop((item["kind"], item["metadata"]["name"]), None)


def kinds(found: Sequence[Object]) -> set[str]:
    """The kinds of some objects."""
    return {str(item["kind"]) for item in found}


def test_every_request_is_answered_with_the_page_and_no_connection_gets_through() -> None:
    bitbucket = part()
    held = standing(bitbucket.objects, held=True)
    route = next(item for item in held if item["kind"] == HTTP)
    as_rendered = next(item for item in bitbucket.objects if item["kind"] == HTTP)
    assert is_held(route)
    assert not is_held(as_rendered)
    pages = {item["metadata"]["name"] for item in bitbucket.objects if item["kind"] == "HTTPRouteFilter"}
    for rule in route["spec"]["rules"]:
        assert "backendRefs" not in rule
        assert {each["extensionRef"]["name"] for each in rule["filters"]} == pages
    matches = [rule["matches"] for rule in as_rendered["spec"]["rules"]]
    assert [rule["matches"] for rule in route["spec"]["rules"]] == matches
    assert kinds(closed(bitbucket.objects)) == {TCP}
    assert kinds(bitbucket.objects) - kinds(held) == {TCP}


def test_a_rule_that_still_leads_to_a_pod_is_no_page() -> None:
    (route,) = (item for item in standing(part().objects, held=True) if item["kind"] == HTTP)
    rules = route["spec"]["rules"]
    leaking = [*rules[:-1], {**rules[-1], "backendRefs": [{"name": "bitbucket", "port": 80}]}]
    assert not is_held({**route, "spec": {**route["spec"], "rules": leaking}})
    assert not is_held({**route, "spec": {**route["spec"], "rules": []}})


@pytest.mark.parametrize(
    ("said", "generation", "expected"),
    [
        ((), GENERATION, None),
        ((ACCEPTED,), GENERATION - 1, None),
        ((ACCEPTED,), GENERATION, ""),
        (({"type": "ResolvedRefs", "status": "True"},), GENERATION, None),
        ((ACCEPTED, {"type": "ResolvedRefs", "status": "False"}), GENERATION, "R: m"),
        (({"type": "Accepted", "status": "False"},), GENERATION, "R: m"),
    ],
)
def test_the_gateway_is_believed_about_the_route_as_it_is_now(
    said: Sequence[Mapping[str, Any]], generation: int, expected: str | None
) -> None:
    (route,) = (item for item in part().objects if item["kind"] == HTTP)
    assert told_of(told(route, *said, generation=generation)) == expected


def test_nobody_counts_as_held_before_the_gateway_has_said_so() -> None:
    bitbucket = part()
    kept = Kept(bitbucket.objects)
    routes = Routes(kept, ManualClock(1000.0))
    with pytest.raises(TemporaryError, match="has not taken the route bitbucket"):
        routes.switch(bitbucket, held=True)
    assert not routes.is_held(bitbucket)
    kept.said = (ACCEPTED,)
    routes.switch(bitbucket, held=True)
    assert routes.is_held(bitbucket)
    assert kinds(tuple(kept.live.values())) == kinds(bitbucket.objects) - {TCP}
    routes.switch(bitbucket, held=False)
    assert not routes.is_held(bitbucket)
    assert tuple(sorted(kept.live)) == tuple(
        sorted((item["kind"], item["metadata"]["name"]) for item in bitbucket.objects)
    )


def test_a_route_that_the_gateway_refuses_is_told() -> None:
    bitbucket = part()
    kept = Kept(bitbucket.objects, ACCEPTED, {"type": "ResolvedRefs", "status": "False"})
    with pytest.raises(PlatformError, match="does not take the route bitbucket") as caught:
        Routes(kept, ManualClock(1000.0)).switch(bitbucket, held=True)
    assert not isinstance(caught.value, TemporaryError)


def test_a_front_door_without_a_page_says_so_and_is_left_alone() -> None:
    known = example("nginx")
    jira = components(known, bundles(known))[0]
    assert "nginx" in jira.desired.no_page
    kept = Kept(jira.objects)
    with pytest.raises(PlatformError, match="cannot be shown"):
        Routes(kept, ManualClock(1000.0)).switch(jira, held=True)
    assert tuple(kept.live.values()) == jira.objects
    assert objects(known, HTTP) == []
    assert part().desired.no_page == ""

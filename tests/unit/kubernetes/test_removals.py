"""Who still writes what an API server does not serve any more, in what is rendered and in what lives."""

from __future__ import annotations

import json
from typing import Any

import pytest

from telamon.desired.kubernetes.removals import LAST_APPLIED, REMOVALS, Removal, Requested, requested, uses
from telamon.model.kubernetes import OFFERED
from tests.support.manifests import EXAMPLES, example, objects


def thing(
    api: str, kind: str, *, managers: dict[str, str] | None = None, applied: str = ""
) -> dict[str, Any]:
    """An object; one that lives has managers, each with the version in which it writes."""
    metadata: dict[str, Any] = {"name": "a", "namespace": "n"}
    if managers is not None:
        metadata["managedFields"] = [{"manager": who, "apiVersion": what} for who, what in managers.items()]
    if applied:
        metadata["annotations"] = {LAST_APPLIED: applied}
    return {"apiVersion": api, "kind": kind, "metadata": metadata}


def test_the_table_is_in_order_and_always_knows_a_way_on() -> None:
    assert [each.minor for each in REMOVALS] == sorted(each.minor for each in REMOVALS)
    assert all(each.api != each.instead for each in REMOVALS)


@pytest.mark.parametrize("removal", REMOVALS, ids=lambda removal: f"{removal.minor}-{removal.api}")
def test_every_removal_is_found_from_its_version_on_and_not_before(removal: Removal) -> None:
    written = [thing(removal.api, kind) for kind in removal.kinds]
    assert uses(written, minor=removal.minor - 1) == ()
    found = uses(written, minor=removal.minor)
    assert {each.kind for each in found} == set(removal.kinds)
    assert {(each.name, each.removal) for each in found} == {("n/a", removal)}
    assert uses([thing(removal.instead, kind) for kind in removal.kinds], minor=removal.minor) == ()


def test_what_lives_is_judged_by_who_writes_it_and_not_by_how_it_was_read() -> None:
    read_new = thing("batch/v1", "CronJob", managers={"old-operator": "batch/v1beta1", "other": "batch/v1"})
    assert [each.writer for each in uses([read_new], minor=25)] == ["old-operator"]
    read_old = thing("batch/v1beta1", "CronJob", managers={"other": "batch/v1"})
    assert uses([read_old], minor=25) == ()


def test_what_kubectl_applied_is_read_and_may_be_nonsense() -> None:
    applied = thing("batch/v1", "CronJob", managers={}, applied=json.dumps({"apiVersion": "batch/v1beta1"}))
    assert [each.writer for each in uses([applied], minor=25)] == ["kubectl apply"]
    for nonsense in ("{", "[]", "7"):
        assert uses([thing("batch/v1", "CronJob", applied=nonsense)], minor=25) == ()


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_that_is_rendered_uses_what_is_served_no_more(name: str) -> None:
    made = objects(example(name))
    assert made
    assert uses(made, minor=OFFERED[-1].minor) == ()


COUNT = 'apiserver_requested_deprecated_apis{group="%s",removed_release="%s",resource="%s",version="%s"} %s'
METRICS = "\n".join(
    (
        "# TYPE apiserver_requested_deprecated_apis gauge",
        COUNT % ("policy", "1.25", "pdbs", "v1beta1", "1"),
        COUNT % ("", "", "endpoints", "v1", "1"),
        COUNT % ("batch", "1.25", "cronjobs", "v1beta1", "0"),
        'apiserver_request_total{group="policy",resource="pdbs",version="v1"} 7',
    )
)


def test_what_an_api_server_was_asked_for_is_read_with_when_that_ends() -> None:
    found = requested(METRICS)
    assert set(found) == {Requested("policy/v1beta1", "pdbs", 25), Requested("v1", "endpoints", None)}
    assert {each.resource for each in found if each.is_gone(25)} == {"pdbs"}
    assert not any(each.is_gone(24) for each in found)

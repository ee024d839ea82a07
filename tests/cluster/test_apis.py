"""``telamon apis --live`` on a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from telamon.desired.kubernetes.removals import LAST_APPLIED
from telamon.platforms.kubernetes.api import Api, Kind
from testbed.control_plane import ControlPlane
from tests.cluster.support import until
from tests.support.desk import Desk, Result

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {
        "name": "of-long-ago",
        "namespace": "default",
        "annotations": {LAST_APPLIED: json.dumps({"apiVersion": "policy/v1beta1"})},
    },
    "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "of-long-ago"}}},
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A command line."""
    found = Desk(tmp_path)
    yield found
    found.controller.end()


def look(desk: Desk, kubeconfig: Path) -> Result:
    """Ask a cluster."""
    return desk.run("apis", "--kubeconfig", str(kubeconfig), "-o", "json")


def test_live_objects_and_what_was_asked_for_are_told(desk: Desk, api: Api, plane: ControlPlane) -> None:
    until(lambda: api.get(Kind("v1", "Namespace"), "default"))
    # An API without an end: deprecated since 1.33, and asked for by whoever has not moved on.
    api._ask("GET", "/api/v1/namespaces/default/endpoints")
    clean = look(desk, plane.kubeconfig())
    assert clean.code == 0, clean.err
    assert clean.document["uses"] == []
    asked = {each["resource"]: each for each in clean.document["requested"]}
    assert (asked["endpoints"]["removed"], asked["endpoints"]["gone"]) == ("", False)

    made = api.create(BUDGET)
    found = look(desk, plane.kubeconfig())
    api.delete(made)
    assert found.code == 4
    (use,) = found.document["uses"]
    assert (use["name"], use["api"], use["writer"]) == (
        "default/of-long-ago",
        "policy/v1beta1",
        "kubectl apply",
    )


def test_what_may_not_be_looked_at_is_no_clean_bill(desk: Desk, api: Api, plane: ControlPlane) -> None:
    found = look(desk, plane.kubeconfig("stranger", groups=()))
    assert found.code == 7
    told = "\n".join(found.document["denied"])
    assert 'cannot list resource "poddisruptionbudgets"' in told
    assert 'cannot get path "/metrics"' in told

"""``telamon drift`` on a real API server: what it fills in is no drift, and what people do by hand is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from telamon.desired.kubernetes.data import Object
from telamon.platforms.kubernetes.api import Api, Kind
from testbed.control_plane import ControlPlane
from tests.cluster.place import Place
from tests.cluster.support import until
from tests.support.desk import Result

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

NAME = "drifting"
SPACE = f"{NAME}-tiny"


@pytest.fixture
def place(api: Api, plane: ControlPlane, tmp_path: Path) -> Iterator[Place]:
    """A stack that is there as it was rendered."""
    until(lambda: api.get(Kind("v1", "Namespace"), "default"))
    made = Place(tmp_path, api, plane, NAME)
    made.bring()
    yield made
    made.desk.controller.end()


def by_address(result: Result) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """Differences by the address of what differs, and what became of it."""
    return {(each["address"], each["what"]): each for each in result.document["differences"]}


def test_by_hand_is_told_and_defaults_are_not(place: Place) -> None:
    clean = place.run("drift")
    assert clean.document["differences"] == []
    assert clean.code == 0, clean.err

    policy = next(item for item in place.objects if item["kind"] == "NetworkPolicy")
    kind, name = Kind.of(policy), str(policy["metadata"]["name"])
    editor = Api(place.plane.kubeconfig("somebody", groups=("system:masters",)))
    # As kubectl edit does it: another manager, no apply.
    path = kind.path(SPACE, name)
    body = {"spec": {"ingress": [{}], "policyTypes": ["Ingress"]}}
    editor._ask(
        "PATCH", path, query={"fieldManager": "kubectl-edit"}, body=body, form="application/merge-patch+json"
    )
    editor.close()
    opened = {
        "apiVersion": policy["apiVersion"],
        "kind": "NetworkPolicy",
        "metadata": {"name": "opened", "namespace": SPACE},
        "spec": {"podSelector": {}, "ingress": [{}]},
    }
    place.api.create(opened)
    role = next(item for item in place.objects if item["kind"] == "Role" and _within(item))
    place.api.delete(place.live(Kind.of(role), str(role["metadata"]["name"]), SPACE))
    secret = place.secrets[0]
    place.api.delete(place.live(Kind("v1", "Secret"), secret.name, secret.namespace))

    before = place.versions()
    found = place.run("drift")
    assert found.code == 23
    assert place.versions() == before
    differences = by_address(found)
    changed = differences[f"{SPACE}/NetworkPolicy/{name}", "changed"]
    assert changed["severity"] == "high"
    assert "kubectl-edit" in changed["told"]
    beside = differences[f"{SPACE}/NetworkPolicy/{name}", "added"]
    assert beside["told"].endswith("wrote beside what is rendered: spec.ingress")
    assert (f"{SPACE}/NetworkPolicy/opened", "added") in differences
    assert (f"{SPACE}/Role/{role['metadata']['name']}", "gone") in differences
    assert (f"{secret.namespace}/Secret/{secret.name}", "gone") in differences
    assert "value-that-nobody-reads" not in found.out


def _within(item: Object) -> bool:
    return bool(item["metadata"].get("namespace") == SPACE)


def test_what_is_denied_is_told_by_verb_and_kind_and_is_no_clean_bill(place: Place) -> None:
    kubeconfig = place.plane.kubeconfig("somebody-else", groups=())
    found = place.run("drift", kubeconfig=kubeconfig)
    assert found.code == 7
    told = "\n".join(found.document["denied"])
    assert 'cannot get resource "networkpolicies"' in told
    assert 'cannot list resource "clusterrolebindings"' in told


def test_another_cluster_and_a_context_that_is_none_are_told(place: Place) -> None:
    place.file.write_text(place.file.read_text(encoding="utf-8").replace(NAME, "elsewhere"), encoding="utf-8")
    found = place.run("drift")
    assert found.code == 9
    assert "none of the namespaces elsewhere-" in found.document["error"]
    found = place.run("drift", "--context", "prodduction")
    assert found.code == 6
    assert 'no context "prodduction"' in found.document["error"]

"""``telamon install --crds-only`` on a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telamon.errors import TelamonError
from telamon.platforms.kubernetes.api import Api, Kind
from testbed.control_plane import ControlPlane
from tests.cluster.operators import disarm
from tests.cluster.support import until
from tests.support.desk import Desk

pytestmark = pytest.mark.lab

DEFINITION = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
STACK = Kind("telamon.dev/v1alpha1", "Stack")
IMAGE = "registry.acme.example/telamon@sha256:" + "0" * 64
NAMES = ("stacks.telamon.dev", "operations.telamon.dev")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A command line."""
    found = Desk(tmp_path)
    yield found
    found.controller.end()


def changes(desk: Desk, plane: ControlPlane, user: str = "admin") -> list[str]:
    """What became of each definition."""
    groups = ("system:masters",) if user == "admin" else ()
    kubeconfig = plane.kubeconfig(user, groups=groups)
    answer = desk.run("install", "--crds-only", "--kubeconfig", str(kubeconfig), "-o", "json").document
    return [each["change"] for each in answer["resources"]]


def test_a_second_run_writes_nothing_and_a_change_is_mended(
    desk: Desk, api: Api, plane: ControlPlane
) -> None:
    changes(desk, plane)
    before = len(plane.writes("admin"))
    assert changes(desk, plane) == ["same", "same"]
    assert len(plane.writes("admin")) == before
    found = api.get(DEFINITION, NAMES[0])
    assert found is not None
    api.change(found, {"spec": {"names": {"categories": ["other"]}}})
    assert changes(desk, plane) == ["changed", "same"]


@pytest.mark.exhaustive
def test_objects_of_a_later_version_are_not_left_unreadable(
    desk: Desk, api: Api, plane: ControlPlane
) -> None:
    changes(desk, plane)
    found = api.get(DEFINITION, NAMES[1])
    assert found is not None
    served = found["spec"]["versions"][0]
    later = {**served, "name": "v1", "storage": True}
    api.change(found, {"spec": {"versions": [{**served, "storage": False}, later]}})
    until(lambda: "v1" in (api.get(DEFINITION, NAMES[1]) or {})["status"]["storedVersions"])
    before = len(plane.writes("admin"))
    answer = desk.run("install", "--crds-only", "--kubeconfig", str(plane.kubeconfig()))
    assert answer.code == 4
    assert "v1" in answer.err
    assert len(plane.writes("admin")) == before
    kept = api.get(DEFINITION, NAMES[1])
    assert kept is not None
    api.delete(kept)
    until(lambda: api.get(DEFINITION, NAMES[1]) is None)


def test_missing_rights_are_told_by_verb_and_kind(desk: Desk, api: Api, plane: ControlPlane) -> None:
    kubeconfig = plane.kubeconfig("somebody", groups=())
    answer = desk.run("install", "--crds-only", "--kubeconfig", str(kubeconfig))
    assert answer.code == 7
    assert 'cannot get resource "customresourcedefinitions"' in answer.err


def removed(desk: Desk, plane: ControlPlane, *words: str) -> list[str]:
    """What is taken off the cluster."""
    answer = desk.run("uninstall", "--yes", *words, "--kubeconfig", str(plane.kubeconfig()), "-o", "json")
    return [each["kind"] for each in answer.document["resources"]]


def test_the_operator_is_installed_once_and_taken_away_again(
    desk: Desk, api: Api, plane: ControlPlane
) -> None:
    def installed() -> set[str]:
        answer = desk.run("install", "--image", IMAGE, "--kubeconfig", str(plane.kubeconfig()), "-o", "json")
        return {each["change"] for each in answer.document["resources"]}

    installed()
    before = len(plane.writes("admin"))
    assert installed() == {"same"}
    assert len(plane.writes("admin")) == before

    document = {
        "apiVersion": STACK.version,
        "kind": STACK.kind,
        "metadata": {"name": "kept", "namespace": "telamon-system"},
        "spec": {
            "domain": "acme.example",
            "products": {"tiny": {"version": "1.0.0"}},
            "platform": {"kind": "kubernetes"},
        },
    }
    until(lambda: taken(api, document))
    refused = desk.run("uninstall", "--yes", "--kubeconfig", str(plane.kubeconfig()))
    assert refused.code == 4
    assert "telamon-system/kept" in refused.err
    gone = removed(desk, plane, "--leave-stacks")
    assert gone[0] == "Deployment"
    assert set(gone) <= {
        "Deployment",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "Role",
        "RoleBinding",
        "ClusterRole",
        "ClusterRoleBinding",
        "Secret",
        "Service",
        "ValidatingWebhookConfiguration",
        "ServiceAccount",
    }
    stored = api.get(STACK, "kept", namespace="telamon-system")
    assert stored is not None
    api.delete(stored)
    assert removed(desk, plane) == []
    disarm(plane, api)


def taken(api: Api, document: dict[str, Any]) -> bool:
    """Whether an API server takes a document."""
    try:
        api.apply(document, over=None)
    except TelamonError:
        # The paths of a definition appear a moment after it.
        return False
    return True

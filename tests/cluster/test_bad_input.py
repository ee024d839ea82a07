"""What is wrong with a cluster is told in its own words: a quota that is used up, a namespace that is being deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.store import OPERATION
from testbed.control_plane import ControlPlane
from testbed.machines import Machines
from tests.cluster.operators import NAMESPACE, Installed, installed
from tests.cluster.support import until

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive]

LONG = 150.0
"""Seconds that a loaded machine may take."""


@pytest.fixture
def cluster(plane: ControlPlane, api: Api, machines: Machines, tmp_path: Path) -> Iterator[Installed]:
    """A cluster on which the operator is installed."""
    with installed(plane, api, tmp_path) as made:
        yield made


def until_told(cluster: Installed, name: str, words: str) -> None:
    """Wait until a Stack that is not ready says why."""

    def told() -> bool:
        ready = cluster.condition(name, "Ready")
        return ready.get("status") == "False" and words in ready["message"]

    try:
        until(told, within=LONG)
    except AssertionError as error:
        raise AssertionError(f"{error}: {cluster.condition(name, 'Ready')}") from error


def test_a_quota_that_is_used_up_is_told_and_what_fits_it_goes_on(cluster: Installed) -> None:
    cluster.prepare("full")
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small", "namespace": "full-tiny"},
    }
    made = cluster.api.apply({**quota, "spec": {"hard": {"pods": "1"}}}, over=None)
    cluster.start()
    cluster.ask_for("full")
    until_told(cluster, "full", "exceeded quota: small")
    cluster.api.delete(made)
    cluster.until_ready("full", within=LONG)
    cluster.api.delete(cluster.stack("full"))
    until(lambda: not cluster.stack("full"), within=LONG)


def test_a_namespace_that_is_being_deleted_is_told_and_comes_back_with_what_is_applied(
    cluster: Installed,
) -> None:
    cluster.prepare("lost")
    cluster.start()
    cluster.ask_for("lost")
    cluster.until_ready("lost", within=LONG)
    # Something of somebody else's keeps it from going.
    held = cluster.operation("lost", "restart-tiny-1", verb="restart")
    until(lambda: cluster.phase("lost", "restart-tiny-1") == "Succeeded", within=LONG)
    live = cluster.api.get(OPERATION, "restart-tiny-1", namespace="lost-tiny") or held
    cluster.api.change(live, {"metadata": {"finalizers": ["example.com/held"]}})
    space = cluster.api.get(NAMESPACE, "lost-tiny")
    assert space is not None
    cluster.api.delete(space)
    until_told(cluster, "lost", "the namespace lost-tiny is being deleted")
    live = cluster.api.get(OPERATION, "restart-tiny-1", namespace="lost-tiny") or held
    cluster.api.change(live, {"metadata": {"finalizers": []}})
    until(lambda: cluster.api.get(NAMESPACE, "lost-tiny") is None, within=LONG)
    cluster.prepare("lost")
    cluster.until_ready("lost", within=LONG)
    cluster.api.delete(cluster.stack("lost"))
    until(lambda: not cluster.stack("lost"), within=LONG)

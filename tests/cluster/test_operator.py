"""The operator on a real API server, with an application whose pods are processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.platforms.kubernetes.api import STATEFUL_SET, Api
from telamon.platforms.kubernetes.journal import CONFIG_MAP
from telamon.platforms.kubernetes.lease import LEASE
from testbed.control_plane import ControlPlane
from testbed.machines import Machines
from tests.cluster.harness import OPERATOR
from tests.cluster.operators import Installed, installed
from tests.cluster.support import until

pytestmark = pytest.mark.lab

RECORDS = frozenset({"leases"})
"""What a leader writes while there is nothing to do."""


@pytest.fixture
def cluster(plane: ControlPlane, api: Api, machines: Machines, tmp_path: Path) -> Iterator[Installed]:
    """A cluster on which the operator is installed."""
    with installed(plane, api, tmp_path) as made:
        yield made


def writes(cluster: Installed) -> list[tuple[str, str, str, int]]:
    """What the operator has written, but for its lease."""
    found = cluster.plane.writes(OPERATOR)
    return [
        (each.verb, each.resource, each.name, each.code)
        for each in found
        if each.resource not in RECORDS and each.resource != "selfsubjectreviews"
    ]


def holder(cluster: Installed) -> str:
    """Who holds the lease."""
    found = cluster.api.get(LEASE, "telamon-operator", namespace=OPERATOR_NAMESPACE) or {}
    return str(found.get("spec", {}).get("holderIdentity", ""))


def test_a_stack_is_installed_kept_and_taken_away(cluster: Installed) -> None:
    cluster.prepare("whole")
    operator = cluster.start()
    cluster.ask_for("whole")
    cluster.until_ready("whole")
    status = cluster.stack("whole")["status"]
    assert [member["state"] for member in status["members"]] == ["Serving", "Serving"]
    assert cluster.condition("whole", "Accepted")["status"] == "True"

    # A second look at everything, by a successor that knows nothing, writes nothing.
    before = len(writes(cluster))
    assert operator.end() == 0
    assert holder(cluster) == ""
    successor = cluster.start("operator-b")
    until(lambda: holder(cluster) == "operator-b")
    until(lambda: "is kept" in successor.log.read_text(encoding="utf-8"))
    cluster.operation("whole", "restart-tiny-1", verb="restart")
    until(lambda: cluster.phase("whole", "restart-tiny-1"))
    first = writes(cluster)[before:][0]
    assert first[:3] == ("patch", "operations", "restart-tiny-1"), writes(cluster)[before:]
    until(lambda: cluster.phase("whole", "restart-tiny-1") == "Succeeded", within=60)
    cluster.until_ready("whole")

    cluster.api.delete(cluster.stack("whole"))
    until(lambda: not cluster.stack("whole"), within=30)
    assert cluster.api.get(STATEFUL_SET, "tiny", namespace="whole-tiny") is None
    assert cluster.api.get(CONFIG_MAP, "whole.tiny.journal", namespace=OPERATOR_NAMESPACE) is None

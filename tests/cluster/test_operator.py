"""The operator on a real API server, with an application whose pods are processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.errors import PlatformError
from telamon.platforms.clock import SteadyClock
from telamon.platforms.kubernetes.api import STATEFUL_SET, Api
from telamon.platforms.kubernetes.lease import LEASE, KubernetesLease
from telamon.platforms.kubernetes.sheets import CONFIG_MAP
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


def test_of_all_that_write_as_the_operator_one_gets_through(cluster: Installed) -> None:
    cluster.prepare("fence")
    first, second = (Api(cluster.kubeconfig(pod)) for pod in ("operator-a", "operator-b"))
    clock = SteadyClock()
    leases = [
        KubernetesLease(api, OPERATOR_NAMESPACE, "telamon-operator", pod, clock)
        for api, pod in ((first, "operator-a"), (second, "operator-b"))
    ]
    assert leases[0].acquire()
    assert not leases[1].acquire()
    files: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "files", "namespace": "fence-tiny"},
        "data": {"one": "1"},
    }
    until(lambda: written(first, files))
    stack = cluster.ask_for("fence")

    # The other one takes over; whatever the first has decided comes too late, also where nothing has changed since.
    leases[0].release()
    assert leases[1].acquire()
    until(lambda: not written(first, {**files, "data": {"one": "2"}}))
    seen = first.get(CONFIG_MAP, "files", namespace="fence-tiny")
    assert seen is not None
    late: tuple[Callable[[], object], ...] = (
        lambda: first.apply({**files, "data": {"one": "3"}}, over=None),
        lambda: first.apply({**files, "metadata": {**files["metadata"], "name": "more"}}, over=None),
        lambda: first.create({**files, "metadata": {**files["metadata"], "name": "more"}}),
        lambda: first.change(seen, {"data": {"one": "3"}}),
        lambda: first.change(stack, {"status": {"observedGeneration": 7}}, part="status"),
        lambda: first.delete(seen),
    )
    for write in late:
        with pytest.raises(PlatformError, match="only the operator that holds the lease may write"):
            write()
    until(lambda: written(second, {**files, "data": {"one": "4"}}))
    cluster.api.delete(stack)
    leases[1].release()
    first.close()
    second.close()


def written(api: Api, item: dict[str, Any]) -> bool:
    """Whether a write gets through; the API server learns a moment late who holds the lease."""
    try:
        api.apply(item, over=None)
    except PlatformError:
        return False
    return True


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
    until(lambda: holder(cluster) == "operator-b", within=60)
    until(lambda: "is kept" in successor.log.read_text(encoding="utf-8"))
    cluster.operation("whole", "restart-tiny-1", verb="restart")
    until(lambda: cluster.phase("whole", "restart-tiny-1"), within=60)
    first = writes(cluster)[before:][0]
    assert first[:3] == ("patch", "operations", "restart-tiny-1"), writes(cluster)[before:]
    until(lambda: cluster.phase("whole", "restart-tiny-1") == "Succeeded", within=60)
    cluster.until_ready("whole")

    cluster.api.delete(cluster.stack("whole"))
    until(lambda: not cluster.stack("whole"), within=60)
    assert cluster.api.get(STATEFUL_SET, "tiny", namespace="whole-tiny") is None
    assert cluster.api.get(CONFIG_MAP, "whole.tiny.journal", namespace=OPERATOR_NAMESPACE) is None

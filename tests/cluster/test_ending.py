"""Stacks that are deleted while the cluster is in no good state: each comes to its end, and so does what was asked."""

from __future__ import annotations

from typing import Final

import pytest

from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.naming import LABEL_STACK
from telamon.platforms.kubernetes.api import POD, STATEFUL_SET, Kind
from telamon.platforms.kubernetes.store import FINALIZER, OPERATION
from tests.cluster.operators import EVENT, NAMESPACE, Installed
from tests.cluster.support import until

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive]

BINDING: Final = Kind("rbac.authorization.k8s.io/v1", "RoleBinding")
SERVICE: Final = Kind("v1", "Service")
LONG: Final = 150.0
"""Seconds that a loaded machine may take."""


def delete_namespace(cluster: Installed, name: str) -> None:
    """Ask for a namespace to be deleted."""
    found = cluster.api.get(NAMESPACE, name)
    assert found is not None
    cluster.api.delete(found)


def leave_an_operation_running(cluster: Installed, name: str) -> None:
    """Bring a stack up, and have its operator killed in the middle of an operation."""
    cluster.prepare(name)
    operator = cluster.start()
    cluster.ask_for(name)
    cluster.until_ready(name, within=LONG)
    cluster.operation(name, "restart-tiny-1", verb="restart")
    until(lambda: cluster.phase(name, "restart-tiny-1") == "Running", within=LONG)
    operator.kill()
    found = cluster.api.get(OPERATION, "restart-tiny-1", namespace=f"{name}-tiny") or {}
    assert FINALIZER in found["metadata"]["finalizers"]


def test_a_namespace_that_went_first_keeps_nothing_from_ending(cluster: Installed) -> None:
    leave_an_operation_running(cluster, "went")
    delete_namespace(cluster, "went-tiny")
    # Its roles are gone, and it waits for the operation that nobody goes on with.
    until(lambda: cluster.api.get(BINDING, "telamon-operator", namespace="went-tiny") is None, within=LONG)
    assert cluster.api.get(OPERATION, "restart-tiny-1", namespace="went-tiny") is not None
    cluster.start("operator-b")
    until(lambda: cluster.api.get(NAMESPACE, "went-tiny") is None, within=LONG)
    cluster.api.delete(cluster.stack("went"))
    until(lambda: not cluster.stack("went"), within=LONG)


def test_a_stack_that_nobody_can_compile_takes_its_pods_down(cluster: Installed) -> None:
    cluster.prepare("torn")
    operator = cluster.start()
    cluster.ask_for("torn")
    cluster.until_ready("torn", within=LONG)
    assert operator.end() == 0
    # Outside of dev every image has to be pinned, and this one is not.
    cluster.api.change(cluster.stack("torn"), {"spec": {"environment": "staging"}})
    cluster.start("operator-b")
    until(lambda: cluster.condition("torn", "Accepted").get("status") == "False", within=LONG)
    cluster.api.delete(cluster.stack("torn"))
    until(lambda: not cluster.stack("torn"), within=LONG)
    own = {LABEL_STACK: "torn"}
    for kind in (POD, STATEFUL_SET, SERVICE):
        until(lambda kind=kind: not cluster.api.list(kind, namespace="torn-tiny", labels=own), within=LONG)  # type: ignore[misc]


def test_a_role_that_went_first_keeps_no_stack_and_what_is_left_is_told(cluster: Installed) -> None:
    cluster.prepare("barred")
    cluster.start()
    cluster.ask_for("barred")
    cluster.until_ready("barred", within=LONG)
    binding = cluster.api.get(BINDING, "telamon-operator", namespace="barred-tiny")
    assert binding is not None
    cluster.api.delete(binding)
    cluster.api.delete(cluster.stack("barred"))

    def told() -> bool:
        ready = cluster.condition("barred", "Ready")
        return ready.get("reason") == "Ending" and "pods is forbidden" in ready["message"]

    until(told, within=LONG)
    until(lambda: not cluster.stack("barred"), within=LONG)
    assert len(cluster.api.list(POD, namespace="barred-tiny", labels={LABEL_STACK: "barred"})) == 2
    events = cluster.api.list(EVENT, namespace=OPERATOR_NAMESPACE, labels={LABEL_STACK: "barred"})
    assert [event["note"] for event in events if event["reason"] == "LeftBehind"] == [
        "barred-tiny: the operator's role was taken away there, and what it kept goes on"
    ]
    delete_namespace(cluster, "barred-tiny")


def test_an_operation_whose_stack_was_torn_away_ends(cluster: Installed) -> None:
    leave_an_operation_running(cluster, "gone")
    found = cluster.stack("gone")
    cluster.api.change(found, {"metadata": {"finalizers": []}})
    cluster.api.delete(cluster.stack("gone"))
    assert not cluster.stack("gone")
    cluster.start("operator-b")
    until(lambda: cluster.phase("gone", "restart-tiny-1") == "Cancelled", within=LONG)

    def is_free() -> bool:
        item = cluster.api.get(OPERATION, "restart-tiny-1", namespace="gone-tiny") or {}
        return FINALIZER not in (item["metadata"].get("finalizers") or ())

    until(is_free, within=LONG)
    delete_namespace(cluster, "gone-tiny")


def test_an_operation_that_runs_ends_with_its_stack(cluster: Installed) -> None:
    leave_an_operation_running(cluster, "both")
    # Deleted while nobody is there: it stays until somebody has ended it.
    cluster.api.delete(cluster.stack("both"))
    cluster.start("operator-b")
    until(lambda: not cluster.stack("both"), within=LONG)
    assert cluster.phase("both", "restart-tiny-1") == "Cancelled"
    delete_namespace(cluster, "both-tiny")
    until(lambda: cluster.api.get(NAMESPACE, "both-tiny") is None, within=LONG)

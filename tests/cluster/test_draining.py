"""A machine of a real API server is emptied by eviction; its pods are processes of this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telamon.errors import TemporaryError
from telamon.naming import ANNOTATION_EMPTIED, labels
from telamon.plan.draining import Evict
from telamon.platforms.kubernetes.api import POD, STATEFUL_SET, STATUS, Api, Kind
from telamon.platforms.kubernetes.draining import NODE, evict, look
from telamon.platforms.kubernetes.store import STACK
from telamon.products.registry import registry
from telamon.stackfile.crds import custom_resources
from testbed.client import Client
from testbed.control_plane import ControlPlane, control_plane
from testbed.machines import Machines
from testbed.network import Network
from testbed.parts import Cache, PartMissingError
from tests.cluster.harness import APPLICATION, stack
from tests.cluster.operators import document_of
from tests.cluster.support import until
from tests.support.desk import Desk, Result

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

NAME, SPACE = "drained", "drained-tiny"
BUDGET = Kind("policy/v1", "PodDisruptionBudget")
LABELS = dict(labels(NAME, "tiny"))
WELL = {"Accepted": "True", "Ready": "True", "Degraded": "False", "UpgradeFailed": "False"}


@pytest.fixture(scope="module")
def plane(network: Network) -> Iterator[ControlPlane]:
    """A control plane of its own: what other tests leave on machines would have a say."""
    with network.inside():
        running = control_plane(Cache.of())
        try:
            made = running.__enter__()
        except PartMissingError as error:
            pytest.skip(str(error))
    yield made
    running.__exit__(None, None, None)


@pytest.fixture(scope="module")
def machines(network: Network, plane: ControlPlane) -> Iterator[Machines]:
    """Two machines."""
    with network.inside():
        admin = plane.authority.client("machines", groups=("system:masters",))
        made = Machines(Client(plane.server, str(plane.authority.certificate), pair=admin), plane.folder, {})
    yield made
    made.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A command line."""
    found = Desk(tmp_path)
    yield found
    found.controller.end()


def workload() -> Iterator[dict[str, Any]]:
    """Two pods, one on each machine, of which one may be away."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "telamon-system"}}
    metadata = {"name": "tiny", "namespace": SPACE, "labels": LABELS}
    selector = {"matchLabels": LABELS}
    address = {"name": "HERE", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    container = {
        "name": "main",
        "image": "registry.acme.example/tiny:1.0",
        "command": [sys.executable, str(APPLICATION), "$(HERE):8000"],
        "env": [address],
        "readinessProbe": {"httpGet": {"path": "/status", "port": 8000}},
    }
    template = {
        "metadata": {"labels": LABELS},
        "spec": {
            "containers": [container],
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 5,
        },
    }
    spec = {"serviceName": "tiny", "replicas": 2, "selector": selector, "template": template}
    budget = {"maxUnavailable": 1, "selector": selector}
    yield {"apiVersion": BUDGET.version, "kind": BUDGET.kind, "metadata": metadata, "spec": budget}
    yield {"apiVersion": STATEFUL_SET.version, "kind": STATEFUL_SET.kind, "metadata": metadata, "spec": spec}


def tell(api: Api, **otherwise: str) -> None:
    """Tell how the Stack stands, as its operator does."""
    found = api.get(STACK, NAME, namespace="telamon-system")
    assert found is not None
    about = {
        "lastTransitionTime": "2026-11-20T09:00:00Z",
        "observedGeneration": found["metadata"]["generation"],
    }
    conditions = [
        {"type": kind, "status": is_so, "reason": "Told", "message": f"{kind} was told", **about}
        for kind, is_so in (WELL | otherwise).items()
    ]
    api.change(found, {"status": {"conditions": conditions}}, part=STATUS)


def allowed(api: Api) -> int:
    """Pods that may be away, as the cluster counts."""
    found = api.get(BUDGET, "tiny", namespace=SPACE) or {}
    return int(found.get("status", {}).get("disruptionsAllowed", -1))


def bring(api: Api) -> None:
    """Have the workload run, and its Stack be well."""
    until(lambda: api.get(Kind("v1", "Namespace"), "default"))
    for item in (*custom_resources(registry()), *workload()):
        api.apply(item, over=None)
    until(lambda: api.serves(STACK.version))
    until(lambda: _written(api), within=120.0)
    tell(api)
    until(lambda: allowed(api) == 1, within=200.0)


def _written(api: Api) -> bool:
    try:
        api.apply(document_of(stack(NAME)), over=None)
    except Exception:  # noqa: BLE001 - until the definitions are in force, any refusal means: not yet.
        return False
    return True


def test_a_machine_is_emptied_behind_its_budget_and_taken_back(
    desk: Desk, api: Api, plane: ControlPlane, machines: Machines
) -> None:
    def run(*words: str) -> Result:
        return desk.run("machines", *words, "--kubeconfig", str(plane.kubeconfig()), "-o", "json")

    bring(api)
    before = {str(pod["metadata"]["name"]): pod for pod in api.list(POD, namespace=SPACE, labels=LABELS)}
    here = str(before["tiny-0"]["spec"]["nodeName"])
    there = str(before["tiny-1"]["spec"]["nodeName"])
    assert here != there

    tell(api, Degraded="True")
    listed = {each["name"]: each for each in run("list").document["machines"]}
    assert listed[here]["members"] == [f"{SPACE}/tiny-0"]
    assert any("Degraded was told" in words for words in listed[here]["objections"])
    # It waits for the stack, and nothing has begun when its time is over.
    late = run("drain", here, "--yes", "--timeout", "100s")
    assert late.code == 9
    assert "Degraded was told" in late.document["error"]
    assert not (api.get(NODE, here) or {})["spec"].get("unschedulable")
    tell(api)

    # Whoever lacks rights is told which, before anything has begun.
    outsider = str(plane.kubeconfig("somebody", groups=()))
    denied = desk.run("machines", "drain", here, "--yes", "--kubeconfig", outsider, "-o", "json")
    assert denied.code == 7
    assert "create pods/eviction" in denied.document["error"]

    budget = api.get(BUDGET, "tiny", namespace=SPACE)
    assert budget is not None
    api.change(budget, {"spec": {"maxUnavailable": 0}})
    until(lambda: allowed(api) == 0, within=200.0)
    (placed,) = look(api).on(here)
    with pytest.raises(TemporaryError, match="disruption budget"):
        evict(api, Evict(placed))
    api.change(api.get(BUDGET, "tiny", namespace=SPACE) or {}, {"spec": {"maxUnavailable": 1}})

    drained = run("drain", here, "--yes", "--timeout", "8h")
    assert drained.code == 0, drained.out
    assert drained.document["evicted"] == [f"{SPACE}/tiny-0"]
    after = {str(pod["metadata"]["name"]): pod for pod in api.list(POD, namespace=SPACE, labels=LABELS)}
    assert after["tiny-0"]["spec"]["nodeName"] == there
    assert after["tiny-1"]["metadata"]["uid"] == before["tiny-1"]["metadata"]["uid"]
    node = api.get(NODE, here) or {}
    assert node["spec"]["unschedulable"] is True
    assert node["metadata"]["annotations"][ANNOTATION_EMPTIED] == NAME
    # Typed again, there is nothing left to do; and the last machine is not emptied.
    assert run("drain", here, "--yes", "--timeout", "8h").document["evicted"] == []
    assert run("drain", there, "--yes").code == 4
    misspelt = run("drain", "machnie-0", "--yes")
    assert (misspelt.code, "machine-0" in misspelt.document["remedy"]) == (2, True)

    assert run("uncordon", here).code == 0
    node = api.get(NODE, here) or {}
    assert "unschedulable" not in node["spec"]
    assert ANNOTATION_EMPTIED not in (node["metadata"].get("annotations") or {})

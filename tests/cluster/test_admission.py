"""Admission on a real API server: what the operator would refuse is refused while it is written, in the same words."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telamon.desired.kubernetes.admission import CONFIGURATION, SECRET
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.errors import DeniedError, PlatformError
from telamon.naming import LABEL_STACK
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.serving_pairs import WEBHOOKS
from telamon.platforms.kubernetes.store import OPERATION
from testbed.control_plane import ControlPlane
from testbed.machines import Machines
from testbed.network import Network
from tests.cluster.operators import Installed, installed
from tests.cluster.support import until

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive]

SERVICE = Kind("v1", "Service")
EVENT = Kind("events.k8s.io/v1", "Event")


@pytest.fixture
def cluster(
    plane: ControlPlane, api: Api, machines: Machines, network: Network, tmp_path: Path
) -> Iterator[Installed]:
    """A cluster on which the operator is installed, and answers at the address of its service."""
    with installed(plane, api, tmp_path) as made:
        yield made


def address(cluster: Installed, network: Network) -> str:
    """The address of the service that the API server asks; this machine answers there."""
    found = cluster.api.get(SERVICE, SECRET, namespace=OPERATOR_NAMESPACE)
    assert found is not None
    own = str(found["spec"]["clusterIP"])
    network.ip("address", "replace", f"{own}/32", "dev", "lo")
    return own


def listed(cluster: Installed) -> bytes:
    """The certificates that the API server trusts."""
    found = cluster.api.get(WEBHOOKS, CONFIGURATION) or {}
    return base64.b64decode(found["webhooks"][0]["clientConfig"].get("caBundle", ""))


class Writer:
    """Writes as somebody does whose writing is judged, and takes back what was let through unjudged.

    An API server learns of a certificate a moment later than of it, and goes on without an answer that takes long.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    def refusal(self, document: dict[str, Any], before: dict[str, Any] | None = None) -> str:
        """What is said against a document.

        Args:
            document: that is to be refused.
            before: what is there instead; nothing where it is left out.
        """
        said: list[PlatformError] = []

        def is_refused() -> bool:
            try:
                made = self._api.apply(document, over=None)
            except PlatformError as error:
                said.append(error)
                return True
            if before is not None:
                self._api.apply(before, over=None)
            else:
                self._api.delete(made)
                kind, about = Kind.of(made), made["metadata"]
                until(lambda: self._api.get(kind, about["name"], namespace=about["namespace"]) is None)
            return False

        until(is_refused, within=80)
        # It is no right that is missing.
        assert not isinstance(said[0], DeniedError)
        return str(said[0])


def operation(name: str, **spec: Any) -> dict[str, Any]:
    """An operation on the application."""
    return {
        "apiVersion": OPERATION.version,
        "kind": OPERATION.kind,
        "metadata": {"name": name, "namespace": "judged-tiny"},
        "spec": {"target": {"stack": "judged", "component": "tiny"}, "generation": 1, **spec},
    }


def test_what_would_be_refused_is_refused_as_it_is_written(cluster: Installed, network: Network) -> None:
    cluster.prepare("judged")
    operator = cluster.start(admission=f"{address(cluster, network)}:443")
    until(lambda: listed(cluster), within=60)
    cluster.ask_for("judged")
    cluster.until_ready("judged")
    document: dict[str, Any] = {**cluster.stack("judged")}
    wanted = {key: document[key] for key in ("apiVersion", "kind", "spec")}
    wanted["metadata"] = {"name": "judged", "namespace": OPERATOR_NAMESPACE}
    tiny, writer = wanted["spec"]["products"]["tiny"], Writer(cluster.api)

    # As `telamon validate` says it: where, what, and what to write instead.
    unknown = {**wanted, "spec": {**wanted["spec"], "products": {"tinyy": {"version": "1.0"}}}}
    assert "spec.products.tinyy" in writer.refusal(unknown, wanted)
    # As the operator would say it afterwards: nobody has agreed to the interruption that this takes.
    newer = {**wanted, "spec": {**wanted["spec"], "products": {"tiny": {**tiny, "version": "2.0"}}}}
    assert "tiny 1.0 to 2.0 needs a planned downtime" in writer.refusal(newer, wanted)
    assert cluster.stack("judged")["spec"] == document["spec"]

    said = writer.refusal(operation("backup-tiny-1", verb="backup"))
    assert "names no place here where backups of tiny could be put" in said
    said = writer.refusal(operation("restart-tiny-1", verb="restart", generation=999))
    assert "it was asked for when the stack was at generation 999" in said
    target = {"stack": "judged", "component": "tinny"}
    said = writer.refusal(operation("restart-tinny-1", verb="restart", target=target))
    assert "did you mean tiny" in said
    cluster.operation("judged", "restart-tiny-2", verb="restart")
    until(lambda: cluster.phase("judged", "restart-tiny-2") == "Succeeded", within=80)

    # Without an operator nothing is in the way of anybody: it judges afterwards.
    assert operator.end() == 0
    cluster.api.apply(newer, over=None)
    cluster.api.apply(wanted, over=None)
    cluster.api.delete(cluster.stack("judged"))
    successor = cluster.start("operator-b")
    until(lambda: not cluster.stack("judged"), within=80)
    assert successor.end() == 0


def test_an_operation_that_lies_where_nobody_looks_for_it_says_so(cluster: Installed) -> None:
    for name in ("here", "there"):
        cluster.prepare(name)
        cluster.ask_for(name)
    operator = cluster.start()
    for name in ("here", "there"):
        cluster.until_ready(name)
    # Who may write beside one application may not act on another by that.
    foreign = {"stack": "there", "component": "tiny"}
    cluster.operation("here", "restart-tiny-1", verb="restart", target=foreign)
    cluster.operation("here", "restart-tiny-2", verb="restart", target={"stack": "here"})
    for name in ("restart-tiny-1", "restart-tiny-2"):
        until(lambda name=name: cluster.phase("here", name) == "Failed", within=80)  # type: ignore[misc]
    found = cluster.api.get(OPERATION, "restart-tiny-1", namespace="here-tiny")
    assert found is not None
    assert "here-tiny belongs to the stack here" in found["status"]["message"]
    status = cluster.stack("there")["status"]
    assert [member["restarts"] for member in status["members"]] == [0, 0]

    # What was told on the way: lines that belong to looks, series, and each event once.
    lines = [json.loads(line) for line in operator.log.read_text(encoding="utf-8").splitlines()]
    assert {"subject": "here", "reconcile": 1}.keys() <= next(
        line for line in lines if "here is kept" in line["message"]
    ).keys()
    told = operator.told()
    assert 'leader_election_master_status{name="telamon-operator"} 1.0' in told
    assert 'telamon_stack_status_condition{condition="Ready",stack="here",status="True"} 1.0' in told
    events = cluster.api.list(EVENT, namespace=OPERATOR_NAMESPACE, labels={LABEL_STACK: "here"})
    seen = [(event["action"], event["reason"], event["note"]) for event in events]
    assert len(seen) == len(set(seen)), seen

    for name in ("here", "there"):
        cluster.api.delete(cluster.stack(name))
        until(lambda name=name: not cluster.stack(name), within=80)  # type: ignore[misc]
    assert operator.end() == 0

"""What others have a hand in on a cluster: what they apply for a stack, and what is there already and is theirs."""

from __future__ import annotations

from typing import Any, Final

import pytest

from telamon.desired.kubernetes.components import applied_by_others, components
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.desired.kubernetes.written import DRIFT
from telamon.model.stack import Stack
from telamon.platforms.kubernetes.api import POD, STATEFUL_SET, Kind
from telamon.platforms.kubernetes.foreign import ADOPT
from telamon.platforms.kubernetes.sheets import CONFIG_MAP
from tests.cluster.harness import stack
from tests.cluster.operators import Installed, document_of
from tests.cluster.support import until
from tests.support.manifests import site_of

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive]

POLICY: Final = Kind("networking.k8s.io/v1", "NetworkPolicy")
SERVICE: Final = Kind("v1", "Service")
LONG: Final = 150.0
"""Seconds that a loaded machine may take."""


def open_to(name: str, *presets: str) -> Stack:
    """The stack, with more flows outwards."""
    found = stack(name)
    security = found.spec.security.model_copy(update={"egress": presets})
    return found.model_copy(update={"spec": found.spec.model_copy(update={"security": security})})


def apply_for(cluster: Installed, wanted: Stack) -> None:
    """Apply what the operator may not."""
    rendered = bundles(known := site_of(wanted))
    for item in applied_by_others(rendered, components(known, rendered)):
        cluster.api.apply(item, over=None)


def until_not_ready(cluster: Installed, name: str, words: str, *, about: str = "Ready") -> None:
    """Wait until a condition of the Stack as it is written now is false, and says why."""

    def told() -> bool:
        found = cluster.condition(name, about)
        current = found.get("observedGeneration") == cluster.stack(name)["metadata"]["generation"]
        return current and found["status"] == "False" and words in found["message"]

    try:
        until(told, within=LONG)
    except AssertionError as error:
        raise AssertionError(f"{error}: {cluster.condition(name, about)}") from error


def take_away(cluster: Installed, name: str) -> None:
    """Delete the Stack."""
    cluster.api.delete(cluster.stack(name))
    until(lambda: not cluster.stack(name), within=LONG)


def test_a_stack_is_ready_once_what_others_apply_is_in_force(cluster: Installed) -> None:
    cluster.prepare("open")
    operator = cluster.start()
    cluster.ask_for("open")
    cluster.until_ready("open", within=LONG)
    assert cluster.condition("open", "Prepared")["status"] == "True"

    # Written by kubectl or Argo CD alone: nobody has applied the policy that goes with it.
    wanted = open_to("open", "application-links", "smtp")
    cluster.api.apply(document_of(wanted), over=None)
    until_not_ready(cluster, "open", "NetworkPolicy open-tiny/tiny")
    assert "telamon render" in cluster.condition("open", "Prepared")["message"]
    apply_for(cluster, wanted)
    cluster.until_ready("open", within=LONG)

    # By hand, while nobody looks: whoever looks next tells.
    assert operator.end() == 0
    policy = cluster.api.get(POLICY, "deny-all", namespace="open-tiny")
    assert policy is not None
    cluster.api.change(policy, {"spec": {"policyTypes": ["Ingress"]}})
    cluster.start("operator-b")
    until_not_ready(cluster, "open", "NetworkPolicy open-tiny/deny-all: otherwise", about="Prepared")
    apply_for(cluster, wanted)
    cluster.until_ready("open", within=LONG)
    take_away(cluster, "open")


def test_what_is_somebody_elses_is_taken_over_by_a_word_alone(cluster: Installed) -> None:
    cluster.prepare("ours")
    theirs: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "tiny", "namespace": "ours-tiny", "labels": {"app": "theirs"}},
        "spec": {"ports": [{"port": 8000}], "selector": {"app": "theirs"}},
    }
    path = "/api/v1/namespaces/ours-tiny/services"
    cluster.api._ask("POST", path, query={"fieldManager": "helm"}, body=theirs)
    cluster.start()
    cluster.ask_for("ours")
    until_not_ready(cluster, "ours", "Service ours-tiny/tiny (written by helm) is there already")
    assert cluster.api.get(STATEFUL_SET, "tiny", namespace="ours-tiny") is None
    # Whoever goes leaves it to whom it belongs.
    take_away(cluster, "ours")
    live = cluster.api.get(SERVICE, "tiny", namespace="ours-tiny")
    assert live is not None
    assert live["spec"]["selector"] == {"app": "theirs"}

    cluster.ask_for("ours")
    until_not_ready(cluster, "ours", "is there already")
    cluster.api.change(live, {"metadata": {"annotations": {ADOPT: "ours"}}})
    cluster.until_ready("ours", within=LONG)
    live = cluster.api.get(SERVICE, "tiny", namespace="ours-tiny")
    assert live is not None
    assert live["spec"]["selector"] != {"app": "theirs"}
    take_away(cluster, "ours")
    until(lambda: cluster.api.get(SERVICE, "tiny", namespace="ours-tiny") is None, within=LONG)


def test_pods_go_on_where_the_template_of_what_is_handed_over_agrees(cluster: Installed) -> None:
    cluster.prepare("kept")
    operator = cluster.start()
    cluster.ask_for("kept")
    cluster.until_ready("kept", within=LONG)
    assert operator.end() == 0
    before = uids(cluster)
    # As it comes back from a backup of somebody's, or by another tool: the same, and nobody's.
    live = cluster.api.get(STATEFUL_SET, "tiny", namespace="kept-tiny")
    assert live is not None
    labels = dict.fromkeys(live["metadata"]["labels"])
    cluster.api.change(live, {"metadata": {"labels": labels, "managedFields": [{}]}})
    cluster.start("operator-b")
    until_not_ready(cluster, "kept", "StatefulSet kept-tiny/tiny")
    live = cluster.api.get(STATEFUL_SET, "tiny", namespace="kept-tiny") or live
    cluster.api.change(live, {"metadata": {"annotations": {ADOPT: "kept"}}})
    cluster.until_ready("kept", within=LONG)
    assert uids(cluster) == before
    take_away(cluster, "kept")


def test_what_is_changed_by_hand_is_left_where_somebody_says_so(cluster: Installed) -> None:
    cluster.prepare("left")
    operator = cluster.start()
    cluster.ask_for("left")
    cluster.until_ready("left", within=LONG)
    cluster.api.change(cluster.stack("left"), {"metadata": {"annotations": {DRIFT: "tiny"}}})
    until(lambda: cluster.condition("left", "Drifted").get("status") == "False", within=LONG)
    until(lambda: "applied:" in journal(cluster), within=LONG)
    assert operator.end() == 0
    service = cluster.api.get(SERVICE, "tiny", namespace="left-tiny")
    assert service is not None
    changed = [{**service["spec"]["ports"][0], "targetPort": 8001}]
    cluster.api.change(service, {"spec": {"ports": changed}})
    successor = cluster.start("operator-b")
    until(lambda: cluster.condition("left", "Drifted").get("status") == "True", within=LONG)
    assert "Service/tiny" in cluster.condition("left", "Drifted")["message"]
    cluster.until_ready("left", within=LONG)
    assert port(cluster) == 8001

    # Whoever takes the word back has it put right.
    cluster.api.change(cluster.stack("left"), {"metadata": {"annotations": {DRIFT: None}}})
    until(lambda: port(cluster) == service["spec"]["ports"][0]["targetPort"], within=LONG)
    take_away(cluster, "left")
    assert successor.end() == 0


def port(cluster: Installed) -> int | str:
    """To which the service of the application sends users."""
    found = cluster.api.get(SERVICE, "tiny", namespace="left-tiny")
    assert found is not None
    given: int | str = found["spec"]["ports"][0]["targetPort"]
    return given


def journal(cluster: Installed) -> str:
    """What was done to the application, as it is written down."""
    found = cluster.api.get(CONFIG_MAP, "left.tiny.journal", namespace=OPERATOR_NAMESPACE) or {}
    return str(found.get("data"))


def uids(cluster: Installed) -> set[str]:
    """The pods that there are."""
    found = cluster.api.list(POD, namespace="kept-tiny", labels={})
    return {str(pod["metadata"]["uid"]) for pod in found}

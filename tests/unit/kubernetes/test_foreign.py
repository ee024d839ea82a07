"""What is there already and is somebody else's is left alone, until somebody hands it over."""

from __future__ import annotations

from typing import Any

import pytest

from telamon.desired.kubernetes.data import Object
from telamon.errors import PlatformError, RefusedError
from telamon.naming import LABEL_COMPONENT, LABEL_STACK, MANAGER
from telamon.platforms.kubernetes.foreign import ADOPT, is_foreign, refuse_foreign, refuse_other_pods

OWN = {LABEL_STACK: "acme", LABEL_COMPONENT: "jira"}
APPLIED = {"manager": MANAGER, "operation": "Apply"}
HELM = {"manager": "helm", "operation": "Update"}
WANTED: Object = {
    "kind": "Service",
    "metadata": {"name": "jira", "namespace": "acme-jira", "labels": OWN},
    "spec": {"selector": OWN},
}


def live(labels: dict[str, str], *managers: dict[str, str], adopt: str = "", kind: str = "Service") -> Object:
    """An object of that name as it lives."""
    metadata: dict[str, Any] = {"name": "jira", "namespace": "acme-jira", "labels": labels}
    metadata |= {"managedFields": list(managers), "annotations": {ADOPT: adopt} if adopt else {}}
    return {"kind": kind, "metadata": metadata, "spec": {"selector": {"app": "theirs"}}}


@pytest.mark.parametrize(
    ("found", "foreign"),
    [
        (live({}, HELM), True),
        (live({"app": "theirs"}), True),
        (live({LABEL_STACK: "other", LABEL_COMPONENT: "jira"}, APPLIED), True),
        (live({**OWN, LABEL_COMPONENT: "wiki"}, HELM), True),
        (live(OWN, {"manager": "kubectl", "operation": "Apply"}), False),
        (live({}, APPLIED), False),
        (live({}, HELM, adopt="acme"), False),
        (live({}, HELM, adopt="other"), True),
    ],
    ids=[
        "another tool's",
        "nobody's",
        "another stack's",
        "another component's",
        "rendered and applied by kubectl",
        "its labels were taken off by hand",
        "handed over",
        "handed over to another stack",
    ],
)
def test_whose_it_is(found: Object, foreign: bool) -> None:
    assert is_foreign(found, WANTED) is foreign


def test_all_that_is_in_the_way_is_told_at_once_with_the_word_that_hands_it_over() -> None:
    config = {**WANTED, "kind": "ConfigMap"}
    found = [(live({}, HELM), WANTED), (None, WANTED), (live({}, kind="ConfigMap"), config)]
    with pytest.raises(RefusedError, match="is there already, and is not Telamon's") as refusal:
        refuse_foreign(found)
    assert "Service acme-jira/jira (written by helm), ConfigMap acme-jira/jira is" in str(refusal.value)
    assert "kubectl annotate service jira --namespace acme-jira telamon.dev/adopt=acme" in str(
        refusal.value.remedy
    )
    refuse_foreign([(live(OWN), WANTED), (None, WANTED)])


def test_a_set_of_other_pods_cannot_be_handed_over() -> None:
    with pytest.raises(PlatformError, match="chooses its pods by other labels") as refusal:
        refuse_other_pods(live({}, adopt="acme", kind="StatefulSet"), WANTED)
    assert "--cascade=orphan" in str(refusal.value.remedy)
    refuse_other_pods(None, WANTED)
    refuse_other_pods({**live(OWN), "spec": {"selector": OWN}}, WANTED)

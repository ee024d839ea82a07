"""Another release of the operator takes a stack over, and no pod of a product is restarted for it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import telamon
from telamon.model.stack import Stack
from telamon.naming import ANNOTATION_RENDERED
from telamon.platforms.kubernetes.api import POD, STATEFUL_SET
from tests.cluster.harness import stack
from tests.cluster.operators import Installed
from tests.cluster.support import until

pytestmark = pytest.mark.lab

NAME = "renewed"
SPACE = f"{NAME}-tiny"
RENDERED = Path("telamon/desired/kubernetes/pods.py")
OLD, NEW = '"periodSeconds": 30,', '"periodSeconds": 31,'
"""How often a node is looked at that accepts no connection: what two releases of Telamon render otherwise."""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """Another release of Telamon, which renders one thing otherwise."""
    folder = tmp_path / "newer"
    ours = Path(telamon.__file__).parent
    shutil.copytree(ours, folder / "telamon", ignore=shutil.ignore_patterns("__pycache__"))
    text = (folder / RENDERED).read_text(encoding="utf-8")
    assert text.count(OLD) == 1
    (folder / RENDERED).write_text(text.replace(OLD, NEW), encoding="utf-8")
    return folder


def pods(cluster: Installed) -> dict[str, Mapping[str, Any]]:
    """The pods of the application that are not on their way out, by uid."""
    found = cluster.api.list(POD, namespace=SPACE, labels={})
    return {str(pod["metadata"]["uid"]): pod for pod in found if "deletionTimestamp" not in pod["metadata"]}


def looked_at_every(item: Mapping[str, Any]) -> int:
    """The seconds between two looks, in a pod or a template."""
    return int(item["spec"]["containers"][0]["livenessProbe"]["periodSeconds"])


def template(cluster: Installed) -> Mapping[str, Any]:
    """The template of the application's pods."""
    found = cluster.api.get(STATEFUL_SET, "tiny", namespace=SPACE) or {}
    return dict(found["spec"]["template"])


def told(cluster: Installed) -> str:
    """What the status says of the application."""
    components = cluster.stack(NAME).get("status", {}).get("components", ())
    return str(next((each.get("message", "") for each in components if each["name"] == "tiny"), ""))


def with_variable(value: str) -> Stack:
    """The same stack, of which something else is asked."""
    known = stack(NAME)
    products = {
        name: spec.model_copy(update={"env": {"WORD": value}}) for name, spec in known.spec.products.items()
    }
    return known.model_copy(update={"spec": known.spec.model_copy(update={"products": products})})


def test_another_release_of_the_operator_restarts_nobody_and_a_changed_file_does(
    cluster: Installed, newer: Path
) -> None:
    cluster.prepare(NAME)
    first = cluster.start("operator-a")
    cluster.ask_for(NAME)
    cluster.until_ready(NAME)
    before = pods(cluster)
    assert first.end() == 0

    second = cluster.start("operator-b", release=newer)
    until(lambda: looked_at_every(template(cluster)) == 31)
    until(lambda: "runs as an earlier Telamon rendered it" in told(cluster))
    cluster.until_ready(NAME)
    after = pods(cluster)
    assert set(after) == set(before)
    assert {looked_at_every(pod) for pod in after.values()} == {30}
    assert all(ANNOTATION_RENDERED in pod["metadata"]["annotations"] for pod in after.values())

    # One that is made anew for whatever reason is of the new template, beside one of the old.
    cluster.operation(NAME, "restart-tiny-1", verb="restart", member="tiny-1")
    until(lambda: cluster.phase(NAME, "restart-tiny-1") == "Succeeded")
    assert sorted(looked_at_every(pod) for pod in pods(cluster).values()) == [30, 31]
    cluster.until_ready(NAME)
    assert told(cluster).startswith("tiny-0: runs as an earlier Telamon")

    # What the file asks for is brought into force as ever.
    asked = with_variable("new")
    cluster.write(asked)
    until(lambda: not set(pods(cluster)) & set(after) and len(pods(cluster)) == 2, within=90)
    cluster.until_ready(NAME)
    assert {looked_at_every(pod) for pod in pods(cluster).values()} == {31}
    assert told(cluster) == ""

    # And whoever goes back to the release before restarts nobody either.
    last = set(pods(cluster))
    assert second.end() == 0
    third = cluster.start("operator-a")
    until(lambda: looked_at_every(template(cluster)) == 30)
    until(lambda: "runs as an earlier Telamon rendered it" in told(cluster))
    cluster.until_ready(NAME)
    assert set(pods(cluster)) == last
    cluster.api.delete(cluster.stack(NAME))
    until(lambda: not cluster.stack(NAME))
    assert third.end() == 0

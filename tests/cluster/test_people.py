"""People of groups that a stack file names, and nobody with every right, ask a cluster for what they may."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from telamon.desired.kubernetes.data import Object
from telamon.model.stack import Stack
from tests.cluster.harness import stack
from tests.cluster.operators import EVENT, Installed
from tests.cluster.support import until
from tests.support.desk import Desk, Result

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(1500)]

NAME = "shared"
LONG = 200.0
"""Seconds that a loaded machine may take."""


@dataclass
class Person:
    """Somebody of a group, at a desk of his own."""

    desk: Desk
    kubeconfig: Path

    def run(self, *words: str) -> Result:
        """Type a command that goes to the cluster."""
        # The desk's time runs a hundred times faster than it does.
        patience = ("--timeout", "8h") if "restart" in words and "--no-wait" not in words else ()
        return self.desk.run(*words, "--kubeconfig", str(self.kubeconfig), "-o", "json", *patience)


def person(cluster: Installed, group: str) -> Person:
    """Somebody who is in one group, and in no other."""
    folder = cluster.folder / group
    folder.mkdir()
    return Person(Desk(folder), cluster.plane.kubeconfig(f"somebody-of-{group}", groups=(group,)))


def shared() -> Stack:
    """Two applications, each looked after by another group, and groups for both."""
    document = stack(NAME, nodes=1).model_dump(
        mode="json", by_alias=True, exclude_unset=True, exclude_none=True
    )
    spec = document["spec"]
    spec["products"]["other"] = spec["products"]["tiny"]
    spec["access"] = {
        "administrators": ["keepers"],
        "viewers": ["lookers"],
        "products": {"tiny": {"administrators": ["tiny-keepers"]}},
    }
    return Stack.model_validate(document)


def test_each_does_what_the_file_gives_and_nothing_else(cluster: Installed) -> None:
    cluster.prepare_for(shared())
    cluster.start()
    cluster.write(shared())
    cluster.until_ready(NAME, within=LONG)
    keeper, looker, own, nobody = (
        person(cluster, group) for group in ("keepers", "lookers", "tiny-keepers", "others")
    )

    for each in (keeper, looker, own):
        told = each.run("status")
        assert told.code == 0, told.out
        assert len(told.document["status"]["members"]) == 2
        assert each.run("operations", "list").document == []
        assert each.run("backup", "list").document == []
    seen = {entry["component"] for entry in looker.run("logs", "--lines", "500").document["entries"]}
    assert seen == {"tiny", "other"}
    assert {entry["component"] for entry in own.run("logs", "--lines", "500").document["entries"]} == {"tiny"}

    # Operations are how products are changed, each by whoever looks after it.
    refused = looker.run("restart", "tiny", "--downtime")
    assert refused.code == 7
    assert 'cannot create resource "operations"' in refused.document["error"]
    assert own.run("restart", "other", "--downtime").code == 7
    restarted = own.run("restart", "tiny", "--downtime")
    assert restarted.document["status"]["phase"] == "Succeeded", restarted.out
    restarted = keeper.run("restart", "other", "--downtime")
    assert restarted.document["status"]["phase"] == "Succeeded", restarted.out
    names = [each["metadata"]["name"] for each in looker.run("operations", "list").document]
    assert names == ["restart-tiny-1", "restart-other-2"]
    assert [each["metadata"]["name"] for each in own.run("operations", "list").document] == names[:1]

    events = [
        event for event in cluster.api.list(EVENT, namespace=f"{NAME}-tiny", labels={}) if _is_of(event)
    ]
    assert sorted(event["reason"] for event in events) == ["Running", "Succeeded"]

    stranger = nobody.run("status")
    assert stranger.code == 7
    assert "stacks" in stranger.document["error"]

    cluster.api.delete(cluster.stack(NAME))
    until(lambda: not cluster.stack(NAME), within=LONG)


def _is_of(event: Object) -> bool:
    """Whether an event is about the first operation."""
    return bool(event.get("regarding", {}).get("name") == "restart-tiny-1")

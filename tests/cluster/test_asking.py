"""People ask the operator of a cluster in the words in which they ask a controller of the lab."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.platforms.kubernetes.records import KubernetesRecords
from telamon.state.listing import ListedBackup, Listing
from testbed.control_plane import ControlPlane
from tests.cluster.operators import Installed
from tests.cluster.support import until
from tests.support.desk import Desk, Result

# An operator starts, and a stack comes up: on a machine that does other work it may take minutes.
pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

NAME = "asked"


class Person:
    """Somebody with a kubeconfig, in a folder without files."""

    def __init__(self, folder: Path, plane: ControlPlane) -> None:
        self.desk = Desk(folder)
        self.kubeconfig = str(plane.kubeconfig())

    def run(self, *words: str) -> Result:
        """Type a command that goes to the cluster."""
        # The desk's time runs a hundred times faster than it does.
        patience = ("--timeout", "8h") if {"restart", "pause", "resume", "wait"} & set(words) else ()
        return self.desk.run(*words, "--kubeconfig", self.kubeconfig, "-o", "json", *patience)


@pytest.fixture
def person(plane: ControlPlane, tmp_path: Path) -> Iterator[Person]:
    """Who asks."""
    folder = tmp_path / "desk"
    folder.mkdir()
    made = Person(folder, plane)
    yield made
    made.desk.controller.end()


def test_status_and_operations_of_a_cluster(cluster: Installed, person: Person) -> None:
    nothing = person.run("status")
    assert nothing.code == 9
    assert "the cluster has no Stack" in nothing.document["error"]

    cluster.prepare(NAME)
    cluster.ask_for(NAME)
    silent = person.run("status")
    assert silent.code == 9
    assert "nobody has told yet how asked stands" in silent.document["error"]

    cluster.start()
    cluster.until_ready(NAME)
    status = person.run("status", "--wait", "--timeout", "8h")
    assert status.code == 0, status.out
    assert [member["state"] for member in status.document["status"]["members"]] == ["Serving", "Serving"]
    misspelt = person.run("status", "askde")
    assert misspelt.code == 2
    assert NAME in json.dumps(misspelt.document)

    restarted = person.run("restart", "tiny")
    assert restarted.code == 0, restarted.out
    assert (restarted.document["metadata"]["name"], restarted.document["status"]["phase"]) == (
        "restart-tiny-1",
        "Succeeded",
    )
    refused = person.run("restart", "tiny", "tiny-7")
    assert refused.code == 2
    assert "tiny-1" in json.dumps(refused.document)

    _backups_are_listed(cluster, person)

    # What is paused takes in nothing that would stand in the way of its resumption.
    assert person.run("pause", "tiny").code == 0
    paused = person.run("restart", "tiny")
    assert paused.code == 4
    assert "changes of tiny are paused" in paused.document["error"]
    assert person.run("operations", "cancel", "restart-tiny-1").code == 9
    listed = person.run("operations", "list")
    names = [each["metadata"]["name"] for each in listed.document]
    assert names[:3] == ["restart-tiny-1", "restore-tiny-2", "pause-tiny-3"]
    shown = person.run("operations", "show", "restart-tiny-1")
    assert shown.document["status"]["phase"] == "Succeeded"
    assert person.run("resume", "tiny").code == 0

    # Whoever cancels what goes on has it ended by the operator, and taken away.
    waiting = person.run("restart", "tiny", "--no-wait")
    name = waiting.document["metadata"]["name"]
    assert waiting.code == 0
    assert person.run("operations", "cancel", name).code == 0
    until(lambda: person.run("operations", "show", name).code == 9, within=200.0)

    cluster.api.delete(cluster.stack(NAME))
    until(lambda: not cluster.stack(NAME), within=200.0)


def _backups_are_listed(cluster: Installed, person: Person) -> None:
    """Of backups a cluster tells what a job has told last."""
    assert person.run("backup", "list").document == []
    line = ListedBackup("tiny-1", "asked", "1.0", "2026-03-01T10:00:00Z", 1, 1, "2026-03-01T10:01:00Z", 0)
    KubernetesRecords(cluster.api, OPERATOR_NAMESPACE, NAME).list_backups("tiny", Listing((line,)).told())
    assert [each["name"] for each in person.run("backup", "list").document] == ["tiny-1"]
    back = person.run("restore", "tiny", "--to-time", "2026-03-01T10:00:00Z", "--yes")
    assert back.code == 2
    assert "Name a backup with --from" in json.dumps(back.document)
    assert person.run("restore", "tiny", "--from", "tiny-1", "--yes").code == 4
    unknown = person.run("backup", "verify", "tiny-2")
    assert unknown.code == 2
    assert "Did you mean tiny-1?" in json.dumps(unknown.document)

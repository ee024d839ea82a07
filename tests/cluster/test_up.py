"""``telamon up`` brings a stack into a real cluster: it stops where people are needed, and goes on from there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.standing import stack_as_told
from testbed.control_plane import ControlPlane
from testbed.machines import Machines
from tests.cluster.operators import IMAGE, Installed, installable
from tests.cluster.place import Place
from tests.cluster.support import until

# An operator starts, and a stack comes up: on a machine that does other work it may take minutes.
pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

NAME = "rising"


@pytest.fixture
def cluster(plane: ControlPlane, api: Api, machines: Machines, tmp_path: Path) -> Iterator[Installed]:
    """A cluster in which an operator can be run as a process."""
    with installable(plane, api, tmp_path) as made:
        yield made


@pytest.fixture
def place(cluster: Installed, api: Api, plane: ControlPlane, tmp_path: Path) -> Iterator[Place]:
    """A stack of which nothing is there."""
    made = Place(tmp_path, api, plane, NAME)
    yield made
    made.desk.controller.end()


def test_it_stops_where_people_are_needed_and_goes_on_from_there(cluster: Installed, place: Place) -> None:
    bare = place.run("up")
    assert bare.code == 9
    assert "--operator NAME@sha256" in bare.document["remedy"]

    lacking = place.run("up", "--operator", IMAGE)
    assert lacking.code == 9
    secret = place.secrets[0]
    assert f"{secret.namespace}/{secret.name}" in lacking.document["error"]
    assert cluster.stack(NAME) == {}

    place.bring_secrets()
    asked = place.run("up", "--no-wait")
    assert asked.code == 0, asked.out
    assert (asked.document["ready"], asked.document["changed"]) == (False, True)
    # Nobody keeps it yet, and whoever waits is told so.
    waited = place.run("up", "--timeout", "1s")
    assert waited.code == 9
    assert "no operator has looked at it yet" in waited.document["error"]

    cluster.start()
    # The desk's time runs a hundred times faster than it does.
    ready = place.run("up", "--timeout", "8h")
    assert ready.code == 0, ready.out
    assert (ready.document["ready"], ready.document["changes"]) == (True, 0)

    # Whoever promotes hears there how it stands: nothing speaks against it but that it has not soaked.
    until(lambda: "green" in stack_as_told(cluster.api, NAME)["status"], within=200.0)
    assert guards(place) == {"ran-green"}

    cluster.api.delete(cluster.stack(NAME))
    until(lambda: not cluster.stack(NAME), within=200.0)


def guards(place: Place) -> set[str]:
    """What speaks against promoting the stack to another stage."""
    following = place.file.parent / "next"
    following.mkdir()
    for name in ("stack.yaml", "stack.lock.yaml"):
        (following / name).write_bytes((place.file.parent / name).read_bytes())
    kubeconfig = place.plane.kubeconfig()
    context = json.loads(kubeconfig.read_text(encoding="utf-8"))["current-context"]
    words = ("--context", f"{place.file}={context}", "--kubeconfig", str(kubeconfig), "-o", "json")
    found = place.desk.run("promote", str(place.file), str(following), *words)
    assert found.code == 4, found.out
    (step,) = found.document["steps"]
    return {each["guard"] for each in step["objections"]}

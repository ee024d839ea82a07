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
from tests.support.desk import Result

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
    first = place.run("plan")
    assert first.code == 0, first.out
    assert {each["becomes"] for each in first.document["cluster"]["objects"]} == {"created"}
    assert not first.document["cluster"]["standing"]
    assert len(first.document["cluster"]["secrets"]) == len(place.secrets)
    assert "start tiny-1" in steps(first)

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

    _plans_are_told_and_nothing_is_written(place)
    _flows_of_the_cluster_are_told(place)

    cluster.api.delete(cluster.stack(NAME))
    until(lambda: not cluster.stack(NAME), within=200.0)


def _plans_are_told_and_nothing_is_written(place: Place) -> None:
    """What a plan says of a stack that stands, as it is and as it could be."""
    before = place.versions()
    same = place.run("plan")
    assert same.code == 0, same.out
    assert (same.document["steps"], same.document["waits"]) == ([], [])
    told = same.document["cluster"]
    assert (told["standing"], told["objects"], told["restarts"], told["secrets"]) == (True, [], [], [])

    text = place.file.read_text(encoding="utf-8")
    wanted = json.loads(text)
    wanted["spec"]["products"]["tiny"]["env"] = {"COLOUR": "blue"}
    place.file.write_text(json.dumps(wanted), encoding="utf-8")
    changed = place.run("plan")
    assert changed.document["cluster"]["restarts"] == [{"component": "tiny", "members": ["tiny-0", "tiny-1"]}]
    objects = {each["address"]: each for each in changed.document["cluster"]["objects"]}
    assert f"{NAME}-tiny/StatefulSet/tiny" in objects
    assert "blue" not in changed.out
    order = steps(changed)
    assert order.index("drain tiny-0") < order.index("stop tiny-0") < order.index("drain tiny-1")

    place.file.write_text(text, encoding="utf-8")
    assert place.versions() == before


def _flows_of_the_cluster_are_told(place: Place) -> None:
    """What policies that live there say of pods that live there."""
    where = ("--kubeconfig", str(place.plane.kubeconfig()), "-o", "json")
    ends = ("--from", f"{NAME}-tiny/tiny-0", "--to", "203.0.113.9")
    mail = place.desk.run("reach", *ends, "--port", "25", *where)
    assert mail.code == 0, mail.err
    assert mail.document["allowed"] is False
    assert f"no rule of {NAME}-tiny/" in mail.document["because"][0]
    names = {each["target"] for each in place.desk.run("reach", *ends[:2], *where).document["open"]}
    assert "203.0.113.9" not in names


def steps(found: Result) -> list[str]:
    """The steps of a plan."""
    return [each["step"] for each in found.document["steps"]]


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

"""Machines are replaced one by one, each once another stands for the one before, and whoever comes later goes on."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from telamon.cli.machine_words import MachinesRolled
from telamon.cli.roll_words import text
from telamon.cli.rolling import Wish, forgotten, rolled
from telamon.cli.session import Session
from telamon.errors import (
    ConflictError,
    Interrupted,
    NotReadyError,
    RefusedError,
    TemporaryError,
    TimeoutExpired,
    UsageError,
)
from telamon.platforms.kubernetes.api import POD, Api, Kind
from telamon.platforms.kubernetes.draining import NODE
from telamon.platforms.kubernetes.lease import LEASE
from telamon.platforms.kubernetes.rolling import NAME
from telamon.units import Duration
from tests.support.desk import Desk

OLD = Wish((), None, 35, None)
NONE = Wish((), None, None, None)
GROUP = "eks.amazonaws.com/nodegroup"


def nothing(_: Cloud) -> None:
    """What happens in a cloud where nobody does anything."""


@dataclass
class Cloud:
    """An API server, and a cloud that may do something before every look at the machines."""

    happens: Callable[[Cloud], None] = nothing
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    leases: dict[str, dict[str, Any]] = field(default_factory=dict)
    away: list[str] = field(default_factory=list)
    """Machines in the order in which they were closed."""
    made: int = 0
    is_renewed: bool = False
    """Whether whoever holds a lease renews it all the time."""

    def join(self, name: str, *, minor: int = 35, group: str = "products") -> None:
        """A machine joins, with a pod that something makes again."""
        self.made += 1
        status = {
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": f"v1.{minor}.4"},
        }
        about = {"name": name, "uid": f"uid-{self.made}", "labels": {GROUP: group} if group else {}}
        spec = {"providerID": f"aws:///eu-central-1a/i-{self.made}"}
        self.nodes[name] = {"metadata": about, "spec": spec, "status": status}

    def run(self, name: str, machine: str) -> None:
        """A pod runs."""
        owners = [{"kind": "ReplicaSet", "controller": True}]
        about = {"name": name, "namespace": "default", "uid": name, "ownerReferences": owners}
        status = {"conditions": [{"type": "Ready", "status": "True"}]}
        self.pods[name] = {"metadata": about, "spec": {"nodeName": machine}, "status": status}

    def list(self, kind: Kind, **_: object) -> tuple[dict[str, Any], ...]:
        """What there is of a kind."""
        if kind == NODE:
            self.happens(self)
        found = {NODE: self.nodes, POD: self.pods}.get(kind, {})
        return tuple(copy.deepcopy(each) for each in found.values())

    def get(self, kind: Kind, name: str, *, namespace: str = "") -> dict[str, Any] | None:
        """An object."""
        assert namespace or kind == NODE
        for lease in self.leases.values() if self.is_renewed else ():
            lease["metadata"]["resourceVersion"] += "0"
        return copy.deepcopy({NODE: self.nodes, LEASE: self.leases}[kind].get(name))

    def minor(self) -> int:
        """Version of the control plane."""
        return 35

    def whoami(self) -> dict[str, str]:
        """Who asks."""
        return {"username": "ann"}

    def create(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Make a lease, or answer that everything is allowed."""
        if item["kind"] != LEASE.kind:
            return {"status": {"allowed": True}}
        self.leases[item["metadata"]["name"]] = made = copy.deepcopy(dict(item))
        made["metadata"]["resourceVersion"] = "1"
        return made

    def change(self, item: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        """Write some fields of a machine or a lease."""
        name = item["metadata"]["name"]
        found = self.nodes.get(name) or self.leases[name]
        annotations = dict(found["metadata"].get("annotations") or {})
        for key, value in (changes.get("metadata", {}).get("annotations") or {}).items():
            annotations[key] = value
            if value is None:
                del annotations[key]
        found["metadata"]["annotations"] = annotations
        found["metadata"]["resourceVersion"] = str(int(found["metadata"].get("resourceVersion", 0)) + 1)
        found["spec"] |= changes.get("spec", {})
        if name in self.nodes and changes["spec"].get("unschedulable"):
            self.away.append(name)

    def evict(self, item: Mapping[str, Any]) -> None:
        """A pod moves to the machine that has fewest, of those that take some."""
        taking = [name for name, node in self.nodes.items() if not node["spec"].get("unschedulable")]
        running = [pod["spec"]["nodeName"] for pod in self.pods.values()]
        self.pods[item["metadata"]["name"]]["spec"]["nodeName"] = min(taking, key=running.count)


def empty_ones(cloud: Cloud) -> list[str]:
    """Machines that were emptied, and are there still."""
    used = {pod["spec"]["nodeName"] for pod in cloud.pods.values()}
    return [
        name for name, node in cloud.nodes.items() if node["spec"].get("unschedulable") and name not in used
    ]


def replaces(cloud: Cloud) -> None:
    """Whatever is empty is taken away, and another one joins."""
    for name in empty_ones(cloud):
        del cloud.nodes[name]
        cloud.join(f"new-{cloud.made}")


def three(happens: Callable[[Cloud], None] = nothing) -> Cloud:
    """Three old machines with a pod each, and one more on the first."""
    cloud = Cloud(happens)
    for name in ("a", "b", "c"):
        cloud.join(name, minor=34)
        cloud.run(f"on-{name}", name)
    cloud.run("more", "a")
    return cloud


@pytest.fixture
def session(desk: Desk) -> Session:
    """Somebody's terminal."""
    return desk.session(io.StringIO(), io.StringIO())


def roll(
    session: Session, cloud: Cloud, wish: Wish = OLD, *, dry_run: bool = False, max_wait: str = "1m"
) -> MachinesRolled:
    """Replace machines."""
    wait = Duration.parse(max_wait)
    return rolled(session, cast(Api, cloud), wish=wish, dry_run=dry_run, yes=True, max_wait=wait)


def test_each_is_replaced_before_the_next_is_closed_and_those_with_fewest_pods_go_first(
    session: Session,
) -> None:
    standing = []

    def happens(cloud: Cloud) -> None:
        replaces(cloud)
        taking = [node for node in cloud.nodes.values() if not node["spec"].get("unschedulable")]
        standing.append(len(taking))

    cloud = three(happens)
    done = roll(session, cloud)
    assert done.done
    assert cloud.away[0] == "b"
    assert sorted(cloud.away) == ["a", "b", "c"]
    assert min(standing) == 2
    assert [each.state for each in done.machines] == ["gone"] * 3
    assert sorted(done.replacements) == sorted(cloud.nodes)
    # Nothing is kept of one that is done: with nothing said, there is nothing to go on with.
    with pytest.raises(UsageError, match="no machine is named"):
        roll(session, cloud, NONE)
    assert not roll(session, cloud).machines
    assert "nothing to do" in text(roll(session, cloud))


def test_none_that_stands_for_another_is_too_old_or_of_another_group(session: Session) -> None:
    def happens(cloud: Cloud) -> None:
        if empty_ones(cloud) and "late" not in cloud.nodes:
            cloud.join("late", minor=34)
            cloud.join("other", group="others")

    cloud = three(happens)
    with pytest.raises(TimeoutExpired, match="0 of 1 new machines of the group products") as late:
        roll(session, cloud)
    # It says what makes one come.
    assert "--instance-id i-2" in late.value.message
    assert cloud.away == ["b"]
    cloud.happens = replaces
    assert roll(session, cloud, NONE).done
    assert sorted(set(cloud.away)) == ["a", "b", "c"]


def test_a_group_beside_takes_the_place_of_another(session: Session) -> None:
    cloud = three()
    wish = Wish((), "products", None, "beside")
    with pytest.raises(UsageError, match='no group "beside"'):
        roll(session, cloud, wish)
    for number in range(2):
        cloud.join(f"beside-{number}", group="beside")
    # Two stand, three are to go: the third is not emptied before another one stands.
    with pytest.raises(TimeoutExpired, match="2 of 3 new machines of the group beside are ready"):
        roll(session, cloud, wish)
    cloud.join("beside-2", group="beside")
    done = roll(session, cloud, wish)
    assert [each.state for each in done.machines] == ["emptied"] * 3
    assert {pod["spec"]["nodeName"] for pod in cloud.pods.values()} <= set(done.replacements)


def test_a_roll_that_was_killed_is_gone_on_with_and_no_other_begins(session: Session) -> None:
    cloud = three()

    def dies(cloud: Cloud) -> None:
        replaces(cloud)
        if "b" not in cloud.nodes:
            raise SystemExit(9)

    cloud.happens = dies
    with pytest.raises(SystemExit):
        roll(session, cloud)
    # Whoever is killed gives nothing back.
    cloud.leases[NAME]["spec"]["holderIdentity"] = "ann on another machine"
    cloud.happens = replaces
    with pytest.raises(RefusedError, match="another roll is not done yet: machines older") as refused:
        roll(session, cloud, Wish(("c",), None, None, None))
    assert refused.value.guard == "one-roll-at-a-time"
    assert [each.state for each in roll(session, cloud, NONE, dry_run=True).machines] == [
        "gone",
        "waits",
        "waits",
    ]
    done = roll(session, cloud, NONE)
    assert done.done
    assert sorted(cloud.away) == ["a", "b", "c"]


def test_two_at_once_do_not_meet(session: Session) -> None:
    cloud = three()
    begun = roll(session, cloud, dry_run=True)
    assert not cloud.leases
    assert [each.name for each in begun.machines] == ["b", "c", "a"]
    assert "1 other pods" in text(begun)

    with pytest.raises(TimeoutExpired):
        roll(session, cloud)
    cloud.leases[NAME]["spec"]["holderIdentity"] = "bob on another machine"
    cloud.is_renewed = True
    with pytest.raises(ConflictError, match="bob on another machine replaces machines"):
        roll(session, cloud, NONE)
    cloud.is_renewed = False
    # One that takes over while another believes that it acts: the other stops before it evicts anything more.
    closed = list(cloud.away)

    def taken_over(cloud: Cloud) -> None:
        replaces(cloud)
        if "b" not in cloud.nodes:
            cloud.leases[NAME]["spec"]["holderIdentity"] = "bob on another machine"

    cloud.happens = taken_over
    with pytest.raises(ConflictError, match="bob on another machine replaces machines"):
        roll(session, cloud, NONE)
    assert cloud.away == closed


def test_an_interrupted_one_is_kept_until_it_is_forgotten(session: Session) -> None:
    def interrupts(cloud: Cloud) -> None:
        if cloud.away:
            raise KeyboardInterrupt

    cloud = three(interrupts)
    with pytest.raises(Interrupted):
        roll(session, cloud)
    assert cloud.leases[NAME]["spec"]["holderIdentity"] == ""
    cloud.happens = nothing
    assert forgotten(session, cast(Api, cloud)).asked == "machines older than 1.35"
    assert forgotten(session, cast(Api, cloud)).asked == ""
    # No machine has changed by that, and another roll may begin.
    assert cloud.nodes["b"]["spec"]["unschedulable"] is True
    assert not roll(session, cloud, Wish(("c",), None, None, None), dry_run=True).done


def test_a_busy_api_server_is_asked_again(session: Session) -> None:
    troubles = iter([TemporaryError("the API server does not answer", delay=1.0)] * 3)

    def happens(cloud: Cloud) -> None:
        replaces(cloud)
        if cloud.away and (error := next(troubles, None)):
            raise error

    assert roll(session, three(happens)).done


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(("d",), None, None, None), 'no machine "d"'),
        (Wish(("a",), "products", None, None), "not both"),
        (Wish((), "product", None, None), 'no group "product"'),
        (Wish((), "products", None, "products"), "cannot take its own place"),
        (NONE, "no machine is named"),
    ],
)
def test_who_asks_for_what_is_not_there_is_told(session: Session, wish: Wish, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        roll(session, three(), wish)


def test_nothing_begins_that_would_come_to_nothing(session: Session) -> None:
    cloud = three()
    with pytest.raises(RefusedError, match="no machine can be of") as newer:
        roll(session, cloud, Wish((), None, 36, None))
    assert newer.value.guard == "control-plane-first"
    cloud.join("beside", minor=34, group="beside")
    with pytest.raises(RefusedError, match="no machine of the group beside is ready"):
        roll(session, cloud, Wish((), "products", 35, "beside"))
    del cloud.pods["more"]["metadata"]["ownerReferences"]
    with pytest.raises(RefusedError, match="default/more"):
        roll(session, cloud)
    assert not cloud.leases
    assert not cloud.away


def test_what_is_kept_and_cannot_be_read_is_dropped_by_who_says_so(session: Session) -> None:
    cloud = three()
    with pytest.raises(TimeoutExpired):
        roll(session, cloud)
    (key,) = cloud.leases[NAME]["metadata"]["annotations"]
    cloud.leases[NAME]["metadata"]["annotations"][key] = '{"asked": 1'
    with pytest.raises(NotReadyError, match="cannot be read"):
        roll(session, cloud)
    assert forgotten(session, cast(Api, cloud)).asked == "what cannot be read"
    cloud.happens = replaces
    assert roll(session, cloud).done

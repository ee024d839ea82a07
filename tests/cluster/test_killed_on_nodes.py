"""The operator killed at points that nobody has chosen, on real kubelets: an install and an upgrade end the same."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE
from telamon.platforms.kubernetes.api import POD
from telamon.platforms.kubernetes.lease import LEASE
from telamon.platforms.kubernetes.store import OPERATION
from testbed.cluster import Wanted
from tests.cluster.given import ours
from tests.cluster.kept import SPACE, TAG, UP, Kept
from tests.cluster.support import until
from tests.cluster.test_nodes import Bed, bed_of, database_beside
from tests.cluster.users import judge, staged, users
from tests.support.desk import Result

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(1800), ours]

BY: Final = Path(__file__).name
RELEASES: Final = ("11.3.1", "11.3.2")
SEED: Final = 5
KILLS: Final = 5
"""Of the one who leads, in an install, and as many in an upgrade."""
LONGEST: Final = 6.0
"""Seconds after it has begun to lead, at most: what it has to do in an install takes about so long."""


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    """Two nodes with a gateway."""
    images = {"jira": RELEASES, "postgres": ["17"], "telamon": [TAG]}
    yield from bed_of(Wanted(images=images, gateway=True, tied=True))


@pytest.fixture(scope="module")
def kept(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """The operator, installed, and everything that people bring for a stack."""
    for server in database_beside():
        found = Kept(bed, server, tmp_path_factory.mktemp("killed"), "shared", RELEASES[0])
        told = found.install()
        assert told.code == 0, told.err + told.out
        lacking = found.up()
        assert lacking.code == 9, lacking.err + lacking.out
        found.bring()
        yield found


def leader(bed: Bed) -> str:
    """The pod of the operator that leads, where it is there and ready; "" otherwise."""
    lease = bed.api.get(LEASE, OPERATOR, namespace=OPERATOR_NAMESPACE) or {}
    name = str(lease.get("spec", {}).get("holderIdentity") or "")
    return name if name and bed.is_ready(POD, name, namespace=OPERATOR_NAMESPACE) else ""


def first_process(bed: Bed, name: str) -> int:
    """Process id of the operator in a pod; 0 where none runs."""
    assert bed.cluster is not None
    pod = bed.pod(name, namespace=OPERATOR_NAMESPACE)
    for each in pod.get("status", {}).get("containerStatuses") or ():
        if "running" in each["state"]:
            return bed.cluster.container(str(each["containerID"]).rpartition("/")[2])
    return 0


def leading(bed: Bed) -> int:
    """Process id of the operator that leads; 0 while none does. Its pod may be the one that led before."""
    name = leader(bed)
    return first_process(bed, name) if name else 0


def kill(bed: Bed, chance: random.Random, over: Callable[[], bool]) -> bool:
    """Kill whoever leads, a while after it has begun to. Returns whether there was somebody."""
    until(lambda: over() or leading(bed), within=UP)
    # A point in what it does is a point in time: no test knows what it does at which.
    threading.Event().wait(chance.uniform(0.0, LONGEST))
    pid = 0 if over() else leading(bed)
    if pid:
        os.kill(pid, signal.SIGKILL)
        until(lambda: leading(bed) not in {0, pid}, within=UP)
    return bool(pid)


def through_kills(kept: Kept, chance: random.Random) -> int:
    """Bring the stack to what its file says while whoever leads is killed again and again. Returns how often."""
    told: list[Result] = []
    coming = threading.Thread(target=lambda: told.append(kept.up("--timeout", "15m")))
    coming.start()
    killed = 0
    while killed < KILLS and coming.is_alive():
        killed += kill(kept.bed, chance, lambda: not coming.is_alive())
    coming.join()
    assert told[0].code == 0, f"{told[0].err}{told[0].out}{kept.stack().get('status')}"
    until(kept.serve, within=UP)
    return killed


def ends_as_it_would(kept: Kept) -> None:
    """Demand that everything is as if nobody had been killed."""
    kept.until_ready()
    assert kept.serve()
    assert kept.endpoints() == {"jira-0", "jira-1"}
    found = kept.bed.api.list(OPERATION, namespace=SPACE, labels={})
    assert {str(each["status"]["phase"]) for each in found} <= {"Succeeded"}
    drift = kept.telamon("drift", str(kept.write()))
    assert [each for each in drift.document["differences"] if SPACE in str(each)] == []


def restarts(kept: Kept) -> int:
    """How often a container of the product was started again."""
    pods: list[Any] = [kept.pod(name) for name in kept.members()]
    return sum(each["restartCount"] for pod in pods for each in pod["status"]["containerStatuses"])


def test_an_install(kept: Kept) -> None:
    killed = through_kills(kept, random.Random(SEED))
    assert killed == KILLS
    ends_as_it_would(kept)
    assert restarts(kept) == 0


def test_a_rolling_upgrade_under_load(kept: Kept) -> None:
    kept.open_front()
    made = staged(kept)
    before = {name: kept.pod(name)["metadata"]["uid"] for name in kept.members()}
    with users(kept, made, "killed") as met:
        kept.release = RELEASES[1]
        met.mark("asked")
        killed = through_kills(kept, random.Random(SEED + 1))
        met.mark("done")
    assert killed == KILLS
    ends_as_it_would(kept)
    after = {name: kept.pod(name)["metadata"]["uid"] for name in kept.members()}
    assert not set(before.values()) & set(after.values())
    assert restarts(kept) == 0
    took = round(met.marks["done"] - met.marks["asked"])
    judge("rolling upgrade with the leader killed", {"": met}, by=BY, kills=killed, took=took)

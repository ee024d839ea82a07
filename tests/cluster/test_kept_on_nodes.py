"""The operator keeps a Stack as pods on real nodes; its users come through the gateway."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from telamon.errors import ConflictError, PlatformError
from telamon.platforms.kubernetes.api import POD
from telamon.platforms.kubernetes.draining import NODE
from telamon.platforms.kubernetes.rolling import kept as rolling_now
from telamon.proof import measure
from telamon.proof.stage import Staged
from testbed.cluster import Wanted
from testbed.gateway import NAMESPACE
from tests.cluster.given import ours
from tests.cluster.kept import NAME, TAG, UP, Kept
from tests.cluster.support import until
from tests.cluster.test_nodes import Bed, bed_of, database_beside
from tests.cluster.users import SESSIONS, judge, staged, tell, users
from tests.support.desk import Result

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(1500), ours]

BY = Path(__file__).name
RELEASES = ("11.3.1", "11.3.2")


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    """Three nodes with a gateway: one more than members, so that a member has somewhere to go."""
    images = {"jira": RELEASES, "postgres": ["17"], "telamon": [TAG]}
    yield from bed_of(Wanted(nodes=3, images=images, gateway=True, tied=True))


@pytest.fixture(scope="module")
def kept(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """The stack, ready."""
    folder: Path = tmp_path_factory.mktemp("kept")
    for server in database_beside():
        found = Kept(bed, server, folder, "shared", RELEASES[0])
        told = found.install()
        assert told.code == 0, told.err + told.out
        lacking = found.up()
        assert lacking.code == 9, lacking.err + lacking.out
        found.bring()
        ready = found.up("--timeout", "6m")
        assert ready.code == 0, f"{ready.err}{ready.out}{found.stack().get('status')}"
        found.open_front()
        yield found


def test_what_is_wrong_is_refused_as_it_is_written(kept: Kept) -> None:
    document = {key: kept.stack()[key] for key in ("apiVersion", "kind", "spec")}
    metadata = {"name": NAME, "namespace": "telamon-system"}
    wrong = {**document["spec"], "products": {"jirra": document["spec"]["products"]["jira"]}}
    said: list[str] = []

    def is_refused() -> bool:
        try:
            kept.bed.api.apply({**document, "metadata": metadata, "spec": wrong}, over=None)
        except PlatformError as error:
            said.append(str(error))
            return True
        kept.bed.api.apply({**document, "metadata": metadata}, over=None)
        return False

    until(is_refused, within=UP)
    assert "spec.products.jirra" in said[0]
    kept.until_ready()


@pytest.fixture(scope="module")
def made(kept: Kept) -> Staged:
    """Users, and what they need."""
    return staged(kept)


def up(kept: Kept) -> None:
    """Bring the stack to what its file says, and wait until it is so."""
    told = kept.up("--timeout", "10m")
    assert told.code == 0, f"{told.err}{told.out}{kept.stack().get('status')}"
    until(kept.serve, within=UP)


def test_a_release_rolls_out_under_load(kept: Kept, made: Staged) -> None:
    until(kept.serve, within=UP)
    before = {name: kept.pod(name)["metadata"]["uid"] for name in kept.members()}
    with users(kept, made, "rolling-upgrade") as met:
        kept.release = RELEASES[1]
        met.mark("asked")
        up(kept)
        met.mark("done")
    after = {name: kept.pod(name)["metadata"]["uid"] for name in kept.members()}
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())
    judge("rolling upgrade", {"": met}, by=BY, took=round(met.marks["done"] - met.marks["asked"]))


def test_nodes_come_and_go_under_load(kept: Kept, made: Staged) -> None:
    until(kept.serve, within=UP)
    with users(kept, made, "scale") as met:
        kept.nodes = 3
        met.mark("asked")
        up(kept)
        assert kept.endpoints() == {"jira-0", "jira-1", "jira-2"}
        met.mark("three")
        kept.nodes = 2
        up(kept)
        met.mark("two")
    three, two = met.marks["three"] - met.marks["asked"], met.marks["two"] - met.marks["three"]
    judge("scale 2-3-2", {"": met}, by=BY, up=round(three), down=round(two))


def test_a_machine_is_emptied_under_load(kept: Kept, made: Staged) -> None:
    until(kept.serve, within=UP)
    before = kept.pod("jira-1")
    machine = str(before["spec"]["nodeName"])
    with users(kept, made, "drain") as met:
        met.mark("asked")
        told = kept.telamon("machines", "drain", machine, "--yes", "--timeout", "10m")
        assert told.code == 0, told.err + told.out
        met.mark("done")
        after = kept.pod("jira-1")
        assert after["spec"]["nodeName"] != machine
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert kept.telamon("machines", "uncordon", machine).code == 0
    until(kept.serve, within=UP)
    judge("drain of a node", {"": met}, by=BY, took=round(met.marks["done"] - met.marks["asked"]))


def tainted(bed: Bed, machine: str, change: Callable[[list[Any]], list[Any]]) -> bool:
    """Write other taints to a machine; whether nobody else has written to it meanwhile, as its controllers do."""
    node = bed.api.get(NODE, machine) or {}
    try:
        bed.api.change(node, {"spec": {"taints": change(node["spec"].get("taints", []))}})
    except ConflictError:
        return False
    return True


def replace(kept: Kept, machine: str) -> None:
    """Take away a machine that was emptied, and have another one join under its name, as a node group does."""
    bed = kept.bed
    assert bed.cluster is not None
    proxies = {"app.kubernetes.io/component": "proxy", "app.kubernetes.io/managed-by": "envoy-gateway"}

    def proxy() -> bool:
        found = bed.api.list(POD, namespace=NAMESPACE, labels=proxies)
        return any(each["spec"].get("nodeName") == machine for each in found)

    assert proxy()
    # Who shuts a machine down lets what every machine has end first, and its connections with it.
    taint = {"key": "acme.example/goes", "effect": "NoExecute"}
    until(lambda: tainted(bed, machine, lambda found: [*found, taint]))
    until(lambda: not proxy(), within=UP)
    os.kill(bed.cluster.node(machine), signal.SIGKILL)
    until(lambda: not bed.is_ready(NODE, machine), within=UP)
    bed.api.delete(bed.api.get(NODE, machine) or {})
    bed.cluster.bring_back(machine)
    until(lambda: bed.is_ready(NODE, machine), within=UP)


def test_a_machine_is_replaced_under_load(kept: Kept, made: Staged) -> None:
    bed = kept.bed
    until(kept.serve, within=UP)
    before = kept.pod("jira-1")
    machine = str(before["spec"]["nodeName"])
    uid = (bed.api.get(NODE, machine) or {})["metadata"]["uid"]
    told: list[Result] = []
    words = ("machines", "roll", machine, "--yes", "--max-wait", "10m")
    rolling = threading.Thread(target=lambda: told.append(kept.telamon(*words)))

    def emptied() -> bool:
        """Whether the cluster keeps that the machine was emptied."""
        roll = rolling_now(bed.api)
        return roll is not None and uid in roll.emptied

    with users(kept, made, "roll") as met:
        met.mark("asked")
        rolling.start()
        until(lambda: emptied() or not rolling.is_alive(), within=UP)
        assert rolling.is_alive(), told[0].err
        met.mark("emptied")
        # Nothing stands for it yet, so the roll goes on; and nobody begins another one meanwhile.
        other = kept.telamon("machines", "roll", "--older-than", "1.30", "--yes")
        assert (other.code, other.document["guard"]) == (4, "one-roll-at-a-time")
        replace(kept, machine)
        met.mark("joined")
        rolling.join()
        met.mark("done")
    assert told[0].code == 0, told[0].err + told[0].out
    assert told[0].document["done"]
    assert [each["state"] for each in told[0].document["machines"]] == ["gone"]
    assert told[0].document["replacements"] == [machine]
    assert rolling_now(bed.api) is None
    after = kept.pod("jira-1")
    assert after["spec"]["nodeName"] != machine
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    until(kept.serve, within=UP)
    marks = {name: round(met.marks[name] - met.marks["asked"]) for name in ("emptied", "joined", "done")}
    judge("replacement of a node", {"": met}, by=BY, **marks)


def test_a_machine_is_lost_under_load_and_comes_back(kept: Kept, made: Staged) -> None:
    bed = kept.bed
    assert bed.cluster is not None
    until(kept.serve, within=UP)
    before = kept.pod("jira-1")
    lost, address = str(before["spec"]["nodeName"]), str(before["status"]["podIP"])
    with users(kept, made, "node-loss") as met:
        met.mark("lost")
        os.kill(bed.cluster.node(lost), signal.SIGKILL)
        until(lambda: not bed.is_ready(NODE, lost), within=UP)
        until(lambda: kept.endpoints() == {"jira-0"}, within=UP)
        # It may only be slow: until somebody says that it is gone, another of that name must not run.
        assert kept.pod("jira-1")["metadata"]["uid"] == before["metadata"]["uid"]
        taint = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
        until(lambda: tainted(bed, lost, lambda found: [*found, taint]))
        # What is told of a member lags behind the pods; users are sent where pods are.
        until(lambda: kept.pod("jira-1").get("spec", {}).get("nodeName", lost) != lost, within=UP)
        until(lambda: kept.endpoints() == {"jira-0", "jira-1"}, within=UP)
        met.mark("healed")
        bed.cluster.bring_back(lost)
        until(lambda: bed.is_ready(NODE, lost), within=UP)
        until(
            lambda: tainted(bed, lost, lambda found: [each for each in found if each["key"] != taint["key"]])
        )
    until(kept.serve, within=UP)
    kept.until_ready()
    record, fault = met.whole(), met.marks["lost"]
    there = [
        who for who, member in measure.pins(record.samples, fault).items() if member.startswith(f"{address}:")
    ]
    around = measure.routed_around(record.samples, there, fault=fault)
    everybody = measure.routed_around(record.samples, range(SESSIONS), fault=fault)
    healed = round(met.marks["healed"] - fault)
    tell(
        {
            **met.figures("loss of a node", gone=address),
            "around": round(around, 2),
            "all": round(everybody, 2),
            "healed": healed,
        },
        by=BY,
    )
    assert met.anomalies() == []
    if why := measure.void(record):
        pytest.skip(f"nothing follows from what failed: {why}")
    assert met.driven(address) == []
    # What was in flight may have failed; a second after everything is routed around nothing does any more.
    late = [each for each in record.samples if each.due > fault + everybody + 1 and not each.ok]
    assert late == []

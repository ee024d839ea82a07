"""Twenty Stacks of three products each, with nothing to do: what that costs.

Figures of processor and memory are written to the output; run it with ``-s`` to see them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from telamon.desired.kubernetes.components import components
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.model.stack import Stack
from telamon.platforms.kubernetes.api import Api
from testbed.client import Client
from testbed.control_plane import ControlPlane
from testbed.network import Network
from tests.cluster.crowd import Crowd
from tests.cluster.harness import OPERATOR, stack
from tests.cluster.operators import Installed, Process, installed
from tests.cluster.support import until
from tests.support.manifests import site_of

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(1800)]

STACKS: Final = 20
PRODUCTS: Final = 3
COUNTED: Final = ("rest_client_requests_total", "telamon_passes_total", "telamon_reconcile_total")
MEASURED: Final = 60.0
"""Seconds of quiet that are measured."""
MOST_MEMORY: Final = 250.0
"""MiB."""


@pytest.fixture
def crowded(network: Network, plane: ControlPlane, api: Api, tmp_path: Path) -> Iterator[Installed]:
    """A cluster whose pods have no programs."""
    admin = plane.authority.client("crowd", groups=("system:masters",))
    crowd = Crowd(Client(plane.server, str(plane.authority.certificate), pair=admin))
    try:
        with installed(plane, api, tmp_path) as made:
            yield made
    finally:
        crowd.close()


def wide(name: str) -> dict[str, Any]:
    """A stack of several small products, as people write it."""
    document = stack(name, nodes=1).model_dump(
        mode="json", by_alias=True, exclude_unset=True, exclude_none=True
    )
    tiny = document["spec"]["products"]["tiny"]
    document["spec"]["products"] = {f"tiny{number}": tiny for number in range(PRODUCTS)}
    document["metadata"] |= {"namespace": OPERATOR_NAMESPACE}
    return document


def prepare(api: Api, document: dict[str, Any]) -> None:
    """Apply what whoever installs a stack applies."""
    plain = {**document, "metadata": {"name": document["metadata"]["name"]}}
    known = site_of(Stack.model_validate(plain, strict=False))
    rendered = bundles(known)
    operated = {id(item) for part in components(known, rendered) for item in (*part.objects, *part.preparing)}
    for bundle in rendered:
        for item in bundle.objects:
            if id(item) not in operated:
                api.apply(item, over=None)


def seconds(pid: int) -> float:
    """Of processor time that a process has used. Source: proc(5), ``stat``."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def mebibytes(pid: int) -> float:
    """Of memory that a process holds, what it shares with others by parts. Source: proc(5), ``smaps_rollup``."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("Pss:"))) / 1024


def written(plane: ControlPlane) -> Counter[str]:
    """What the operator has written so far, by resource, but for its lease."""
    return Counter(each.resource for each in plane.writes(OPERATOR) if each.resource != "leases")


def counts(operator: Process) -> dict[str, float]:
    """How much the operator has done so far."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(operator.told()):
        for sample in family.samples:
            if sample.name in COUNTED:
                found[" ".join((sample.name, *sample.labels.values()))] = sample.value
    return found


def test_many_stacks_with_nothing_to_do_cost_little(crowded: Installed, plane: ControlPlane) -> None:
    names = [f"many-{number:02}" for number in range(STACKS)]
    operator = crowded.start()
    for name in names:
        prepare(crowded.api, wide(name))
        crowded.api.apply(wide(name), over=None)
    for name in names:
        crowded.until_ready(name, within=900)
    pid = operator.running.pid
    known = written(plane)

    def is_quiet() -> bool:
        # What is left of the installing is over once nothing was written for longer than a component rests.
        nonlocal known
        before, ends = known, time.monotonic() + 35.0
        until(lambda: time.monotonic() > ends, within=120)
        known = written(plane)
        return known == before

    until(is_quiet, within=600)
    counted = counts(operator)
    began, used = time.monotonic(), seconds(pid)
    until(lambda: time.monotonic() - began > MEASURED, within=MEASURED * 2)
    lasted, used = time.monotonic() - began, seconds(pid) - used
    memory = mebibytes(pid)
    figures = {
        "stacks": STACKS,
        "products": STACKS * PRODUCTS,
        "core-seconds a minute": round(used / lasted * 60, 2),
        "MiB": round(memory, 1),
        "threads": len(list(Path(f"/proc/{pid}/task").iterdir())),
        "counted": {name: value - counted.get(name, 0.0) for name, value in counts(operator).items()},
        "writes": sum((written(plane) - known).values()),
    }
    sys.stdout.write(f"{json.dumps(figures)}\n")
    assert written(plane) == known
    assert memory <= MOST_MEMORY
    for name in names:
        crowded.api.delete(crowded.stack(name))
    for name in names:
        until(lambda name=name: not crowded.stack(name), within=300)  # type: ignore[misc]
    assert operator.end() == 0

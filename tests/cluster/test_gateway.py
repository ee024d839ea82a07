"""Users of a rendered stack through Envoy Gateway on real nodes, and the balancer before them.

A proxy is on every node; the balancer asks each twice a second whether one is there. Times are written into the test's
own report and judged by nobody here: the machine is anybody's.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from telamon.platforms.kubernetes.api import Kind
from testbed.cluster import Wanted
from testbed.gateway import ENVOY_IMAGE, NAMESPACE
from tests.cluster.given import ours
from tests.cluster.support import until
from tests.cluster.test_nodes import (
    BOTH,
    RELEASE,
    STACK,
    UP,
    Bed,
    await_another,
    bed_of,
    database_beside,
    install,
    member,
    settle,
)
from tests.understudy.support import PostgreSQL

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(900), ours]

HOST = "jira.acme.example"
COOKIE = "telamon-jira"
RATE = 50.0
"""Requests a second."""
EDGE = "edge: {driver: nginx, className: nginx, tls: {kind: disabled}}"


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    """A cluster with a gateway."""
    yield from bed_of(Wanted(images={"jira": [RELEASE], "postgres": ["17"]}, gateway=True, tied=True))


def with_image(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Name the image of the proxies that is on the nodes, as a site with a registry of its own does."""
    if item["kind"] != "EnvoyProxy":
        return item
    kubernetes = item["spec"]["provider"]["kubernetes"]
    container = {**kubernetes["envoyDaemonSet"]["container"], "image": ENVOY_IMAGE}
    daemons = {**kubernetes["envoyDaemonSet"], "container": container}
    provider = {**item["spec"]["provider"], "kubernetes": {**kubernetes, "envoyDaemonSet": daemons}}
    return {**item, "spec": {**item["spec"], "provider": provider}}


def address(bed: Bed) -> str:
    """What the balancer has given to the front door; "" before."""
    for service in bed.api.list(Kind("v1", "Service"), namespace=NAMESPACE, labels={}):
        if service["spec"].get("type") == "LoadBalancer":
            given = service["status"]["loadBalancer"].get("ingress") or ()
            return str(given[0]["ip"]) if given else ""
    return ""


def user(where: str) -> httpx.Client:
    """A browser with cookies of its own."""
    return httpx.Client(base_url=f"http://{where}", headers={"Host": HOST}, timeout=10, trust_env=False)


def answered(client: httpx.Client) -> tuple[int, str]:
    """Status of an answer, 0 for none, and the node that it came from."""
    try:
        answer = client.get("/rest/api/2/serverInfo")
    except httpx.TransportError:
        return 0, ""
    return answer.status_code, answer.headers.get("X-ANODEID", "")


@dataclass
class Load:
    """What users have met.

    Attributes:
        seen: when, in seconds of the monotonic clock, whose request, its status and the node.
    """

    seen: list[tuple[float, int, int, str]] = field(default_factory=list)

    def failed(self) -> list[tuple[float, int, int, str]]:
        """Requests that were not answered well."""
        return [each for each in self.seen if each[2] != 200]

    def moved(self) -> set[int]:
        """Users who were answered by more than one node."""
        nodes: dict[int, set[str]] = {}
        for _, who, status, node in self.seen:
            if status == 200:
                nodes.setdefault(who, set()).add(node)
        return {who for who, met in nodes.items() if len(met) > 1}


@contextmanager
def load(where: str, *, users: int = 10) -> Iterator[Load]:
    """Users who keep asking, each at a tenth of the rate, until the block is left."""
    found, over = Load(), threading.Event()

    def ask(who: int) -> None:
        with user(where) as client:
            turn = time.monotonic()
            while not over.is_set():
                began = time.monotonic()
                found.seen.append((began, who, *answered(client)))
                turn = max(turn + users / RATE, time.monotonic() - 1)
                over.wait(max(0.0, turn - time.monotonic()))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(users)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.fixture(scope="module")
def database(bed: Bed) -> Iterator[PostgreSQL]:
    """A PostgreSQL beside the cluster, which pods reach."""
    yield from database_beside()


@pytest.fixture(scope="module")
def front(bed: Bed, database: PostgreSQL) -> str:
    """The address of a stack that is up, as the balancer has given it."""
    assert EDGE in STACK
    text = STACK.replace(EDGE, "edge: {driver: gateway, tls: {kind: disabled}}")
    install(bed, database, text, amended=with_image)
    until(lambda: address(bed), within=UP)
    where = address(bed)
    until(lambda: member(bed, "jira-0").status()[1] == "FIRST_RUN", within=UP)
    with user(where) as client:
        # It answers with 200, and says in its body that it is not fit: the proxies read that.
        until(lambda: answered(client)[0] == 503, within=UP)
    settle(bed)
    until(lambda: {met(where) for _ in range(8)} == set(BOTH), within=UP)
    return where


def met(where: str) -> str:
    """The node that a new user is sent to."""
    with user(where) as client:
        return answered(client)[1]


def test_a_user_stays_where_his_cookie_says(front: str) -> None:
    with user(front) as client:
        until(lambda: answered(client)[0] == 200)
        assert COOKIE in client.cookies
        assert len({answered(client) for _ in range(50)}) == 1


def test_users_of_the_other_pod_stay_where_they_are_while_one_is_replaced(bed: Bed, front: str) -> None:
    with load(front) as found:
        until(lambda: len(found.seen) > 100, within=UP)
        gone = bed.pod("jira-1", namespace="acme-jira")
        there = {who for _, who, _, node in found.seen if node == "jira-0"}
        bed.api.delete(gone, grace=30)
        await_another(bed, gone)
        after = len(found.seen)
        until(lambda: len(found.seen) > after + 100, within=UP)
    report("a pod replaced", found)
    assert found.failed() == []
    assert found.moved().isdisjoint(there)


def test_a_lost_node_is_routed_around(bed: Bed, front: str) -> None:
    assert bed.cluster is not None
    lost = bed.pod("jira-1", namespace="acme-jira")["spec"]["nodeName"]
    with load(front) as found:
        until(lambda: len(found.seen) > 100, within=UP)
        os.kill(bed.cluster.node(lost), signal.SIGKILL)
        began = time.monotonic()

        def is_calm() -> bool:
            late = [each for each in found.seen if each[0] > time.monotonic() - 3]
            return len(late) > 50 and all(each[2] == 200 for each in late)

        until(lambda: time.monotonic() > began + 3 and is_calm(), within=UP)
    report("a node lost", found)
    last = max((each[0] - began for each in found.failed()), default=0.0)
    assert {node for at, _, status, node in found.seen if status == 200 and at > began + last} == {"jira-0"}


def report(what: str, found: Load) -> None:
    """Write down what users met; `pytest -s` shows it."""
    failed = found.failed()
    span = failed[-1][0] - failed[0][0] if failed else 0.0
    statuses = sorted({each[2] for each in failed})
    sys.stdout.write(f"{what}: {len(failed)} of {len(found.seen)} failed, {statuses}, over {span:.2f} s, ")
    sys.stdout.write(f"{len(found.moved())} users moved\n")

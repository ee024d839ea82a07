"""The operator under an API server that refuses, breaks off and answers late, and killed where it hurts."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from testbed.interposed import Asked, Interposed, Verdict, interposed
from tests.cluster.operators import Installed
from tests.cluster.support import until

pytestmark = pytest.mark.lab

MOST = 14
"""Times that it is killed: each one lets one write more through than the one before, so they add up to all of them."""
SPARED = frozenset({"leases", "selfsubjectreviews"})
"""What is written all the time, or before anything else."""


@contextmanager
def before(cluster: Installed) -> Iterator[Interposed]:
    """A proxy before the API server that passes everything on, until it is told otherwise."""
    authority = str(cluster.plane.authority.certificate)
    with interposed(cluster.plane.server, authority, judge=lambda _: Verdict()) as made:
        yield made


class Troubles:
    """Refuses a part of all requests, and breaks watches off, by a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.are_over = False
        self.codes: set[int] = set()

    def judge(self, asked: Asked) -> Verdict:
        with self._lock:
            chance, lines = self._random.random(), self._random.randrange(1, 6)
            codes = (409, 429, 500) if asked.is_write else (410, 429, 500)
            # Each of them falls, however little is asked; which one next, the seed says.
            code = self._random.choice([code for code in codes if code not in self.codes] or codes)
            if self.are_over:
                return Verdict()
            if chance < 0.06:
                self.codes.add(code)
                return Verdict(code=code)
            return Verdict(lines=lines) if asked.is_watch else Verdict()


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(3)])
def test_what_is_refused_and_broken_off_only_takes_longer(cluster: Installed, seed: int) -> None:
    name = f"troubled-{seed}"
    cluster.prepare(name)
    troubles = Troubles(seed)
    with before(cluster) as proxy:
        proxy.judge = troubles.judge
        operator = cluster.start(server=proxy.url)
        cluster.ask_for(name)
        cluster.until_ready(name, within=100)
        until(lambda: troubles.codes >= {409, 410, 429, 500})
        troubles.are_over = True
        assert operator.running.poll() is None
        take_away(cluster, name)
        assert operator.end() == 0


@pytest.mark.exhaustive
def test_killed_after_any_write_of_an_install_the_end_is_the_same(cluster: Installed) -> None:
    cluster.prepare("killed")
    cluster.ask_for("killed")
    kills = 0
    with before(cluster) as proxy:
        for kills in range(MOST):
            dies = threading.Event()
            proxy.judge = _dying(kills + 1, dies)
            operator = cluster.start(server=proxy.url)
            until(lambda dies=dies: dies.is_set() or ready(cluster, "killed"), within=60)  # type: ignore[misc]
            if not dies.is_set():
                break
            operator.kill()
        assert kills >= 5
        proxy.judge = lambda _: Verdict()
        operator = cluster.start(server=proxy.url)
        cluster.until_ready("killed", within=60)
        status = cluster.stack("killed")["status"]
        assert [member["state"] for member in status["members"]] == ["Serving", "Serving"]
        assert [member["restarts"] for member in status["members"]] == [0, 0]
        take_away(cluster, "killed")
        assert operator.end() == 0


def ready(cluster: Installed, name: str) -> bool:
    """Whether a Stack says that it is as it is desired."""
    return cluster.condition(name, "Ready").get("status") == "True"


def take_away(cluster: Installed, name: str) -> None:
    """Delete a Stack, and wait until the operator has ended what it asked for."""
    cluster.api.delete(cluster.stack(name))
    until(lambda: not cluster.stack(name), within=60)


def _dying(after: int, dies: threading.Event) -> Callable[[Asked], Verdict]:
    """A judge that lets so many writes through, and of the last of them no answer; afterwards nothing passes."""
    lock = threading.Lock()
    counted = 0

    def judge(asked: Asked) -> Verdict:
        nonlocal counted
        if not asked.is_write or asked.resource in SPARED:
            return Verdict()
        with lock:
            counted += 1
            if counted < after:
                return Verdict()
            if counted == after:
                return Verdict(afterwards=lambda _: dies.set(), silent=True)
        return Verdict(held_until=threading.Event())

    return judge


KINDS = (
    ("POST", "configmaps"),
    ("PATCH", "configmaps"),
    ("PATCH", "stacks"),
    ("PATCH", "stacks/status"),
    ("PATCH", "services"),
    ("PATCH", "jobs"),
    ("PATCH", "statefulsets"),
    ("PATCH", "pods"),
)
"""Every kind of write of an install; deletes and operations are held in ``test_of_all_that_write``."""


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(kind).lower().replace("/", "-"))
def test_what_a_frozen_leader_had_sent_is_refused_when_another_leads(
    cluster: Installed, kind: tuple[str, str]
) -> None:
    name = f"held-{KINDS.index(kind)}"
    cluster.prepare(name)
    held, release = threading.Event(), threading.Event()
    codes: list[int] = []

    def judge(asked: Asked) -> Verdict:
        if (asked.method, asked.resource) != kind or held.is_set():
            return Verdict()
        held.set()
        return Verdict(held_until=release, afterwards=codes.append)

    with before(cluster) as proxy:
        proxy.judge = judge
        first = cluster.start("operator-a", server=proxy.url)
        cluster.ask_for(name)
        until(held.is_set)
        first.freeze()
        second = cluster.start("operator-b")
        cluster.until_ready(name, within=70)
        was = cluster.stack(name)
        release.set()
        until(lambda: codes)
        assert codes[0] in {403, 409}, codes
        assert cluster.stack(name)["metadata"]["generation"] == was["metadata"]["generation"]
        first.thaw()
        # It finds out that it leads no longer, and ends.
        assert first.running.wait(timeout=60) != 0
        cluster.until_ready(name)
        take_away(cluster, name)
        assert second.end() == 0

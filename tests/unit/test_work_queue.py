"""The work queue: each key once, never by two at a time, and each in its turn."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from telamon.operator.queue import FIRST_REST, GAP, LONGEST_REST, WorkQueue


@dataclass
class Hands:
    """A clock that is moved by hand."""

    at: float = 100.0

    def now(self) -> float:
        """The instant."""
        return self.at

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.at += seconds


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def queue(clock: Hands) -> WorkQueue:
    return WorkQueue(clock)


def taken(queue: WorkQueue) -> str | None:
    """What is due now."""
    return queue.take(within=0.0)


def test_a_key_that_is_asked_for_often_waits_once(queue: WorkQueue) -> None:
    for _ in range(5):
        queue.add("acme")
    assert taken(queue) == "acme"
    assert taken(queue) is None


def test_no_key_is_out_twice_and_one_that_changed_meanwhile_comes_back(
    queue: WorkQueue, clock: Hands
) -> None:
    queue.add("acme")
    assert taken(queue) == "acme"
    queue.add("acme")
    assert taken(queue) is None
    queue.done("acme")
    assert taken(queue) is None
    clock.sleep(GAP)
    assert taken(queue) == "acme"


def test_one_that_is_always_asked_for_keeps_no_other_waiting(queue: WorkQueue, clock: Hands) -> None:
    order = []
    for name in ("loud", "quiet", "still"):
        queue.add(name)
    for _ in range(6):
        key = taken(queue)
        if key is None:
            clock.sleep(GAP)
            continue
        order.append(key)
        queue.add("loud")
        queue.done(key)
    assert order[:3] == ["loud", "quiet", "still"]
    assert set(order[3:]) == {"loud"}


def test_a_key_that_fails_rests_longer_each_time_and_others_do_not(queue: WorkQueue, clock: Hands) -> None:
    rests = []
    queue.add("ill")
    for _ in range(12):
        before = clock.now()
        while taken(queue) is None:
            clock.sleep(FIRST_REST / 2)
        rests.append(clock.now() - before)
        queue.done("ill", failed=True)
        queue.add("well")
        clock.sleep(GAP)
        assert taken(queue) == "well"
        queue.done("well")
    assert rests[0] == 0.0
    assert rests[1] < rests[2] < rests[3] < rests[4] < rests[5]
    assert max(rests) <= LONGEST_REST
    clock.sleep(LONGEST_REST)
    assert taken(queue) == "ill"
    queue.done("ill")
    queue.add("ill")
    clock.sleep(GAP)
    assert taken(queue) == "ill"


def test_an_ended_queue_gives_nothing_out(queue: WorkQueue) -> None:
    queue.add("acme")
    queue.end()
    assert queue.take(within=10.0) is None

"""Every adapter of :class:`telamon.ports.Faults` keeps the same promises: bounded, named, ended by anybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest

from telamon.errors import ConflictError, NotReadyError, UsageError
from telamon.plan.fault import LONGEST, CrashLoop, Hang, Kill
from telamon.ports import Faults


class Harness(Protocol):
    """An adapter with a member that lives, over a stack that somebody keeps."""

    member: str

    @property
    def faults(self) -> Faults:
        """The adapter."""

    def life(self) -> object:
        """Something that is another one in each life of the member; ``None`` while it does not live."""

    def silent(self) -> bool:
        """Whether the member stands still."""

    def until(self, holds: Callable[[], bool]) -> None:
        """Let time pass until something holds; fails where it never does."""


def test_killed_member_dies_once(harness: Harness) -> None:
    before = harness.life()
    assert before is not None
    harness.faults.disturb(Kill(harness.member), name="one", seconds=5)
    harness.until(lambda: harness.life() not in {before, None})
    after = harness.life()
    harness.faults.calm("one")
    assert harness.life() == after


def test_made_twice_it_is_there_once_and_ends_once(harness: Harness) -> None:
    for _ in range(2):
        harness.faults.disturb(Hang(harness.member), name="one", seconds=30)
    assert harness.silent()
    assert [(found.name, found.fault) for found in harness.faults.active()] == [("one", Hang(harness.member))]
    for _ in range(2):
        harness.faults.calm("one")
    assert harness.faults.active() == ()
    harness.until(lambda: not harness.silent())


def test_what_nobody_ends_ends_by_itself(harness: Harness) -> None:
    harness.faults.disturb(Hang(harness.member), name="one", seconds=1.0)
    (found,) = harness.faults.active()
    assert found.until == pytest.approx(found.began + 1.0)

    def over() -> bool:
        harness.faults.tidy()
        return not harness.faults.active() and not harness.silent()

    harness.until(over)


def test_one_that_dies_whenever_it_starts_lives_again_when_that_is_over(harness: Harness) -> None:
    before = harness.life()
    harness.faults.disturb(CrashLoop(harness.member), name="loop", seconds=60)
    harness.until(lambda: harness.life() != before)
    harness.faults.calm()
    assert harness.faults.active() == ()
    harness.until(lambda: harness.life() is not None)


def test_two_faults_cannot_have_one_name(harness: Harness) -> None:
    harness.faults.disturb(Hang(harness.member), name="one", seconds=30)
    with pytest.raises(ConflictError, match="one"):
        harness.faults.disturb(Kill(harness.member), name="one", seconds=30)
    harness.faults.calm()
    assert harness.faults.active() == ()


@pytest.mark.parametrize("seconds", [0.0, -1.0, LONGEST + 1])
def test_what_has_no_end_is_refused(harness: Harness, seconds: float) -> None:
    before = harness.life()
    with pytest.raises(UsageError, match="at most"):
        harness.faults.disturb(Kill(harness.member), name="one", seconds=seconds)
    assert harness.life() == before


def test_nobody_cannot_be_hurt(harness: Harness) -> None:
    with pytest.raises(NotReadyError):
        harness.faults.disturb(Kill("nobody-7"), name="one", seconds=5)
    assert harness.faults.active() == ()

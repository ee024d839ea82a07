"""What every adapter promises of its database: memory and lab run this same suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

import pytest

from telamon.desired.component import ComponentDesired
from telamon.errors import PlatformError, TemporaryError
from telamon.plan import effects
from telamon.plan.database_step import Bootstrap, Establish, Fence, Follow, Promote, Synchronise
from telamon.plan.step import StartMember, Step
from telamon.plan.view import Memory, View
from telamon.ports import Platform
from telamon.state.phase import Phase
from telamon.state.world import ComponentState, JobPhase, Life, Replication, Role

FIRST, SECOND = "database-0", "database-1"


class DatabaseHarness(Protocol):
    """An adapter with a database of two servers, none of which has data."""

    desired: ComponentDesired

    @property
    def platform(self) -> Platform:
        """The adapter."""

    def until(self, holds: Callable[[ComponentState], bool]) -> ComponentState:
        """Let time pass until the picture is as asked."""


def part(seen: ComponentState, name: str) -> Replication | None:
    """A server's part in replication, where it has one."""
    member = seen.member(name)
    return member.replication if member is not None else None


def serves(seen: ComponentState, name: str) -> bool:
    """Whether clients can write to a server."""
    found, member = part(seen, name), seen.member(name)
    return found is not None and bool(found.writer) and member is not None and member.phase is Phase.RUNNING


def admits(seen: ComponentState, name: str) -> bool | None:
    """Whether Telamon's own roles get in."""
    found = part(seen, name)
    return None if found is None else found.admits


def streams(seen: ComponentState, name: str) -> bool:
    """Whether a standby receives what its primary writes."""
    found, member = part(seen, name), seen.member(name)
    runs = member is not None and member.phase is Phase.RUNNING
    return runs and found is not None and found.role is Role.STANDBY and found.lag == 0


def attested(seen: ComponentState, name: str, *, term: int) -> bool:
    """Whether every commit waits for a standby, by the primary's word and by its own data."""
    found = part(seen, name)
    return found is not None and bool(found.in_sync) and found.attested == term


def job(seen: ComponentState, name: str) -> bool:
    """Whether a job has come to a good end."""
    found = seen.jobs.get(name)
    assert found is None or found.phase is not JobPhase.FAILED, found
    return found is not None and found.phase is JobPhase.SUCCEEDED


def pair(harness: DatabaseHarness) -> None:
    """A primary that serves, and a standby that streams from it."""
    platform, desired = harness.platform, harness.desired
    platform.apply(desired)
    platform.establish(desired, FIRST)
    platform.start(desired, FIRST)
    harness.until(lambda seen: admits(seen, FIRST) is False)
    platform.bootstrap(desired, FIRST)
    harness.until(lambda seen: serves(seen, FIRST) and bool(admits(seen, FIRST)))
    platform.follow(desired, SECOND, primary=FIRST)
    harness.until(lambda seen: job(seen, f"follow/{SECOND}"))
    platform.start(desired, SECOND)
    harness.until(lambda seen: streams(seen, SECOND))


def is_seen(harness: DatabaseHarness, step: Step, /, seen: ComponentState) -> bool:
    """Whether the step's effect shows."""
    return effects.seen_in(step, View(harness.desired, seen, Memory(), seen.at))


def test_empty_server_is_made_once_and_is_a_primary(harness: DatabaseHarness) -> None:
    for _ in range(2):
        harness.platform.apply(harness.desired)
        harness.platform.establish(harness.desired, FIRST)
    found = part(harness.platform.observe(harness.desired), FIRST)
    assert found is not None
    assert (found.role, bool(found.writer)) == (Role.PRIMARY, False)
    assert part(harness.platform.observe(harness.desired), SECOND) is None


def test_server_without_data_does_not_start(harness: DatabaseHarness) -> None:
    with pytest.raises(PlatformError, match="no data"):
        harness.platform.start(harness.desired, SECOND)


def test_own_roles_are_made_on_the_primary_and_its_standby_has_them(harness: DatabaseHarness) -> None:
    pair(harness)
    harness.until(lambda seen: bool(admits(seen, SECOND)))
    for member in (FIRST, SECOND):
        harness.platform.bootstrap(harness.desired, member)
    # A standby that was asked while it connected again is seen to stream at the next look.
    harness.until(lambda seen: bool(admits(seen, FIRST) and admits(seen, SECOND) and streams(seen, SECOND)))


def test_roles_are_not_made_on_a_server_that_does_not_run(harness: DatabaseHarness) -> None:
    harness.platform.apply(harness.desired)
    harness.platform.establish(harness.desired, FIRST)
    with pytest.raises(TemporaryError):
        harness.platform.bootstrap(harness.desired, FIRST)


def test_commits_wait_for_a_standby_until_they_wait_for_nobody(harness: DatabaseHarness) -> None:
    pair(harness)
    platform, desired = harness.platform, harness.desired
    seen = platform.observe(desired)
    assert not attested(seen, SECOND, term=1)
    for _ in range(2):
        platform.synchronise(desired, FIRST, standby=SECOND, term=1)
    seen = harness.until(lambda seen: attested(seen, SECOND, term=1))
    first = part(seen, FIRST)
    assert first is not None
    assert first.demands == SECOND
    for _ in range(2):
        platform.synchronise(desired, FIRST, standby="", term=2)
    seen = harness.until(lambda seen: bool((found := part(seen, FIRST)) and not found.demands))
    assert not attested(seen, SECOND, term=1)


def test_standby_is_not_promoted_beside_a_living_primary(harness: DatabaseHarness) -> None:
    pair(harness)
    with pytest.raises(TemporaryError, match="still lives"):
        harness.platform.promote(harness.desired, SECOND)
    assert part(harness.platform.observe(harness.desired), SECOND) is not None


def test_server_that_runs_is_not_made_a_standby(harness: DatabaseHarness) -> None:
    pair(harness)
    with pytest.raises(PlatformError, match="still runs"):
        harness.platform.follow(harness.desired, FIRST, primary=SECOND)


def test_fenced_twice_it_is_gone_at_once(harness: DatabaseHarness) -> None:
    pair(harness)
    for _ in range(2):
        harness.platform.fence(harness.desired, FIRST)
        member = harness.platform.observe(harness.desired).member(FIRST)
        assert member is None or member.life is Life.ABSENT


def test_every_effect_of_a_hand_over_is_seen(harness: DatabaseHarness) -> None:
    pair(harness)
    platform, desired = harness.platform, harness.desired
    name = desired.name
    plan: tuple[tuple[Step, Callable[[], None]], ...] = (
        (Establish(name, FIRST, ""), lambda: platform.establish(desired, FIRST)),
        (Bootstrap(name, FIRST, ""), lambda: platform.bootstrap(desired, FIRST)),
        (
            Synchronise(name, FIRST, SECOND, 1, ""),
            lambda: platform.synchronise(desired, FIRST, standby=SECOND, term=1),
        ),
        (Fence(name, FIRST, ""), lambda: platform.fence(desired, FIRST)),
        (Promote(name, SECOND, ""), lambda: platform.promote(desired, SECOND)),
        (Fence(name, SECOND, ""), lambda: platform.fence(desired, SECOND)),
        (StartMember(name, SECOND, ""), lambda: platform.start(desired, SECOND)),
        (Follow(name, FIRST, SECOND, ""), lambda: platform.follow(desired, FIRST, primary=SECOND)),
    )
    for step, act in plan:
        if isinstance(step, Fence) and step.member == FIRST:
            harness.until(lambda seen: attested(seen, SECOND, term=1))
        if isinstance(step, Follow):
            harness.until(lambda seen: serves(seen, SECOND))
        act()
        seen = harness.until(partial(is_seen, harness, step))
        view = View(desired, seen, Memory(), seen.at)
        assert effects.seen_in(step, effects.apply(step, view))
    harness.until(lambda seen: job(seen, f"follow/{FIRST}"))
    platform.start(desired, FIRST)
    harness.until(lambda seen: streams(seen, FIRST))


def names(module: dict[str, object]) -> Iterator[str]:
    """The tests of a module."""
    return (name for name in module if name.startswith("test_"))

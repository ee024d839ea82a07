"""Every adapter keeps the same promises: verbs that repeat harmlessly, effects that show, pictures that are true."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from telamon.errors import TelamonError
from telamon.plan import effects
from telamon.plan.step import (
    Admit,
    ApplyObjects,
    BreakOff,
    Call,
    Drain,
    MakeDatabase,
    StartMember,
    Step,
    StopMember,
)
from telamon.plan.works.evidence import GatherEvidence
from telamon.state.classify import UP
from telamon.state.phase import Phase
from telamon.state.world import INTERRUPTED, ComponentState, JobPhase, Life
from tests.contract.harness import Harness, MemoryHarness, member, view_of


@pytest.fixture
def harness() -> Harness:
    """The memory platform; tests/lab runs the same suite on real processes."""
    return MemoryHarness.fresh()


def prepare(harness: Harness) -> None:
    """Everything before the first start."""
    harness.platform.apply(harness.desired)
    harness.platform.make(harness.desired)
    harness.until(lambda seen: seen.objects == harness.desired.objects and seen.database_ready is True)


def fit(harness: Harness, name: str) -> bool:
    """Whether a member is fit to serve now."""
    seen = harness.platform.observe(harness.desired)
    found = seen.member(name)
    return found is not None and view_of(harness, seen).condition(found) in UP


def start(harness: Harness, ordinal: int = 0) -> str:
    """Start a member and wait until it is fit."""
    name = harness.desired.members[ordinal].name
    harness.platform.start(harness.desired, name)
    harness.until(lambda _: fit(harness, name))
    return name


def test_nothing_lives_before_anything_was_started(harness: Harness) -> None:
    seen = harness.platform.observe(harness.desired)
    assert [found for found in seen.members if found.life is not Life.ABSENT] == []


def test_objects_and_database_are_made_once(harness: Harness) -> None:
    prepare(harness)
    prepare(harness)


def test_started_twice_it_lives_once(harness: Harness) -> None:
    prepare(harness)
    name = start(harness)
    before = member(harness.platform.observe(harness.desired), name)
    harness.platform.start(harness.desired, name)
    after = member(harness.platform.observe(harness.desired), name)
    assert before.started == after.started
    assert after.phase is Phase.RUNNING
    assert (after.revision, after.release) == (
        harness.desired.members[0].revision,
        harness.desired.members[0].release,
    )


def test_stopped_twice_it_is_gone_and_counts_as_asked(harness: Harness) -> None:
    prepare(harness)
    name = start(harness)
    harness.platform.stop(harness.desired.name, name, grace=10.0)
    harness.platform.stop(harness.desired.name, name, grace=10.0)
    harness.until(lambda seen: (found := seen.member(name)) is None or found.life is Life.ABSENT)
    harness.platform.stop(harness.desired.name, name, grace=10.0)


def test_killed_at_once(harness: Harness) -> None:
    prepare(harness)
    name = start(harness)
    harness.platform.stop(harness.desired.name, name, grace=0.0)
    harness.until(lambda seen: (found := seen.member(name)) is None or found.life is Life.ABSENT)


def test_crash_is_not_a_stop(harness: Harness) -> None:
    prepare(harness)
    name = start(harness)
    harness.crash(name)
    seen = harness.until(lambda seen: member(seen, name).life is Life.EXITED)
    assert member(seen, name).exit
    start(harness)


def test_admitted_and_drained_twice(harness: Harness) -> None:
    prepare(harness)
    name = start(harness)
    for _ in range(2):
        harness.platform.admit(harness.desired.name, name)
    harness.until(lambda seen: member(seen, name).admitted)
    for _ in range(2):
        harness.platform.drain(harness.desired.name, name)
    harness.until(lambda seen: not member(seen, name).admitted)


def test_one_that_runs_is_not_forgotten(harness: Harness) -> None:
    prepare(harness)
    name = start(harness)
    with pytest.raises(TelamonError):
        harness.platform.remove(harness.desired.name, name)
    harness.platform.stop(harness.desired.name, name, grace=10.0)
    harness.until(lambda seen: (found := seen.member(name)) is None or found.life is Life.ABSENT)
    harness.platform.remove(harness.desired.name, name)
    harness.platform.remove(harness.desired.name, name)
    assert harness.platform.observe(harness.desired).member(name) is None


def test_unknown_member_is_refused(harness: Harness) -> None:
    prepare(harness)
    with pytest.raises(TelamonError, match="nobody"):
        harness.platform.start(harness.desired, "nobody-7")


def test_job_shows_and_ends(harness: Harness) -> None:
    prepare(harness)
    name = start(harness)
    call = Call(harness.desired.name, name, harness.job, "the suite asks")
    harness.platform.call(call)
    harness.platform.call(call)
    assert call.job in harness.platform.observe(harness.desired).jobs

    def ended(seen: ComponentState) -> bool:
        return seen.jobs[call.job].phase is JobPhase.SUCCEEDED

    seen = harness.until(ended)
    assert seen.jobs[call.job].ended is not None
    assert seen.jobs[call.job].result == "done"


def test_work_that_nobody_wants_any_more_ends(harness: Harness) -> None:
    prepare(harness)
    name = start(harness)
    component, platform, job = harness.desired.name, harness.platform, "the-suite/evidence"
    platform.end(component, "the-suite/never-begun")
    platform.begin(component, job, work=GatherEvidence(name))
    for _ in range(2):
        platform.end(component, job)
    seen = harness.until(partial(is_seen, harness, BreakOff(component, job, "nobody wants it")))
    # Where the machine is slow, it may have been done before anybody could say that it is not wanted.
    assert seen.jobs[job].phase is JobPhase.SUCCEEDED or seen.jobs[job].result == INTERRUPTED
    platform.begin(component, job, work=GatherEvidence(name))
    harness.until(lambda seen: seen.jobs[job].phase is JobPhase.SUCCEEDED)
    platform.end(component, job)
    assert harness.platform.observe(harness.desired).jobs[job].phase is JobPhase.SUCCEEDED


def is_seen(harness: Harness, step: Step, /, seen: ComponentState) -> bool:
    """Whether the step's effect shows."""
    return effects.seen_in(step, view_of(harness, seen))


def test_every_effect_that_is_predicted_is_seen(harness: Harness) -> None:
    name = harness.desired.members[0].name
    component, platform = harness.desired.name, harness.platform
    plan: tuple[tuple[Step, Callable[[], None]], ...] = (
        (ApplyObjects(component, ""), lambda: platform.apply(harness.desired)),
        (MakeDatabase(component, ""), lambda: platform.make(harness.desired)),
        (StartMember(component, name, ""), lambda: platform.start(harness.desired, name)),
        (Admit(component, name, ""), lambda: platform.admit(component, name)),
        (Drain(component, name, ""), lambda: platform.drain(component, name)),
        (StopMember(component, name, ""), lambda: platform.stop(component, name, grace=10.0)),
    )
    for step, act in plan:
        if isinstance(step, Admit):
            harness.until(lambda _: fit(harness, name))
        act()
        seen = harness.until(partial(is_seen, harness, step))
        assert effects.seen_in(step, effects.apply(step, view_of(harness, seen)))

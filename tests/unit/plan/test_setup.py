"""How the engine keeps its own log-in."""

from __future__ import annotations

from telamon.plan.setup import (
    BY_PASSWORD,
    LOG_IN,
    RENEW,
    RENEWAL_RESTS,
    RENEWED_BEFORE,
    SAID_BEFORE,
    TOKEN_LASTS,
    keep_account,
)
from telamon.plan.step import Call, Step, Wait
from telamon.plan.view import Memory, View
from telamon.state.phase import Phase
from telamon.state.world import ComponentState, JobPhase, JobState, Life, MemberState
from tests.support.stacks import product

MADE = 1_000.0
MEMORY = Memory().with_fact("set-up").with_fact("service-account")


def decided(*jobs: JobState, now: float, memory: Memory = MEMORY) -> list[Step | Wait]:
    """What is proposed for a product of one running node whose account was made long ago."""
    desired = product(1)
    account = JobState("service-account", JobPhase.SUCCEEDED, ended=MADE, result="done")
    member = MemberState("tracker-0", 0, Life.ALIVE, phase=Phase.RUNNING, started=MADE)
    seen = ComponentState(
        desired.name, desired.kind, now, (member,), jobs={job.name: job for job in (account, *jobs)}
    )
    return list(keep_account(View(desired, seen, memory, now)))


def calls(found: list[Step | Wait]) -> list[str]:
    return [step.call for step in found if isinstance(step, Call)]


def reasons(found: list[Step | Wait]) -> list[str]:
    return [wait.reason for wait in found if isinstance(wait, Wait)]


def refused(at: float, result: str = "") -> JobState:
    return JobState(LOG_IN, JobPhase.FAILED, ended=at, result=result)


def renewal(phase: JobPhase, ended: float | None) -> JobState:
    return JobState(RENEW, phase, ended=ended, result="done" if phase is JobPhase.SUCCEEDED else "")


def test_a_good_token_is_left_alone() -> None:
    assert decided(now=MADE + 1) == []
    assert decided(now=MADE + TOKEN_LASTS - RENEWED_BEFORE - 1) == []


def test_a_token_is_renewed_before_it_ends() -> None:
    late = MADE + TOKEN_LASTS - RENEWED_BEFORE + 1
    assert calls(decided(now=late)) == [RENEW]
    assert decided(renewal(JobPhase.RUNNING, None), now=late) == []
    assert decided(renewal(JobPhase.SUCCEEDED, late), now=late + 1) == []


def test_a_renewal_that_fails_is_tried_again_and_shown_only_when_time_is_short() -> None:
    early = MADE + TOKEN_LASTS - RENEWED_BEFORE + 1
    failed = renewal(JobPhase.FAILED, early)
    assert decided(failed, now=early + 1) == []
    assert calls(decided(failed, now=early + RENEWAL_RESTS)) == [RENEW]
    late = MADE + TOKEN_LASTS - SAID_BEFORE + 1
    assert reasons(decided(renewal(JobPhase.FAILED, late), now=late + 1)) == ["TokenEnds"]


def test_a_refused_token_is_replaced_at_once() -> None:
    assert calls(decided(refused(MADE + 9), now=MADE + 10)) == [RENEW]


def test_a_refused_password_rests_before_it_is_tried_again() -> None:
    first = refused(MADE + 9, BY_PASSWORD)
    assert reasons(decided(first, now=MADE + 10)) == ["LoginRefused"]
    assert calls(decided(first, now=MADE + 9 + RENEWAL_RESTS)) == [RENEW]
    again = renewal(JobPhase.FAILED, MADE + 9 + RENEWAL_RESTS)
    assert reasons(decided(first, again, now=MADE + 10 + RENEWAL_RESTS)) == ["LoginRefused"]


def test_retry_ends_the_rest() -> None:
    first = refused(MADE + 9, BY_PASSWORD)
    memory = Memory(MEMORY.facts, retry=MADE + 10)
    found = decided(first, now=MADE + 11, memory=memory)
    assert calls(found) == [RENEW]
    assert isinstance(found[0], Call)
    assert found[0].since == MADE + 10

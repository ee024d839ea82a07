"""The first start: one node, its set-up pages, the engine's own account; only then the others."""

from __future__ import annotations

from collections.abc import Iterator

from telamon.plan.step import Call, Step, Wait
from telamon.plan.view import View
from telamon.state.classify import UP, Condition
from telamon.state.world import JobPhase, JobState, Life

PERSON_LOOKS_EVERY = 15.0
"""Seconds between two looks at a page that a person must finish."""

FAILED_PASS_RESTS = 10.0
"""Seconds after a pass that broke off."""

ACCOUNT_RESTS = 60.0
"""Seconds between two tries at the service account: three refused logins raise a CAPTCHA that only a browser clears.
Source: public reports on Jira's and Confluence's elevated security check."""


LOG_IN = "log-in"
"""Job in which a platform notes that the service account's log-in was refused, until a renewed one is accepted."""

BY_PASSWORD = "by-password"  # noqa: S105 - a way to log in, not a password.
"""Result of that job where it was the password, and not a token, that was refused."""

RENEW = "renew-token"
"""The call that makes the service account another token."""

TOKEN_LASTS = 365 * 86_400.0
"""Seconds: the longest that Jira and Confluence allow by default. Source: Atlassian, "Using Personal Access Tokens"."""

RENEWED_BEFORE = 60 * 86_400.0
"""Seconds before the end of a token at which a new one is made: time enough for a person to help."""

SAID_BEFORE = 14 * 86_400.0
"""Seconds before the end of a token from which on a renewal that fails is shown."""

RENEWAL_RESTS = 300.0
"""Seconds between two tries. Public reports say that Jira refuses good log-ins for some minutes after its set-up."""


def set_up(view: View) -> Iterator[Step | Wait]:
    """Walk the set-up pages of exactly one node; nothing else starts before they are done."""
    if view.is_set_up() or not view.desired.members:
        return
    alive = [(member, condition) for _, member, condition in view.wanted() if member.life is Life.ALIVE]
    if not alive:
        return
    member, condition = alive[0]
    if condition is not Condition.SETUP_REQUIRED:
        yield Wait(condition.value, f"{member.name} is {condition.value}; set-up follows")
        return
    job = view.seen.jobs.get("set-up")
    if job is None or (job.ended is not None and abs(view.now - job.ended) >= _rest(job, view)):
        why = "it shows its set-up pages"
        yield Call(view.desired.name, member.name, "set-up", why, since=view.memory.retry)
    elif job.phase is JobPhase.RUNNING:
        yield Wait("SettingUp", f"the set-up pages of {member.name} are being walked")
    else:
        yield _explain(member.name, job, view)


def _rest(job: JobState, view: View) -> float:
    """Seconds to leave the pages alone after a pass."""
    if job.phase is JobPhase.FAILED:
        return FAILED_PASS_RESTS
    if job.result == "unknown-form":
        return PERSON_LOOKS_EVERY
    if job.result == "rejected":
        # Sending the refused value again would be refused again: a person changes it and says so.
        asked_again = job.ended is not None and view.memory.retry > job.ended
        return 0.0 if asked_again else float("inf")
    return view.desired.policy.look_again


def _explain(member: str, job: JobState, view: View) -> Wait:
    if job.result == "unknown-form":
        message = f"{member} shows a set-up page that is not known: finish it at {job.url}; Telamon goes on by itself"
        return Wait("SetupRequired", message, seconds=2.0, url=job.url)
    if job.result == "rejected":
        message = f"{member} refused a value ({job.detail}): correct the secret or the stack file, then `telamon retry`"
        return Wait("SetupRejected", message, seconds=2.0, url=job.url)
    if job.phase is JobPhase.FAILED:
        return Wait("SettingUp", f"the last pass over the set-up pages of {member} broke off: {job.detail}")
    return Wait(
        "SettingUp",
        job.detail or f"{member} is busy between two set-up pages",
        view.desired.policy.look_again,
    )


def account(view: View) -> Iterator[Step | Wait]:
    """Make the service account once, on a node that runs, before anything asks in its name."""
    if not view.desired.account or view.memory.knows("service-account") or not view.is_set_up():
        return
    able = UP | {Condition.JOINING, Condition.CATCHING_UP}
    ready = [member for _, member, condition in view.wanted() if condition in able]
    if not ready:
        return
    job = view.seen.jobs.get("service-account")
    if job is not None and job.phase is JobPhase.RUNNING:
        yield Wait("MakingServiceAccount", f"the service account is being made on {ready[0].name}")
    elif job is not None and job.ended is not None and abs(view.now - job.ended) < ACCOUNT_RESTS:
        yield Wait("ServiceAccountFailed", f"the service account could not be made: {job.detail}")
    else:
        why = "the engine needs an account of its own"
        yield Call(view.desired.name, ready[0].name, "service-account", why, since=view.memory.retry)


def keep_account(view: View) -> Iterator[Step | Wait]:
    """See that the engine can go on logging in: a new token before the old one ends, or once the log-in is refused."""
    if not view.desired.account or not view.memory.knows("service-account"):
        return
    able = UP | {Condition.JOINING, Condition.CATCHING_UP}
    ready = [member for _, member, condition in view.wanted() if condition in able]
    refused = view.seen.jobs.get(LOG_IN)
    is_refused = refused is not None and refused.phase is JobPhase.FAILED
    left = _token_left(view)
    if not ready or not (is_refused or left < RENEWED_BEFORE):
        return
    job = view.seen.jobs.get(RENEW)
    why = "the log-in of the service account was refused" if is_refused else "its token is about to end"
    if job is not None and job.phase is JobPhase.RUNNING:
        return
    tried = max(
        (last.ended or 0.0 for last in (job, _refused_password(refused)) if last is not None), default=None
    )
    if tried is None or abs(view.now - tried) >= RENEWAL_RESTS or view.memory.retry > tried:
        yield Call(view.desired.name, ready[0].name, RENEW, why, since=view.memory.retry)
    elif is_refused:
        detail = job.detail if job is not None else "it is tried again in a few minutes"
        yield Wait("LoginRefused", f"{why}, so its members cannot be asked: {detail}", seconds=2.0)
    elif left < SAID_BEFORE and job is not None:
        yield Wait("TokenEnds", f"{why}, and a new one could not be made: {job.detail}", seconds=2.0)


def _refused_password(refused: JobState | None) -> JobState | None:
    """The refusal, where it was one of a password: it is left alone for a while, as it may be over by then."""
    by_password = refused is not None and refused.phase is JobPhase.FAILED and refused.result == BY_PASSWORD
    return refused if by_password else None


def _token_left(view: View) -> float:
    """Seconds until the token in use ends; infinite where nobody knows when it was made."""
    made = [
        job.ended
        for name in ("service-account", RENEW)
        if (job := view.seen.jobs.get(name)) is not None
        and job.phase is JobPhase.SUCCEEDED
        and job.ended is not None
    ]
    return max(made) + TOKEN_LASTS - view.now if made else float("inf")

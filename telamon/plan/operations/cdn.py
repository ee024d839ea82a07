"""A content delivery network around a rolling upgrade: out of the way before it, back in its place after it.

While nodes of two releases serve side by side, the network could ask one release for a file of the other and keep what
it gets. So the product's own setting is switched off before upgrade mode is switched on. Afterwards the distribution
forgets what it keeps, and the setting is switched on again, but only where it was on: that it was is recorded before it
is touched. Nothing that goes wrong afterwards holds the upgrade up: the nodes deliver the files meanwhile.

Source: Atlassian, "Configure your CDN for Jira Data Center": disable it before a zero downtime upgrade, and enable it
when the cluster is stable.
"""

from __future__ import annotations

from collections.abc import Iterator

from telamon.plan.operation import Running
from telamon.plan.operations.base import Proposal, called
from telamon.plan.step import Begin, Call, Record, Wait
from telamon.plan.view import View
from telamon.plan.works.cdn import InvalidateDistribution
from telamon.state.world import INTERRUPTED, JobPhase

WAS_ON = "cdn-was-on"
"""Fact: static files came from a network when the operation began."""
ON = "on"
"""What looking comes to where they do."""
TRIES = 3
"""How often switching it on again is tried."""


def put_aside(view: View, operation: Running) -> Iterator[Proposal]:
    """Have the nodes deliver static files.

    Yields:
        Looks at the setting, the note that it was on, the switch; nothing once it is off.
    """
    if not view.desired.cdn:
        return
    if not view.memory.knows(operation.fact(WAS_ON)):
        look = _call("cdn-look", view, operation)
        left = tuple(called(view, look))
        if left:
            yield from left
        elif view.seen.jobs[look.job].result == ON:
            yield Record(view.desired.name, operation.fact(WAS_ON), "static files come from a CDN")
        return
    yield from called(view, _call("cdn-off", view, operation))


def put_back(view: View, operation: Running) -> Iterator[Proposal]:
    """Have the network deliver static files again, if it did before.

    Yields:
        The invalidation, the switch, and waits; nothing once it is on, was never on, or was tried often enough.
    """
    if not view.memory.knows(operation.fact(WAS_ON)):
        return
    off = view.seen.jobs.get(_call("cdn-off", view, operation).job)
    if off is not None and off.phase is JobPhase.RUNNING:
        yield Wait("Switching", "the CDN is still being switched off", seconds=0.5)
        return
    left = tuple(_forgotten(view, operation))
    yield from left or _switched_on(view, operation)


def left_off(view: View, operation: Running) -> str:
    """What people must know of a network that was on and is not again, as the rest of a sentence; "" for nothing."""
    if not view.memory.knows(operation.fact(WAS_ON)):
        return ""
    kept = _not_forgotten(view, operation)
    jobs = [view.seen.jobs.get(step.job) for step in _attempts(view, operation)]
    if any(job is not None and job.phase is JobPhase.SUCCEEDED for job in jobs):
        return kept
    said = next((job.detail for job in reversed(jobs) if job is not None and job.detail), "it was not tried")
    return f"{kept}; its CDN was on and is switched off, so switch it on again at its own page ({said})"


def _forgotten(view: View, operation: Running) -> Iterator[Proposal]:
    """A distribution that could not be told to forget is not waited for: the names of files hold the build's number."""
    distribution = view.desired.distribution
    if not distribution:
        return
    step = _invalidation(view, operation)
    job = view.seen.jobs.get(step.job)
    if job is None or job.result == INTERRUPTED:
        yield step
    elif job.phase is JobPhase.RUNNING:
        yield Wait("Invalidating", job.progress or f"{distribution} forgets what it keeps", seconds=1.0)


def _invalidation(view: View, operation: Running) -> Begin:
    work = InvalidateDistribution(view.desired.distribution, reference=operation.key)
    return Begin(view.desired.name, operation.job(work.kind), work, operation.name)


def _not_forgotten(view: View, operation: Running) -> str:
    job = view.seen.jobs.get(_invalidation(view, operation).job)
    if job is None or job.phase is not JobPhase.FAILED:
        return ""
    return (
        f"; its distribution still keeps files: `telamon infra invalidate` has it forget them ({job.detail})"
    )


def _switched_on(view: View, operation: Running) -> Iterator[Proposal]:
    for step in _attempts(view, operation):
        job = view.seen.jobs.get(step.job)
        if job is None:
            yield step
            return
        if job.phase is JobPhase.SUCCEEDED:
            return
        rests = job.ended is not None and abs(view.now - job.ended) >= view.desired.policy.look_again
        if not rests:
            yield Wait("Switching", job.detail or "the CDN is being switched on", seconds=0.5)
            return


def _attempts(view: View, operation: Running) -> tuple[Call, ...]:
    return tuple(_call("cdn-on", view, operation, attempt=attempt) for attempt in range(1, TRIES + 1))


def _call(call: str, view: View, operation: Running, *, attempt: int = 0) -> Call:
    """A call on whichever member is fit; its job is the operation's, not the member's."""
    members = view.fit() or view.seen.members
    argument = f"{operation.key}/{attempt}" if attempt else operation.key
    return Call(
        view.desired.name, members[0].name if members else "", call, operation.name, argument=argument
    )

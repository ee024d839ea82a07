"""Whether a node of a new release does for users what they ask for, asked before they ask."""

from __future__ import annotations

from collections.abc import Iterator

from telamon.plan.operation import Running
from telamon.plan.operations.base import Proposal, called
from telamon.plan.step import Call, Wait
from telamon.plan.view import View
from telamon.state.classify import Condition
from telamon.state.world import JobPhase, JobState, Life, MemberState

HOPELESS = 2
"""Failures of a node after which its release is given up; one may be anybody's fault."""


def smoked(view: View, operation: Running, *, member: MemberState) -> Iterator[Proposal]:
    """Ask a node for what users ask for, and wait for its answers."""
    step = _call(member, view, operation)
    job = view.seen.jobs.get(step.job)
    if job is not None and job.ended is not None and job.ended < _started(member):
        # It was asked in an earlier life.
        yield step
    yield from called(view, step)
    yield Wait("Upgrading", f"{member.name} is asked for what users ask for", seconds=0.3)


def proven(view: View, operation: Running, *, member: MemberState) -> bool:
    """Whether the node was asked since it was started, and answered well."""
    job = _answer(member, view, operation)
    return job is not None and job.result == "done"


def trouble_of(view: View, operation: Running, *, release: str) -> str | None:
    """Why a release is given up; ``None`` while there is no reason to.

    What the release is not to be blamed for does not count: a node that ends once, or anything while the database or
    another component that it stands on is away.

    Args:
        view: of the component.
        operation: that brings the release.
        release: the new one.
    """
    for requirement in view.desired.requires:
        standing = view.neighbours.get(requirement.component)
        if standing is not None and not standing.ready:
            return None
    for _, member, _ in view.wanted():
        # One that was stopped for being sick tells no release any more.
        concerned = member.release in {release, None}
        trouble = _trouble(member, view, operation) if concerned else None
        if trouble is not None:
            return f"{member.name} {trouble} on {release}"
    return None


def _trouble(member: MemberState, view: View, operation: Running) -> str | None:
    condition, failures = view.condition(member), view.failures(member.name)
    if condition in {Condition.FAILED, Condition.STALLED}:
        return f"is {condition.value}"
    if failures.last > operation.since and failures.count + (member.life is Life.EXITED) >= HOPELESS:
        return f"failed {HOPELESS} times ({member.exit or failures.reason})"
    job = _answer(member, view, operation)
    if job is not None and job.result != "done":
        return f"answers with errors ({job.detail})"
    return None


def _answer(member: MemberState, view: View, operation: Running) -> JobState | None:
    """What asking the node came to in its present life, if it was asked."""
    job = view.seen.jobs.get(_call(member, view, operation).job)
    if job is None or job.phase is not JobPhase.SUCCEEDED or job.ended is None:
        return None
    return job if job.ended >= _started(member) else None


def _started(member: MemberState) -> float:
    return member.started if member.started is not None else float("inf")


def _call(member: MemberState, view: View, operation: Running) -> Call:
    argument = f"{operation.key}/{member.name}"
    return Call(view.desired.name, member.name, "smoke", "it is new", argument=argument)

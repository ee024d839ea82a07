"""What a verb is to the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from telamon.naming import DATABASE
from telamon.plan.operation import Running
from telamon.plan.step import Begin, BreakOff, Call, Finished, Record, Refusal, Step, Wait
from telamon.plan.view import View
from telamon.state.classify import UP
from telamon.state.world import INTERRUPTED, JobPhase

Proposal = Step | Wait | Finished


class Planner:
    """One verb. Subclasses say what differs; none of them keeps anything.

    Attributes:
        verb: as it is typed and stored.
        words: what it does, for people, e.g. ``restart the nodes one by one``.
    """

    verb: ClassVar[str]
    words: ClassVar[str]

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """Why it cannot begin now, the most important reason first. Asked before anything is touched."""
        yield from ()

    def adapt(self, view: View, operation: Running) -> View:
        """What is desired while it is in progress; by default what is desired anyhow."""
        return view

    def too_late(self, view: View, operation: Running) -> Refusal | None:
        """Why it cannot be asked to end early any more; ``None`` while it can."""
        return None

    def is_foreseen(self, view: View, operation: Running) -> bool:
        """Whether its steps can be told before it begins: none has something else desired, or hangs on an answer."""
        return True

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """What to do next, the most urgent first; nothing means that the standing rules go on.

        Args:
            view: as :meth:`adapt` has left it.
            operation: in progress.
        """
        raise NotImplementedError


def unwell(view: View, *, but: str | None = None) -> Iterator[Refusal]:
    """Why an operation that has members replaced one by one cannot begin: every one of them must be well first.

    A member in quarantine is told as well: it is neither healed nor admitted, so an operation would wait for it for
    ever, or end what somebody looks at.

    Args:
        view: of the component.
        but: for an operation that may be asked for one member alone, and is its cure: that member, "" where all are
            meant. It may be unwell, but not in quarantine.
    """
    for wanted, _, condition in view.wanted():
        if view.is_set_aside(wanted.name):
            words = f"`telamon release {wanted.name}` ends its quarantine"
            yield Refusal("nobody-is-set-aside", f"{wanted.name} is in quarantine", words)
        elif condition not in UP and wanted.name != but:
            remedy = "wait until it is well" + (", or name that very member" if but is not None else "")
            yield Refusal("all-are-well", f"{wanted.name} is {condition.value}", remedy)


def without_page(view: View) -> Iterator[Refusal]:
    """Why users cannot be shown the maintenance page, where this front door has none.

    Args:
        view: of the component.
    """
    if view.desired.no_page:
        yield Refusal(
            "users-can-be-told",
            f"the users of {view.desired.name} cannot be shown the maintenance page: {view.desired.no_page}",
            "choose spec.edge.driver: gateway",
        )


def database_first(view: View) -> Iterator[Proposal]:
    """A product changes its release when its database has done so: vendors name the oldest database they run on.

    Args:
        view: of the product.
    """
    if not any(requirement.component == DATABASE for requirement in view.desired.requires):
        return
    standing = view.neighbours.get(DATABASE)
    if standing is not None and standing.outdated:
        yield Wait("Upgrading", "the upgrade begins when every database server runs what is desired")


def called(view: View, step: Call, *, rest: float | None = None) -> Iterator[Proposal]:
    """A call that must come to a good end once.

    Args:
        view: that shows its job.
        step: the call; its argument makes its job one of this operation alone.
        rest: seconds before it is made again; as after any unfinished call where ``None``.

    Yields:
        The call where it was not made yet or broke off a while ago; a wait while it runs or rests; nothing once it is
        done.
    """
    job = view.seen.jobs.get(step.job)
    if job is None:
        yield step
    elif job.phase is JobPhase.RUNNING:
        yield Wait("Calling", f"{step.call} on {step.member} is under way", seconds=0.5)
    elif job.phase is JobPhase.FAILED or job.result == "waiting":
        again = view.desired.policy.look_again if rest is None else rest
        if job.ended is None or abs(view.now - job.ended) >= again:
            yield step
        else:
            yield Wait(
                "Calling", f"{step.call} on {step.member}: {job.detail or 'it is not done yet'}", seconds=1.0
            )


def worked(view: View, step: Begin) -> Iterator[Proposal]:
    """A work that must come to a good end once.

    Yields:
        The work where it was not begun yet or was cut off; a wait with its progress while it runs; the end of the
        operation where it failed; nothing once it is done.
    """
    job = view.seen.jobs.get(step.job)
    if job is None or (job.phase is JobPhase.FAILED and job.result == INTERRUPTED):
        yield step
    elif job.phase is JobPhase.RUNNING:
        yield Wait("Working", job.progress or f"{step.job} is under way", seconds=0.5)
    elif job.phase is JobPhase.FAILED:
        yield Finished("Failed", job.detail)


def broken_off(view: View, *jobs: str, because: str) -> Iterator[Proposal]:
    """Works that nobody wants any more, of which none may go on.

    Args:
        view: that shows their jobs.
        jobs: their names; those that were never begun are passed over.
        because: why.

    Yields:
        The end of each that runs; nothing once none does.
    """
    for name in jobs:
        job = view.seen.jobs.get(name)
        if job is not None and job.phase is JobPhase.RUNNING:
            yield BreakOff(view.desired.name, name, because)
            yield Wait("Ending", f"{name} lets go of what it holds", seconds=0.3)


def insisted(view: View, step: Begin) -> Iterator[Proposal]:
    """A work that is begun again for as long as it fails, because there is nothing else left to do.

    Yields:
        The work where it was not begun yet, was cut off, or failed a while ago; a wait while it runs or rests; nothing
        once it is done.
    """
    job = view.seen.jobs.get(step.job)
    if job is not None and job.phase is JobPhase.RUNNING:
        yield Wait("Working", job.progress or f"{step.job} is under way", seconds=0.5)
    elif job is None or job.result == INTERRUPTED:
        yield step
    elif job.phase is JobPhase.FAILED:
        age = 0.0 if job.ended is None else abs(view.now - job.ended)
        rests = age < view.desired.policy.look_again
        yield Wait("Working", f"{step.job}: {job.detail}", seconds=1.0) if rests else step


BACK = "back:"
"""Begin of the fact that says why an operation turns back."""


def turn_back(view: View, operation: Running, *, reason: str) -> Record:
    """Decide, once and for all, that an operation turns back."""
    return Record(view.desired.name, operation.fact(f"{BACK}{reason}"), f"{operation.name} turns back")


def reason_to_turn_back(view: View, operation: Running) -> str | None:
    """Why an operation turns back; ``None`` while it goes on."""
    start = operation.fact(BACK)
    return next((fact.removeprefix(start) for fact in view.memory.facts if fact.startswith(start)), None)

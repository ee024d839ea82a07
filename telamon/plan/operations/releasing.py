"""What upgrades of either way have in common: how they end, and what of them stays remembered."""

from __future__ import annotations

from collections.abc import Iterator

from telamon.desired.component import ComponentDesired
from telamon.plan.operation import Running
from telamon.plan.operations.base import Planner, Proposal
from telamon.plan.step import Call, Finished, Forget, Record, Refusal, Wait
from telamon.plan.view import AGREED, HELD, LATER, Memory, View
from telamon.products.release import Act, Way
from telamon.state.world import UpgradePhase

TRIES = 3
"""How often the final tasks are tried."""


class Releasing(Planner):
    """An operation that changes a release. Subclasses say by which steps.

    A release that it did not bring is held: nothing tries it again by itself, whatever else of the stack changes and
    however many operations come after. An agreement to an interruption ends with the upgrade that it was given for.
    """

    def steps(self, view: View, operation: Running) -> Iterator[Proposal]:
        """As :meth:`proposals`, without what is remembered in the end."""
        raise NotImplementedError

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """The next thing to do, from what is seen."""
        for proposal in self.steps(view, operation):
            if isinstance(proposal, Finished):
                yield from _ended(view, operation, proposal)
                return
            yield proposal


def is_due(desired: ComponentDesired, memory: Memory) -> bool:
    """Whether an upgrade is begun without another word: it is asked for, not held, and agreed to if need be.

    One that waits for a maintenance window is not: until that opens nothing of it is in progress.

    Args:
        desired: the component.
        memory: what is remembered of it.
    """
    wanted = desired.upgrade
    if wanted is None or wanted.to_release in {memory.held, memory.later}:
        return False
    return wanted.jump.way is Way.ROLLING or memory.agreed == wanted.to_release


def of_one_release(view: View) -> Iterator[Refusal]:
    """Why what needs a cluster of one release cannot begin now.

    A release that is held stands against nothing: every node runs the old one.
    """
    name, phase = view.desired.name, view.seen.upgrade
    if phase is UpgradePhase.UPGRADE_TASKS_FAILED:
        yield Refusal("not-in-an-upgrade", f"the final tasks of {name}'s upgrade have failed", _remedy(view))
    elif is_due(view.desired, view.memory) or (
        view.operation is None and phase is UpgradePhase.RUNNING_UPGRADE_TASKS
    ):
        yield Refusal(
            "not-in-an-upgrade", f"{name} is in the middle of an upgrade", "wait until it has ended"
        )
    elif phase not in {None, UpgradePhase.STABLE}:
        yield Refusal(
            "not-in-an-upgrade",
            f"{name} is in upgrade mode",
            "wait for the upgrade's end; where none is in progress, switch it off at the product's own pages",
        )


def tried_again(view: View, operation: Running) -> Iterator[Proposal]:
    """Final tasks that failed, tried a few times.

    Yields:
        The next try, or a wait; nothing once all tries have failed, or where the product cannot be told to.
    """
    name, helpers = view.desired.name, view.fit()
    if not view.desired.tries_tasks_again:
        return
    if not helpers:
        yield Wait("Upgrading", "nobody is fit to try the final tasks again")
        return
    for attempt in range(1, TRIES + 1):
        step = Call(
            name,
            helpers[0].name,
            f"upgrade-{Act.RETRY.value}",
            "the final tasks failed",
            argument=f"{operation.key}/{attempt}",
        )
        job = view.seen.jobs.get(step.job)
        if job is None:
            yield step
            return
        if job.ended is None or view.now - job.ended < view.desired.policy.look_again:
            yield Wait("Upgrading", "the final tasks are tried again", seconds=0.5)
            return


def tasks_failed(view: View) -> Finished:
    """The end of an upgrade whose final tasks do not succeed; there is no way back from it."""
    tries = f" {TRIES} times" if view.desired.tries_tasks_again else ""
    return Finished(
        "Failed", f"the final tasks failed{tries}: the product's own log says why; {_remedy(view)}"
    )


def _remedy(view: View) -> str:
    if view.desired.tries_tasks_again:
        return f"`telamon retry {view.desired.name}` tries them again"
    return "it cannot be told by REST to try them again: do so at its own administration pages"


def _ended(view: View, operation: Running, finished: Finished) -> Iterator[Proposal]:
    """The end, once what lasts of it is written down: whoever dies in between finds the operation still in progress."""
    name, course, memory = view.desired.name, operation.course, view.memory
    missed = course is not None and finished.ending != "Succeeded" and memory.release != course.to_release
    if course is not None and missed and memory.held != course.to_release:
        yield Record(name, f"{HELD}{course.to_release}", f"{operation.name} did not bring it")
    elif memory.agreed is not None:
        yield Forget(name, f"{AGREED}{memory.agreed}", "it was agreed to once")
    elif memory.later is not None:
        yield Forget(name, f"{LATER}{memory.later}", "its window has come")
    else:
        yield finished

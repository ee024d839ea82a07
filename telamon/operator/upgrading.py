"""Changes of version: whether a product can come to one, and the operations that bring it there.

An upgrade belongs to what the stack file asks for: it is begun where another release is asked for, and cancelled where
that is not so any more. What it did not bring is held (:mod:`telamon.plan.operations.releasing`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from telamon.desired.component import ComponentDesired, Upgrade
from telamon.errors import RefusedError
from telamon.model.operation import Operation
from telamon.operator.lane import KeptLane
from telamon.operator.operations import Operations, Wish
from telamon.plan.operation import UPGRADING, Running
from telamon.plan.operations.finish_upgrade import FinishUpgrade
from telamon.plan.operations.registry import PLANNERS, VERBS, refusals
from telamon.plan.operations.releasing import is_due
from telamon.plan.step import Refusal
from telamon.plan.view import AGREED, HELD, LATER, Memory, View
from telamon.ports import Stored
from telamon.products.release import Way
from telamon.run.executor import Outcome

LOG = logging.getLogger("telamon.operator")


@dataclass(frozen=True)
class Upgrades:
    """The upgrades of a stack.

    Args:
        operations: where they are made.
        view: the picture that a decision starts from now, from what the last pass of a lane saw.
    """

    operations: Operations
    view: Callable[[Outcome], View]

    def match(
        self,
        lanes: Mapping[str, KeptLane],
        stored: Stored,
        *,
        asked: Callable[[], Sequence[ComponentDesired]],
        downtime: Collection[str] = (),
        in_window: Collection[str] = (),
    ) -> None:
        """Cancel the upgrades that nobody asks for any more, and make those that a change of version needs.

        Args:
            lanes: by component.
            stored: the stack.
            asked: tells what the stack file asks for, whatever is in progress.
            downtime: components for which an interruption was agreed to just now.
            in_window: components of which it was said just now that they wait for a maintenance window.
        """
        if any(lane.operation is not None and lane.operation.verb in UPGRADING for lane in lanes.values()):
            self._cancel_unwanted(lanes, asked())
        if any(lane.executor.memory.later is not None for lane in lanes.values()):
            self._forget_unwanted(lanes, asked())
        for component, lane in lanes.items():
            wanted = lane.desired.upgrade
            if wanted is None or lane.operation is not None or not lane.desired.members:
                continue
            if component in downtime:
                _agree(lane, wanted)
            if component in in_window:
                _put_off(lane, wanted)
            if lane.executor.memory.later == wanted.to_release:
                self._await_window(lane, stored, wanted=wanted)
                continue
            if not is_due(lane.desired, lane.executor.memory):
                continue
            try:
                self._begin(lane, stored, wanted=wanted)
            except RefusedError as error:
                LOG.warning("the upgrade of %s is not begun: %s", component, error)

    def retry(self, lane: KeptLane, stored: Stored, *, asked: bool) -> None:
        """Try a release again that is held, if there is one; an interruption must be agreed to anew.

        Args:
            lane: of the component.
            stored: the stack.
            asked: whether this very component was named.

        Raises:
            RefusedError: it was named, and a guard refuses the upgrade.
        """
        wanted, memory = lane.desired.upgrade, lane.executor.memory
        if lane.operation is not None or not lane.desired.members:
            return
        if wanted is None:
            self._finish(lane, stored)
            return
        if memory.later == wanted.to_release:
            # Its window will come; whoever does not want to wait for that cancels it first.
            return
        again = memory.without_fact(f"{HELD}{memory.held}")
        try:
            check(lane.desired, self._view(lane), memory=again, agreed=False)
        except RefusedError:
            if asked:
                raise
            return
        if memory.held is not None:
            lane.executor.forget(f"{HELD}{memory.held}", "somebody asked for another try")
        self._begin(lane, stored, wanted=wanted)

    def _finish(self, lane: KeptLane, stored: Stored) -> None:
        """Have final tasks that failed tried again, if there are any and the product can be told to."""
        view, verb = self._view(lane), FinishUpgrade.verb
        if view is None or refusals(view, Running(verb, verb)):
            return
        self.operations.make(
            Wish(verb, lane.desired.name, "", {}), stack=stored.name, generation=stored.generation
        )
        lane.operation = self.operations.active(lane.desired.name)
        lane.wake.set()

    def _cancel_unwanted(self, lanes: Mapping[str, KeptLane], asked: Sequence[ComponentDesired]) -> None:
        for desired in asked:
            lane = lanes.get(desired.name)
            if lane is None or lane.operation is None or not _is_unwanted(lane.operation, desired):
                continue
            self.operations.cancel(lane.operation.name)
            lane.operation = self.operations.active(desired.name)
            lane.wake.set()

    def give_up(self, lanes: Mapping[str, KeptLane], name: str) -> None:
        """Have an upgrade that waits for a maintenance window, and is cancelled, not be begun again by itself.

        Args:
            lanes: by component.
            name: of the operation that is about to be cancelled.
        """
        for component, lane in lanes.items():
            release, held = lane.executor.memory.later, lane.executor.memory.held
            waits = any(one.metadata.name == name for one in self._waiting(component))
            if not waits or release is None:
                continue
            if held != release:
                lane.executor.remember(f"{HELD}{release}", f"{name} was cancelled before its window opened")
            lane.executor.forget(f"{LATER}{release}", f"{name} was cancelled")

    def _waiting(self, component: str) -> tuple[Operation, ...]:
        return tuple(one for one in self.operations.postponed(component) if one.spec.verb in UPGRADING)

    def _await_window(self, lane: KeptLane, stored: Stored, *, wanted: Upgrade) -> None:
        """Have an operation wait for the window, if none does yet: whoever said so may have died in between."""
        agreed = wanted.jump.way is Way.ROLLING or lane.executor.memory.agreed == wanted.to_release
        if not agreed or self._waiting(lane.desired.name):
            return
        wish = with_course(Wish(VERBS[wanted.jump.way], lane.desired.name, "", {}), lane.desired)
        self.operations.postpone(wish, lane.desired, stack=stored.name, generation=stored.generation)
        lane.wake.set()

    def _forget_unwanted(self, lanes: Mapping[str, KeptLane], asked: Sequence[ComponentDesired]) -> None:
        """Let no upgrade wait for a window that nobody asks for any more."""
        for desired in asked:
            lane = lanes.get(desired.name)
            later = None if lane is None else lane.executor.memory.later
            if lane is None or later is None or lane.operation is not None or _asked_for(desired) == later:
                continue
            for one in self._waiting(desired.name):
                self.operations.cancel(one.metadata.name)
            lane.executor.forget(f"{LATER}{later}", f"nobody asks for {later} any more")

    def _begin(self, lane: KeptLane, stored: Stored, *, wanted: Upgrade) -> None:
        check(lane.desired, self._view(lane), memory=lane.executor.memory, agreed=False)
        wish = Wish(VERBS[wanted.jump.way], lane.desired.name, "", {})
        self.operations.make(with_course(wish, lane.desired), stack=stored.name, generation=stored.generation)
        lane.operation = self.operations.active(lane.desired.name)
        lane.wake.set()

    def _view(self, lane: KeptLane) -> View | None:
        return None if lane.outcome is None else self.view(lane.outcome)


def check(desired: ComponentDesired, view: View | None, *, memory: Memory, agreed: bool) -> None:
    """Refuse a change of version that cannot be made.

    Args:
        desired: the component as the stack file wants it, whatever is in progress.
        view: of the component now, with the operation in progress; ``None`` where it does not run yet.
        memory: what is remembered of it.
        agreed: whether an interruption was agreed to just now.

    Raises:
        RefusedError: it cannot be made, and why.
    """
    if view is not None and _goes_on_or_back(desired, view):
        return
    wanted = desired.upgrade
    if wanted is None or (memory.held == wanted.to_release and not agreed):
        # What is held is not begun, so nothing stands against it.
        return
    words = f"{desired.name} {wanted.from_release} to {wanted.to_release}"
    if wanted.jump.way is Way.DOWNTIME and not agreed and memory.agreed != wanted.to_release:
        raise RefusedError(
            f"{words} needs a planned downtime: {wanted.jump.reason}",
            guard="downtime-is-asked-for",
            remedy=f"`telamon upgrade {desired.name} {wanted.to_release} --downtime` makes a backup and does it",
        )
    verb = VERBS.get(wanted.jump.way)
    if verb is None:
        raise RefusedError(
            f"{words}: {wanted.jump.reason}",
            guard="jump-is-allowed",
            remedy=wanted.jump.remedy or "choose another version, or put the old one back",
        )
    if view is None:
        return
    running = Running(verb, verb, params={"to": wanted.to_release})
    for refusal in refusals(replace(view, desired=desired), running):
        raise refused(refusal)


def _goes_on_or_back(desired: ComponentDesired, view: View) -> bool:
    """Whether the upgrade in progress leads to what the stack file asks for, or can still turn back to it.

    Raises:
        RefusedError: it was the file that asked for the upgrade, and the way back is closed by now.
    """
    operation = view.operation
    course = None if operation is None else operation.course
    if operation is None or course is None:
        return False
    asked = _asked_for(desired)
    late = too_late(view, operation)
    if asked == course.from_release and late is not None:
        raise refused(late)
    turning = operation.cancelled and late is None
    return asked == course.from_release or (asked == course.to_release and not turning)


def _asked_for(desired: ComponentDesired) -> str | None:
    """The release that a stack file asks for; ``None`` for a component without members."""
    if desired.upgrade is not None:
        return desired.upgrade.to_release
    return desired.members[0].release if desired.members else None


def _is_unwanted(operation: Running, desired: ComponentDesired) -> bool:
    """Whether an upgrade in progress leads to a release that the stack file does not ask for."""
    course = None if operation.cancelled else operation.course
    return course is not None and _asked_for(desired) not in {None, course.to_release}


def with_course(wish: Wish, desired: ComponentDesired) -> Wish:
    """The wish; one for an upgrade knows its way until its end, whatever becomes of the stack file.

    Args:
        wish: for an operation.
        desired: its component.
    """
    wanted = desired.upgrade
    if wanted is None or wish.verb not in UPGRADING:
        return wish
    return replace(wish, params={**wish.params, "from": wanted.from_release, "to": wanted.to_release})


def too_late(view: View, operation: Running) -> Refusal | None:
    """Why an operation cannot be asked to end early any more; ``None`` while it can.

    Args:
        view: of its component, now.
        operation: in progress.
    """
    planner = PLANNERS.get(operation.verb)
    return None if planner is None else planner.too_late(view, operation)


def refused(refusal: Refusal) -> RefusedError:
    """A refusal as it is told to whoever asked."""
    return RefusedError(refusal.message, guard=refusal.guard, remedy=refusal.remedy)


def _put_off(lane: KeptLane, wanted: Upgrade) -> None:
    """Remember that an upgrade waits for a maintenance window, and have a release that was held be tried again."""
    memory = lane.executor.memory
    if memory.held is not None:
        lane.executor.forget(f"{HELD}{memory.held}", "somebody asked for it again")
    if memory.later != wanted.to_release:
        lane.executor.remember(f"{LATER}{wanted.to_release}", "somebody asked for it in a maintenance window")


def _agree(lane: KeptLane, wanted: Upgrade) -> None:
    """Remember that an interruption is agreed to, and have a release that was held be tried again."""
    memory = lane.executor.memory
    if memory.held is not None:
        lane.executor.forget(f"{HELD}{memory.held}", "somebody asked for it again")
    if wanted.jump.way is Way.DOWNTIME and memory.agreed != wanted.to_release:
        lane.executor.remember(f"{AGREED}{wanted.to_release}", "somebody agreed to an interruption")

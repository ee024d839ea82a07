"""``restart``: every node once, one after the other, while the others serve.

Where there are no others it is an interruption, which somebody has to agree to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from telamon.plan.operation import Running
from telamon.plan.operations.base import Planner, Proposal, unwell
from telamon.plan.step import Drain, Finished, Record, Refusal, StopMember, Wait
from telamon.plan.view import View
from telamon.state.classify import UP
from telamon.state.world import ComponentKind, Life, MemberState

DOWNTIME = "downtime"
"""Parameter that says that somebody agreed to the interruption."""
_NEEDED = frozenset({ComponentKind.PRODUCT, ComponentKind.DATABASE, ComponentKind.EDGE})
"""What users cannot do without; while a companion restarts they miss its part alone."""


class Restart(Planner):
    """Drain, stop and start one member after the other; each must serve again before the next one goes.

    A member counts as done once it was seen not to run: no clock says that, so none can be wrong about it.
    """

    verb = "restart"
    words = "restart members one by one"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """Nothing is restarted on purpose while something else is wrong, and users are not cut off by accident."""
        yield from _nobody_else(view, operation)
        yield from unwell(view, but=operation.member)

    def adapt(self, view: View, operation: Running) -> View:
        """A member that was drained for its restart stays out until it has been restarted."""
        drained = frozenset(member.name for member in self._left(view, operation) if not member.admitted)
        return view if operation.cancelled else replace(view, kept_out=view.kept_out | drained)

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """The next member that has not stopped since."""
        left = self._left(view, operation)
        if not left or operation.cancelled:
            yield from self._end(view, operation)
            return
        down = next((member for member in left if member.life in {Life.ABSENT, Life.EXITED}), None)
        if down is not None:
            yield Record(view.desired.name, _restarted(down, operation), f"{down.name} has stopped")
            return
        if any(condition not in UP for _, _, condition in view.wanted()):
            return
        # One that is drained already is finished first.
        member = min(left, key=lambda found: (found.admitted and view.desired.rotates, found.ordinal))
        why = f"{operation.name}: {self.words}"
        if view.desired.rotates and member.admitted:
            yield Drain(view.desired.name, member.name, why)
        else:
            yield StopMember(view.desired.name, member.name, why)

    def _left(self, view: View, operation: Running) -> list[MemberState]:
        """Members that were not seen to stop yet."""
        return [
            member
            for _, member, _ in view.wanted()
            if operation.member in {"", member.name} and not view.memory.knows(_restarted(member, operation))
        ]

    def _end(self, view: View, operation: Running) -> Iterator[Proposal]:
        waiting = [member.name for _, member, condition in view.wanted() if condition not in UP]
        unserving = [member.name for member in view.fit() if member not in view.serving()]
        if waiting or unserving:
            yield Wait("Restarting", f"{(waiting or unserving)[0]} is not back yet")
        elif operation.cancelled:
            yield Finished("Cancelled", "the members that were not restarted yet go on as they are")
        else:
            yield Finished("Succeeded", "every member was restarted")


def _nobody_else(view: View, operation: Running) -> Iterator[Refusal]:
    """Why the only member stays: it serves, and nobody would in its place. One that does not is missed by nobody."""
    desired = view.desired
    alone = desired.kind in _NEEDED and len(desired.members) == 1 and bool(view.serving())
    if alone and operation.params.get(DOWNTIME) != "yes":
        yield Refusal(
            "two-nodes-at-least",
            f"{desired.members[0].name} is the only member of {desired.name}: users would be without it meanwhile",
            "add a second one, or ask again with --downtime when users can do without it",
        )


def _restarted(member: MemberState, operation: Running) -> str:
    """The fact that a member has stopped for this operation."""
    return operation.fact(f"stopped:{member.name}")

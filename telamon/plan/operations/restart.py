"""``restart``: every node once, one after the other, while the others serve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from telamon.plan.operation import Running
from telamon.plan.operations.base import Planner, Proposal
from telamon.plan.step import Drain, Finished, Refusal, StopMember, Wait
from telamon.plan.view import View
from telamon.state.classify import UP
from telamon.state.world import MemberState


class Restart(Planner):
    """Drain, stop and start one member after the other; each must serve again before the next one goes.

    A member counts as done when it was started after the operation was accepted.
    """

    verb = "restart"
    words = "restart members one by one"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """Nothing is restarted on purpose while something else is wrong."""
        for wanted, _, condition in view.wanted():
            if condition not in UP and wanted.name != operation.member:
                yield Refusal(
                    "all-are-well",
                    f"{wanted.name} is {condition.value}",
                    "wait until it is well, or restart that very member",
                )

    def adapt(self, view: View, operation: Running) -> View:
        """A member that was drained for its restart stays out until it has been restarted."""
        left = [member for member in self._chosen(view, operation) if not _restarted(member, operation)]
        drained = frozenset(member.name for member in left if not member.admitted)
        return view if operation.cancelled else replace(view, kept_out=view.kept_out | drained)

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """The next member that has not been started since."""
        left = [member for member in self._chosen(view, operation) if not _restarted(member, operation)]
        if not left or operation.cancelled:
            yield from self._end(view, operation)
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

    def _chosen(self, view: View, operation: Running) -> list[MemberState]:
        return [member for _, member, _ in view.wanted() if operation.member in {"", member.name}]

    def _end(self, view: View, operation: Running) -> Iterator[Proposal]:
        waiting = [member.name for _, member, condition in view.wanted() if condition not in UP]
        unserving = [member.name for member in view.fit() if member not in view.serving()]
        if waiting or unserving:
            yield Wait("Restarting", f"{(waiting or unserving)[0]} is not back yet")
        elif operation.cancelled:
            yield Finished("Cancelled", "the members that were not restarted yet go on as they are")
        else:
            yield Finished("Succeeded", "every member was restarted")


def _restarted(member: MemberState, operation: Running) -> bool:
    return member.started is not None and member.started > operation.since

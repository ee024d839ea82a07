"""``finish-upgrade``: the final tasks of a rolling upgrade that have failed are tried again.

Every node runs the new release by then and nothing leads back, so all that can be done is to try. ``telamon retry``
asks for it.

Source: Atlassian, Jira REST API 2, ``cluster/zdu/retryUpgrade``.
"""

from __future__ import annotations

from collections.abc import Iterator

from telamon.plan.operation import Running
from telamon.plan.operations.base import Planner, Proposal
from telamon.plan.operations.releasing import tasks_failed, tried_again
from telamon.plan.step import Finished, Refusal, Wait
from telamon.plan.view import View
from telamon.state.world import UpgradePhase


class FinishUpgrade(Planner):
    """Tries final tasks again."""

    verb = "finish-upgrade"
    words = "try the final tasks of an upgrade again"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """They must have failed, and the product must be one that can be told."""
        name = view.desired.name
        if view.seen.upgrade is not UpgradePhase.UPGRADE_TASKS_FAILED:
            yield Refusal(
                "final-tasks-have-failed", f"no final task of {name} has failed", "there is nothing to do"
            )
        elif not view.desired.tries_tasks_again:
            yield Refusal(
                "final-tasks-can-be-tried",
                f"{name} cannot be told by REST to try its final tasks again",
                "do so at its own administration pages",
            )

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """Try, and look what comes of it."""
        phase = view.seen.upgrade
        if phase is UpgradePhase.STABLE:
            yield Finished("Succeeded", f"the final tasks of {view.desired.name} are done")
        elif phase is UpgradePhase.UPGRADE_TASKS_FAILED and operation.cancelled:
            yield Finished("Cancelled", "the final tasks are left as they are")
        elif phase is UpgradePhase.UPGRADE_TASKS_FAILED:
            left = tuple(tried_again(view, operation))
            yield from left or (tasks_failed(view),)
        else:
            words = "nobody tells how far they are" if phase is None else "its final tasks run"
            yield Wait("Upgrading", words, seconds=0.5)

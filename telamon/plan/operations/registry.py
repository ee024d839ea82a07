"""Every verb, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from telamon.plan.operation import Running
from telamon.plan.operations.backup import Backup, Prune, Verify
from telamon.plan.operations.base import Planner
from telamon.plan.operations.finish_upgrade import FinishUpgrade
from telamon.plan.operations.index_rebuild import IndexRebuild
from telamon.plan.operations.index_sync import IndexSync
from telamon.plan.operations.maintenance import MaintenanceOff, MaintenanceOn
from telamon.plan.operations.major_upgrade import MajorUpgrade
from telamon.plan.operations.pausing import PAUSING, Pause, Resume
from telamon.plan.operations.quarantine import Quarantine, Release
from telamon.plan.operations.restart import Restart
from telamon.plan.operations.restore import Restore
from telamon.plan.operations.rotate_cluster_secret import RotateClusterSecret
from telamon.plan.operations.rotate_database_password import RotateDatabasePassword
from telamon.plan.operations.switchover import Switchover
from telamon.plan.operations.tidy_restore import TidyRestore
from telamon.plan.operations.upgrade import Upgrade
from telamon.plan.step import Refusal
from telamon.plan.view import View
from telamon.plan.window import asked_for_later
from telamon.products.release import Way

PLANNERS: Final[Mapping[str, Planner]] = MappingProxyType(
    {
        planner.verb: planner
        for planner in (
            Restart(),
            Upgrade(),
            MajorUpgrade(),
            FinishUpgrade(),
            Backup(),
            Verify(),
            Prune(),
            Restore(),
            TidyRestore(),
            Quarantine(),
            Release(),
            Pause(),
            Resume(),
            MaintenanceOn(),
            MaintenanceOff(),
            Switchover(),
            IndexSync(),
            IndexRebuild(),
            RotateClusterSecret(),
            RotateDatabasePassword(),
        )
    }
)
"""By verb."""


VERBS: Final[Mapping[Way, str]] = MappingProxyType(
    {Way.ROLLING: Upgrade.verb, Way.DOWNTIME: MajorUpgrade.verb}
)
"""What brings about a change of release, by the way that it takes."""


def refusals(view: View, operation: Running) -> tuple[Refusal, ...]:
    """Every reason why an operation cannot begin now, the most important first; empty means: go.

    Args:
        view: of the component it is about.
        operation: that is asked for.
    """
    planner = PLANNERS.get(operation.verb)
    if planner is None:
        return (Refusal("verb-is-known", f"there is no operation {operation.verb}", "look at --help"),)
    found: list[Refusal] = []
    if view.operation is not None:
        found.append(
            Refusal(
                "one-operation-at-a-time",
                f"{view.desired.name} is in the middle of {view.operation.name}",
                f"`telamon operations wait {view.operation.name}` waits for its end",
            )
        )
    elif view.is_paused() and operation.verb not in PAUSING and not asked_for_later(operation):
        # It would stand in the way of the very resume that it waits for.
        found.append(
            Refusal(
                "changes-are-paused",
                f"changes of {view.desired.name} are paused",
                f"take paused out of spec.products.{view.desired.product}, then `telamon apply`"
                if view.desired.paused
                else f"`telamon resume {view.desired.name}` ends that",
            )
        )
    if (
        operation.member
        and view.seen.member(operation.member) is None
        and not view.desired.member(operation.member)
    ):
        known = ", ".join(member.name for member in view.desired.members)
        found.append(
            Refusal(
                "member-is-known",
                f"{view.desired.name} has no member {operation.member}",
                f"its members are {known}",
            )
        )
    return (*found, *planner.refusals(view, operation))

"""Finding out everything a plan rests on: the same way when it is made and when it is applied."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from telamon.infra import kubernetes, node_groups
from telamon.infra.approvers import Approvers
from telamon.infra.canonical import canonical_json, canonical_plan, digest, read_object, tree_digest
from telamon.infra.changes import changed_outputs, read_changes, secrets_in
from telamon.infra.cost import cost_of
from telamon.infra.evidence import Evidence
from telamon.infra.inputs import stand_ins
from telamon.infra.policies import derive, digest_of
from telamon.infra.words import Summary
from telamon.platforms.approval.files import read_lock, read_tree, write_private
from telamon.platforms.approval.joining import Joining
from telamon.platforms.approval.log import AuditLog
from telamon.platforms.terraform.runner import Terraform
from telamon.ports import Clock

NOT_KEPT: Final = "0" * 16
"""Stands for the id of a plan that is only looked at."""


@dataclass(frozen=True)
class Derivation:
    """What is asked, and whom.

    Attributes:
        stack: its name.
        terraform: the program.
        clock: the time.
        log: the audit log.
    """

    stack: str
    terraform: Terraform
    clock: Clock
    log: AuditLog

    def frame(
        self, folder: Path, approvers: Approvers, *, plan_id: str, told: Mapping[str, Any] | None = None
    ) -> Evidence:
        """Everything that does not come out of the plan itself.

        Args:
            folder: the configuration of one state.
            approvers: the list in force.
            plan_id: of the plan.
            told: what the earlier layers tell; they are asked where it is left out.

        Raises:
            NotReadyError: an earlier layer does not stand.
        """
        state = self.terraform.state(folder)
        nothing = digest(b"")
        return Evidence(
            stack=self.stack,
            part=folder.resolve().name,
            plan_id=plan_id,
            planner="",
            authors=(),
            planned_at=int(self.clock.now()),
            plan=nothing,
            plan_file=nothing,
            lock=digest(read_lock(folder)),
            tree=tree_digest(read_tree(folder)),
            inputs=digest(canonical_json(Joining(self.terraform).told(folder) if told is None else told)),
            verdicts=nothing,
            lineage=state.lineage,
            serial=state.serial,
            approvers=approvers.digest,
            ledger=self.log.read().head,
            destructive=(),
        )

    def shown(self, folder: Path, content: bytes) -> bytes:
        """A saved plan as JSON.

        Args:
            folder: the configuration of one state.
            content: the saved plan.
        """
        with tempfile.TemporaryDirectory(prefix="telamon-show-") as private:
            copy = Path(private, "plan.tfplan")
            write_private(copy, content)
            return self.terraform.show(folder, plan=copy)

    def derive(
        self, shown: bytes, content: bytes, *, frame: Evidence, report: bytes | None
    ) -> tuple[Evidence, Summary]:
        """What a saved plan rests on, and what it does.

        Args:
            shown: the plan as JSON.
            content: the saved plan.
            frame: what :meth:`frame` gave.
            report: a scanner's report.
        """
        plan = read_object(shown, what="the plan")
        summary = self.summary(plan, frame, report=report)
        evidence = replace(
            frame,
            plan=digest(canonical_plan(plan)),
            plan_file=digest(content),
            verdicts=digest_of(summary.policies),
            destructive=destructive_in(plan),
        )
        return evidence, summary

    def summary(self, plan: Mapping[str, Any], evidence: Evidence, *, report: bytes | None) -> Summary:
        """What a plan does.

        Args:
            plan: as JSON.
            evidence: of the plan.
            report: a scanner's report.
        """
        return Summary(
            title=f"{evidence.stack}/{evidence.part}: plan {evidence.plan_id}"
            if evidence.plan_id != NOT_KEPT
            else f"{evidence.stack}/{evidence.part}: what would be planned",
            changes=read_changes(plan),
            outputs=changed_outputs(plan),
            policies=derive(plan, report),
            secrets=secrets_in(plan),
            cost=cost_of(plan),
            notes=(*kubernetes.notes(plan), *node_groups.notes(plan)),
            stand_ins=stand_ins(plan),
        )


def destructive_in(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """Addresses of everything that is destroyed, replaced or forgotten.

    Args:
        plan: as JSON.
    """
    return tuple(change.address for change in read_changes(plan) if change.destructive)

"""Adapters for what lies under a stack on AWS: plans and who approved them, and what has drifted."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telamon.naming import StackName
    from telamon.platforms.approval.desk import Desk as ApprovalDesk
    from telamon.platforms.aws.drifting import Drifting
    from telamon.platforms.terraform.runner import Terraform
    from telamon.ports import StaticNetwork


def approvals(
    stack: StackName, root: Path, *, approvers: Path, scan: bool = True, waivers: Path | None = None
) -> ApprovalDesk:
    """Plans and approvals of the ground under a stack.

    Args:
        stack: its name.
        root: its state folder; plans and the audit log lie in ``infra`` below it.
        approvers: folder with the lists of approvers.
        scan: whether checkov judges the plans, if it is installed (``TELAMON_CHECKOV``, or on the path).
        waivers: file of what somebody answers for.
    """
    from telamon.platforms.approval.desk import Desk
    from telamon.platforms.approval.keys import OpenSsh
    from telamon.platforms.approval.scanner import Checkov
    from telamon.platforms.approval.succession import Succession
    from telamon.platforms.clock import SteadyClock
    from telamon.platforms.terraform.runner import Terraform

    keys, clock = OpenSsh(), SteadyClock()
    checkov = shutil.which(os.environ.get("TELAMON_CHECKOV", "checkov")) if scan else None
    return Desk(
        stack=stack,
        records=root / "infra",
        succession=Succession(approvers, keys),
        terraform=Terraform("terraform", os.environ),
        keys=keys,
        clock=clock,
        scanner=None if checkov is None else Checkov(Path(checkov), waivers, clock, os.environ),
    )


def drifting(root: Path, *, ground: Path | None) -> Drifting:
    """What is otherwise under a stack on AWS than it was applied.

    Args:
        root: its state folder.
        ground: folder of the layers; ``None``: the one in the state folder.
    """
    from telamon.desired.terraform.data import LayerName
    from telamon.platforms.approval.log import AuditLog
    from telamon.platforms.aws.drifting import Drifting
    from telamon.platforms.clock import SteadyClock
    from telamon.platforms.terraform.runner import Terraform

    return Drifting(
        Terraform("terraform", os.environ),
        ground_folder(root, ground),
        tuple(str(layer) for layer in LayerName),
        AuditLog(root / "infra" / "audit.jsonl", SteadyClock()),
    )


def static_network(region: str) -> StaticNetwork:
    """What delivers static files on AWS.

    Args:
        region: of the stack.
    """
    from telamon.platforms.aws.cloudfront import CloudFront

    return CloudFront(region)


def terraform() -> Terraform:
    """The program on this machine, for those who only ask it or mend a state."""
    from telamon.platforms.terraform.runner import Terraform

    return Terraform("terraform", os.environ)


def ground_folder(root: Path, override: Path | None) -> Path:
    """The folder of the layers under a stack on AWS.

    Args:
        root: its state folder.
        override: what ``--ground`` says.
    """
    return (override or root / "ground").absolute()

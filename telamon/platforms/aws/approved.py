"""The real ``terraform`` as approvals use it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from telamon.errors import PlatformError, brief
from telamon.platforms.approval.terraform import State
from telamon.platforms.aws.terraform import Terraform, find_plugins


@dataclass(frozen=True)
class ApprovedTerraform:
    """Fulfils :class:`telamon.platforms.approval.terraform.Terraform`.

    Attributes:
        terraform: the program.
    """

    terraform: Terraform

    def plan(self, folder: Path, *, out: Path) -> None:
        """Make a plan and save it to ``out``; initialises the folder first."""
        # Looking for the provider takes a second on some machines, and only a plan needs it found.
        found = self.terraform.plugins or find_plugins(self.terraform.environment)
        replace(self.terraform, plugins=found).init(folder)
        self.terraform.plan(folder, out=out)

    def show(self, folder: Path, *, plan: Path) -> bytes:
        """A saved plan as JSON."""
        return self.terraform.show(folder, plan=plan)

    def state(self, folder: Path) -> State:
        """Where the state stands, from its backend."""
        pulled = self.terraform.pull(folder)
        if not pulled.strip():
            return State("", 0)
        try:
            document = json.loads(pulled)
            return State(str(document["lineage"]), int(document["serial"]))
        except (ValueError, KeyError, TypeError) as error:
            # The state holds secrets, so nothing of it is quoted.
            raise PlatformError(
                f"the state of {folder.name} cannot be read: {brief(error, limit=60)}"
            ) from None

    def apply(self, folder: Path, *, plan: Path) -> None:
        """Apply a saved plan, and nothing else."""
        self.terraform.apply(folder, plan=plan)

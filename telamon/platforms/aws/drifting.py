"""Looking what is otherwise than it was applied, layer by layer, and taking back rules that were added by hand."""

from __future__ import annotations

import getpass
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telamon.errors import NotReadyError, PlatformError, brief
from telamon.infra.canonical import digest, read_object
from telamon.infra.drift import Drift, LiveRule, added_rules, drift_of, groups_in, rules_in, rules_kept
from telamon.platforms.approval.joining import Joining
from telamon.platforms.approval.log import AuditLog
from telamon.platforms.aws.rules import Rules
from telamon.platforms.terraform.applying import Tell
from telamon.platforms.terraform.runner import Terraform


@dataclass(frozen=True)
class Seen:
    """What was seen.

    Attributes:
        drift: every difference.
        looked: layers that were looked at.
        left: layers that were not: nothing is known of them.
        added: live rules that no state knows.
    """

    drift: tuple[Drift, ...]
    looked: tuple[str, ...]
    left: tuple[str, ...]
    added: tuple[LiveRule, ...]


@dataclass(frozen=True)
class Drifting:
    """The layers of one stack.

    Attributes:
        terraform: the program.
        ground: folder with a folder for every layer.
        layers: their names, in the order in which they are applied.
        log: the audit log.
    """

    terraform: Terraform
    ground: Path
    layers: Sequence[str]
    log: AuditLog

    def look(self, only: Sequence[str] = (), *, tell: Tell) -> Seen:
        """Hold what is there against what was applied. Changes nothing.

        Args:
            only: layers that are looked at; all of them where none is named.
            tell: is told what is looked at.

        Raises:
            NotReadyError: no layer was applied from this folder.
            TelamonError: AWS does not answer, or not to these credentials.
        """
        found: list[Drift] = []
        looked: list[str] = []
        groups: dict[str, tuple[str, str]] = {}
        known: set[str] = set()
        for layer in self.layers:
            if only and layer not in only:
                # A layer may add rules to groups of another one, and those are nobody's by hand.
                known |= rules_kept(self._state(layer))
                continue
            if not self._applied(layer):
                continue
            tell(f"{layer}: comparing")
            plan = self._plan(layer)
            found += drift_of(layer, plan)
            groups |= {name: (layer, address) for name, address in groups_in(plan).items()}
            known |= rules_in(plan)
            looked.append(layer)
        if not looked:
            raise NotReadyError(
                f"nothing was applied from {self.ground}",
                remedy="Name the folder of the layers with --ground, or bring the stack up: telamon up FILE.",
            )
        tell(f"comparing the rules of {len(groups)} security groups")
        live = Rules(self.terraform, self.ground / looked[0]).of(groups)
        strange = added_rules(live, groups=groups, known=frozenset(known))
        ids = {each.rule for each in strange}
        return Seen(
            drift=(*strange, *found),
            looked=tuple(looked),
            left=tuple(layer for layer in self.layers if layer not in looked),
            added=tuple(rule for rule in live if rule.id in ids),
        )

    def remove(self, seen: Seen) -> None:
        """Take back the rules that were added, and write that down.

        Args:
            seen: as :meth:`look` gave it.
        """
        Rules(self.terraform, self.ground / seen.looked[0]).remove(seen.added)
        told = [f"{rule.id} of {rule.group}: {rule}" for rule in seen.added]
        with self.log.exclusive(wait=True):
            self.log.append(
                "reverted",
                subject=digest(json.dumps(told).encode()),
                who=f"account {getpass.getuser()}",
                detail="; ".join(told),
            )

    def _applied(self, layer: str) -> bool:
        folder = self.ground / layer
        if Joining(self.terraform).declared(folder) is None:
            return False
        try:
            return bool(self.terraform.outputs(folder))
        except NotReadyError:
            # There is no bucket of states yet, so nothing is kept in it.
            return False

    def _state(self, layer: str) -> Mapping[str, Any]:
        folder = self.ground / layer
        if Joining(self.terraform).declared(folder) is None:
            return {}
        try:
            pulled = self.terraform.pull(folder)
        except NotReadyError:
            # There is no bucket of states yet, so nothing is kept in it.
            return {}
        try:
            return dict(json.loads(pulled)) if pulled.strip() else {}
        except (ValueError, TypeError) as error:
            # The state holds secrets, so nothing of it is quoted.
            raise PlatformError(f"the state of {layer} cannot be read: {brief(error, limit=60)}") from None

    def _plan(self, layer: str) -> dict[str, object]:
        folder = self.ground / layer
        with tempfile.TemporaryDirectory(prefix="telamon-drift-") as private:
            out = Path(private, "tfplan")
            self.terraform.init(folder)
            self.terraform.plan(folder, out=out)
            return read_object(self.terraform.show(folder, plan=out), what="the plan")

"""Where clusters stand with rolling upgrades.

They are asked again and again while another release is desired than the one in force, and from time to time otherwise:
final tasks may have failed for good, and upgrade mode may be switched on at the product's own pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from telamon.desired.lab.data import LabComponent, WorkloadProbe
from telamon.errors import TelamonError
from telamon.platforms.lab import closely
from telamon.platforms.lab.credentials import Credentials
from telamon.platforms.lab.probes import Seen
from telamon.ports import Clock
from telamon.state.phase import Phase
from telamon.state.world import UpgradePhase

ASKED_EVERY = 1.0
"""Seconds between two questions to a cluster that is being upgraded."""
ASKED_OTHERWISE = 15.0
"""Seconds between two questions to any other one."""


@dataclass(frozen=True)
class _Answer:
    at: float
    phase: UpgradePhase | None


class UpgradeWatch:
    """Asks a node of each cluster that knows an upgrade mode.

    Args:
        credentials: log-ins.
        clock: injected time.
    """

    def __init__(self, credentials: Credentials, clock: Clock) -> None:
        self._credentials = credentials
        self._clock = clock
        self._known: dict[str, _Answer] = {}

    def phase(self, part: LabComponent, looked: Mapping[str, Seen]) -> UpgradePhase | None:
        """Where the cluster stands; ``None`` where there is no such mode, or nobody tells.

        Args:
            part: the component.
            looked: its members as they were just seen.
        """
        name = part.desired.name
        if part.product is None or not part.product.has_upgrade_mode or not part.desired.members:
            self._known.pop(name, None)
            return None
        known = self._known.get(name)
        every = ASKED_OTHERWISE if part.desired.upgrade is None else ASKED_EVERY
        if known is None or abs(self._clock.now() - known.at) >= every:
            known = _Answer(self._clock.now(), self._ask(part, looked))
            self._known[name] = known
        return known.phase

    def _ask(self, part: LabComponent, looked: Mapping[str, Seen]) -> UpgradePhase | None:
        credentials = self._credentials.for_work(part)
        if part.product is None or credentials is None:
            return None
        for member, seen in sorted(looked.items()):
            process = part.process(member)
            if seen.phase is not Phase.RUNNING or process is None:
                continue
            if not isinstance(process.probe, WorkloadProbe):
                continue
            try:
                return closely.perform_flow(
                    part.product.upgrade_phase(), process.probe, credentials=credentials
                )
            except TelamonError:
                continue
        return None

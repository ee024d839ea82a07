"""Where clusters stand with rolling upgrades.

They are asked again and again while another release is desired than the one in force, and from time to time otherwise:
final tasks may have failed for good, and upgrade mode may be switched on at the product's own pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from telamon.desired.calls import WorkloadProbe
from telamon.errors import TelamonError
from telamon.platforms.calls import closely
from telamon.platforms.calls.credentials import Credentials
from telamon.platforms.calls.parts import Spoken
from telamon.ports import Clock
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
        clock: injected time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, _Answer] = {}

    def phase(
        self, part: Spoken, running: Mapping[str, WorkloadProbe], *, credentials: Credentials
    ) -> UpgradePhase | None:
        """Where the cluster stands; ``None`` where there is no such mode, or nobody tells.

        Args:
            part: the component.
            running: its members that say that they are up, and where they listen.
            credentials: as whom they are asked.
        """
        name = part.desired.name
        if part.product is None or not part.product.has_upgrade_mode or not part.desired.members:
            self._known.pop(name, None)
            return None
        known = self._known.get(name)
        every = ASKED_OTHERWISE if part.desired.upgrade is None else ASKED_EVERY
        if known is None or abs(self._clock.now() - known.at) >= every:
            known = _Answer(self._clock.now(), _ask(part, running, credentials=credentials))
            self._known[name] = known
        return known.phase


def _ask(
    part: Spoken, running: Mapping[str, WorkloadProbe], *, credentials: Credentials
) -> UpgradePhase | None:
    as_whom = credentials.for_work(part)
    if part.product is None or as_whom is None:
        return None
    for _, probe in sorted(running.items()):
        try:
            return closely.perform_flow(part.product.upgrade_phase(), probe, credentials=as_whom)
        except TelamonError:
            continue
    return None

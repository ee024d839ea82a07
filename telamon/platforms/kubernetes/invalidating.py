"""Invalidations of what delivers static files, asked for by the operator itself.

They are no jobs of the cluster: an invalidation goes on where it was begun whether anybody watches it or not, and asked
for again under the same reference nothing new is begun. So an operator that comes after this one asks again, and finds
the invalidation that is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from telamon.errors import TemporaryError
from telamon.plan.works.cdn import InvalidateDistribution
from telamon.platforms.calls.parts import JobRecords
from telamon.platforms.kubernetes.chores import Chores
from telamon.ports import Clock, StaticNetwork
from telamon.state.world import JobState

DONE: Final = "done"
LOOKS_EVERY: Final = 5.0
"""Seconds between two looks at an invalidation; it takes a minute or two."""
WITHIN: Final = 1200.0
"""Seconds after which nobody waits any longer; meanwhile the nodes deliver the files themselves."""


class Invalidations:
    """The invalidations of one stack.

    Args:
        records: where it is kept how each ended.
        clock: injected time.
        network: gives what delivers static files in a region.
    """

    def __init__(self, records: JobRecords, clock: Clock, network: Callable[[str], StaticNetwork]) -> None:
        self._chores = Chores(records, clock, every=LOOKS_EVERY, within=WITHIN)
        self._network = network

    def begin(self, component: str, job: str, *, region: str, work: InvalidateDistribution) -> None:
        """Begin an invalidation, unless the one of this name is under way.

        Args:
            component: whose static files they are.
            job: name of the work.
            region: that the stack lies in.
            work: what is to be forgotten.
        """
        self._chores.begin(component, job, attempt=_Invalidation(self._network(region), work).look)

    def jobs(self, component: str) -> Mapping[str, JobState]:
        """Those that are under way, or whose end could not be kept, by name.

        Args:
            component: whose.
        """
        return self._chores.jobs(component)

    def close(self) -> None:
        """Watch no longer; what was begun goes on."""
        self._chores.close()


@dataclass
class _Invalidation:
    """One of them, and what it is called where it goes on, once that is known."""

    network: StaticNetwork
    work: InvalidateDistribution
    name: str = ""

    def look(self) -> str:
        """Have it begun, and see whether it is done. Raises TemporaryError where it is not."""
        distribution = self.work.distribution
        self.name = self.name or self.network.forget(distribution, reference=self.work.reference)
        if not self.network.forgotten(distribution, self.name):
            raise TemporaryError(f"{self.name} is still under way", delay=LOOKS_EVERY)
        return DONE

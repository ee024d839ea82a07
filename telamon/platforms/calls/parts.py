"""What speaking to a product needs of a platform: a component, its secrets, and a record of what was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, Protocol

from telamon.desired.calls import SetupDesired, UserDesired
from telamon.desired.component import ComponentDesired
from telamon.products.base import Product, SecretValue, Workload
from telamon.state.world import JobPhase, JobState

NOTES_KEPT: Final = 500
JOBS_KEPT: Final = 200
"""Ended jobs of operations that are kept of each component; standing ones ("service-account") are never forgotten."""


class Spoken(Protocol):
    """A component that can be spoken to."""

    @property
    def desired(self) -> ComponentDesired:
        """What the planner reads."""

    @property
    def workload(self) -> Workload | None:
        """How its nodes are asked; ``None`` where they are no product's."""

    @property
    def product(self) -> Product | None:
        """The product itself, on a product's own nodes."""

    @property
    def set_up(self) -> SetupDesired | None:
        """What set-up pages are filled in with, on a product's own nodes."""

    @property
    def user(self) -> UserDesired | None:
        """As whom its nodes are asked, where they know their user from their environment."""

    @property
    def banner(self) -> str:
        """What every page of a copy of another stack shows; "" where it is none."""


class Values(Protocol):
    """Secret values by reference."""

    def get(self, name: str, key: str) -> str:
        """The value. Raises :class:`telamon.errors.PlatformError` naming the reference where it is missing."""

    def find(self, value: SecretValue) -> str | None:
        """The value, or ``None`` where it is missing."""

    def put(self, name: str, values: Mapping[str, str]) -> None:
        """Store values; keys not named stay as they are."""


class JobRecords(Protocol):
    """Keeps jobs and notes over restarts of the controller."""

    def jobs(self, component: str) -> Mapping[str, JobState]:
        """The last job of each name."""

    def put(self, component: str, job: JobState) -> None:
        """Keep a job's state, durably."""

    def notes(self, component: str) -> tuple[tuple[float, str], ...]:
        """Instant and text of every note, oldest first."""

    def note(self, component: str, at: float, *, text: str) -> None:
        """Keep a note, durably, before returning."""


def written(job: JobState) -> dict[str, Any]:
    """A job as it is kept under its name."""
    values = asdict(job)
    del values["name"]
    return values


def read(name: str, values: Mapping[str, Any]) -> JobState:
    """A job that was kept under its name."""
    return JobState(name, **{**values, "phase": JobPhase(values["phase"])})


def outdated(jobs: Mapping[str, Mapping[str, Any]], *, kept: int = JOBS_KEPT) -> Sequence[str]:
    """The oldest ended jobs beyond what is kept: those with an argument, of which every operation has its own.

    Args:
        jobs: as they are kept, by name.
        kept: how many of them stay.
    """
    ended = sorted(
        (name for name, values in jobs.items() if "/" in name and values["ended"] is not None),
        key=lambda name: float(jobs[name]["ended"]),
    )
    return ended[: max(len(ended) - kept, 0)]

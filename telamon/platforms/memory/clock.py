"""A clock that moves only when somebody waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class ManualClock:
    """Time under control: ``sleep`` is the only thing that makes it pass."""

    instant: float = 1_000.0

    def now(self) -> float:
        """The instant it stands at, seconds."""
        return self.instant

    def sleep(self, seconds: float) -> None:
        """Move forward at once."""
        self.instant += max(seconds, 0.0)

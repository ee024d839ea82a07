"""The real clock."""

from __future__ import annotations

import time


class SteadyClock:
    """Wall-clock instants that a jump of the wall clock does not move.

    The wall clock is read once; from then on the time since boot is counted, which also runs while the machine
    sleeps. So instants written by an earlier controller compare well, and setting the clock under a running one
    neither fires every back-off at once nor stops them all.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)

    def now(self) -> float:
        """Seconds since the epoch, as the wall clock had it when this clock was made."""
        return self._offset + time.clock_gettime(time.CLOCK_BOOTTIME)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(max(seconds, 0.0))

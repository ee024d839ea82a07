"""What waits to be looked at: each key once, never by two at a time, and no key more often than it is good for.

Keys come out in the order in which they went in, so one that is asked for all the time stands behind every other.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from typing import Final

from telamon.ports import Clock

GAP: Final = 0.2
"""Seconds between two looks at the same key, however often it is asked for."""
FIRST_REST: Final = 0.5
LONGEST_REST: Final = 60.0
"""Seconds of rest after failures in a row: they double, from the first to the longest."""


class WorkQueue:
    """Keys that wait.

    Args:
        clock: injected time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, str]] = []
        self._due: dict[str, float] = {}
        self._out: set[str] = set()
        self._again: set[str] = set()
        self._failures: dict[str, int] = {}
        self._ready_at: dict[str, float] = {}
        self._ended = False

    def add(self, key: str) -> None:
        """Ask for a look at a key; one that waits already waits once, and one that is out comes back afterwards."""
        with self._changed:
            self._add(key, at=max(self._ready_at.get(key, 0.0), self._clock.now()))

    def take(self, *, within: float) -> str | None:
        """The next key that is due; ``None`` where there is none in time, or the queue has ended.

        Args:
            within: seconds to wait for one.
        """
        ends = self._clock.now() + within
        with self._changed:
            while not self._ended:
                now = self._clock.now()
                key = self._next(now)
                if key is not None:
                    self._out.add(key)
                    return key
                if now >= ends:
                    return None
                due = self._waiting[0][0] if self._waiting else ends
                self._changed.wait(max(min(due, ends) - now, 0.001))
            return None

    def done(self, key: str, *, failed: bool = False) -> None:
        """Give a key back.

        Args:
            key: that was taken.
            failed: whether it is to be looked at again, after a rest that grows with every failure.
        """
        with self._changed:
            self._out.discard(key)
            now = self._clock.now()
            self._failures[key] = self._failures.get(key, 0) + 1 if failed else 0
            count = self._failures[key]
            pause = min(FIRST_REST * 2.0 ** min(count - 1, 20), LONGEST_REST) if count else GAP
            self._ready_at[key] = now + pause
            if failed or key in self._again:
                self._again.discard(key)
                self._add(key, at=now + pause)

    def depth(self) -> int:
        """How many wait."""
        with self._changed:
            return len(self._waiting)

    def forget(self, key: str) -> None:
        """Know nothing more of a key that was given back."""
        with self._changed:
            self._failures.pop(key, None)
            self._ready_at.pop(key, None)

    def end(self) -> None:
        """Give nothing out any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _add(self, key: str, *, at: float) -> None:
        if key in self._out:
            self._again.add(key)
            return
        if key in self._due:
            return
        self._due[key] = at
        heapq.heappush(self._waiting, (at, next(self._order), key))
        self._changed.notify()

    def _next(self, now: float) -> str | None:
        if not self._waiting or self._waiting[0][0] > now:
            return None
        key = heapq.heappop(self._waiting)[2]
        del self._due[key]
        return key

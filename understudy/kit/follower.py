"""Keeps an index in step with a table of operations, and lets a writer wait for its own operation.

The table is the truth; hints from peers only make the follower look sooner. Operations are applied in
the order of their ids, several in one commit. The writer of an operation must take a lock before it
draws the id (:func:`understudy.kit.database.lock_for_transaction`), so that ids become visible in order
and none is skipped.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from understudy.kit.errors import DatabaseUnavailable, IndexProblem

_LOG = logging.getLogger("understudy.follower")


class Follower:
    """A thread that feeds an index.

    Args:
        name: for the log.
        advance: applies the next operations, commits, and gives the id of the last one applied, or
            the position it stands at when there is nothing to do.
        position: id of the last operation applied before the start.
        poll_seconds: how often to look without a hint; never sooner than with one.
        gather_seconds: how long to gather operations after a hint, so that one commit carries them.
        apart_seconds: least time from one commit to the next, also while somebody waits: a commit writes two dozen
            files durably, and a node that is searched much would do nothing else. Source: Apache Lucene,
            ``ControlledRealTimeReopenThread``, which keeps such a pair of times for the same reason.
    """

    def __init__(
        self,
        name: str,
        *,
        advance: Callable[[int], int],
        position: int,
        poll_seconds: float = 1.0,
        gather_seconds: float = 0.5,
        apart_seconds: float = 0.15,
    ) -> None:
        self._name = name
        self._advance = advance
        self._position = position
        self._poll_seconds = max(poll_seconds, gather_seconds)
        self._gather_seconds = gather_seconds
        self._apart_seconds = apart_seconds
        self._wanted = 0
        self._condition = threading.Condition()
        self._hint = False
        self._ended = False
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def position(self) -> int:
        """Id of the last operation in the index."""
        return self._position

    @property
    def trouble(self) -> str | None:
        """Why the index cannot be fed just now, or None."""
        return self._trouble

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait for the batch it is in: nothing is fed once this has returned."""
        with self._condition:
            self._ended = True
            self._condition.notify_all()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def hint(self) -> None:
        """There may be something new; it is looked for after the gathering time."""
        with self._condition:
            self._hint = True
            self._condition.notify_all()

    def wait_for(self, operation: int, *, timeout: float) -> bool:
        """Have an operation applied at once and wait until it is; False when the seconds are over.

        Call this before a search with the last operation this node wrote, not after each write: a
        commit of the index is dear, and one commit can carry the operations of many writers.
        """
        with self._condition:
            if self._position < operation:
                self._wanted = max(self._wanted, operation)
                self._condition.notify_all()
            return self._condition.wait_for(lambda: self._position >= operation or self._ended, timeout)

    def _run(self) -> None:
        while self._wait_for_work():
            before, wanted = self._position, self._wanted
            try:
                position = self._advance(before)
                self._trouble = None
            except (DatabaseUnavailable, IndexProblem) as error:
                self._note(str(error))
                position = before
            with self._condition:
                self._position = position
                self._hint = self._hint or position != before
                if position == before and self._wanted == wanted:
                    self._wanted = 0
                self._condition.notify_all()

    def _wait_for_work(self) -> bool:
        """Wait until it is time to look again; False when the follower has ended."""
        began = time.monotonic()
        with self._condition:
            while not self._ended:
                remaining = began + self._patience() - time.monotonic()
                if remaining <= 0:
                    break
                self._condition.wait(remaining)
            self._hint = False
            return not self._ended

    def _patience(self) -> float:
        """Seconds from the last look to the next one, as things stand."""
        if self._wanted > self._position:
            return self._apart_seconds
        return self._gather_seconds if self._hint else self._poll_seconds

    def _note(self, trouble: str) -> None:
        if trouble != self._trouble:
            _LOG.error("%s: %s", self._name, trouble)
        self._trouble = trouble

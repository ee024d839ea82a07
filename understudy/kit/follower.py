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
from understudy.kit.lifecycle import Lifecycle

_LOG = logging.getLogger("understudy.follower")


class Follower:
    """A thread that feeds an index.

    Args:
        name: for the log.
        lifecycle: of the node; the thread ends when it stops.
        advance: applies the next operations, commits, and gives the id of the last one applied, or
            the position it stands at when there is nothing to do.
        position: id of the last operation applied before the start.
        poll_seconds: how often to look without a hint.
    """

    def __init__(
        self,
        name: str,
        lifecycle: Lifecycle,
        *,
        advance: Callable[[int], int],
        position: int,
        poll_seconds: float = 1.0,
    ) -> None:
        self._name = name
        self._lifecycle = lifecycle
        self._advance = advance
        self._position = position
        self._poll_seconds = poll_seconds
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
        """There may be something new."""
        with self._condition:
            self._hint = True
            self._condition.notify_all()

    def wait_for(self, operation: int, *, timeout: float) -> bool:
        """Wait until an operation is in the index; False when the time, in seconds, is over."""
        with self._condition:
            self._hint = True
            self._condition.notify_all()
            return self._condition.wait_for(lambda: self._position >= operation or self._ended, timeout)

    def _run(self) -> None:
        while not (self._ended or self._lifecycle.stopping):
            before = self._position
            try:
                position = self._advance(before)
                self._trouble = None
            except (DatabaseUnavailable, IndexProblem) as error:
                self._note(str(error))
                position = before
            with self._condition:
                self._position = position
                self._condition.notify_all()
                if position == before:
                    self._wait_for_work()

    def _wait_for_work(self) -> None:
        deadline = time.monotonic() + self._poll_seconds
        self._condition.wait_for(lambda: self._hint or self._ended, max(0.0, deadline - time.monotonic()))
        self._hint = False

    def _note(self, trouble: str) -> None:
        if trouble != self._trouble:
            _LOG.error("%s: %s", self._name, trouble)
        self._trouble = trouble

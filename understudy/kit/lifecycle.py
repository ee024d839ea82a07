"""The states of a node and the change from one to the next.

The names are those the products answer at ``/status``. Source: Atlassian KB "Jira status endpoint
response meanings"; the HTTP codes differ by product and are the product's business.
"""

from __future__ import annotations

import enum
import logging
import threading
import time

_LOG = logging.getLogger("understudy.lifecycle")


class State(enum.StrEnum):
    """What a node answers at ``/status``."""

    STARTING = "STARTING"
    FIRST_RUN = "FIRST_RUN"
    RUNNING = "RUNNING"
    MAINTENANCE = "MAINTENANCE"
    ERROR = "ERROR"
    STOPPING = "STOPPING"


class Lifecycle:
    """Holds the state of one node; safe to use from every thread.

    STOPPING is final: nothing leads out of it, so a start-up step that ends late cannot undo a stop.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._state = State.STARTING
        self._reason = "the process has started"
        self._began = time.monotonic()
        self._stop = threading.Event()

    @property
    def state(self) -> State:
        """The state now."""
        return self._state

    @property
    def reason(self) -> str:
        """Why the node is in its state, one sentence for the log and the error page."""
        return self._reason

    @property
    def age(self) -> float:
        """Seconds since the process began."""
        return time.monotonic() - self._began

    def move(self, state: State, reason: str) -> bool:
        """Change the state; ignored once the node is stopping.

        Returns:
            Whether the node is in the wanted state now.
        """
        with self._condition:
            if self._state is State.STOPPING and state is not State.STOPPING:
                return False
            changed = self._state is not state
            self._state, self._reason = state, reason
            self._condition.notify_all()
        if changed:
            _LOG.info("state %s: %s", state, reason)
        return True

    def wait_for(self, *states: State, timeout: float) -> bool:
        """Wait until the node is in one of the states; False when the time, in seconds, is over."""
        with self._condition:
            return self._condition.wait_for(lambda: self._state in states, timeout)

    @property
    def stopping(self) -> bool:
        """Whether a stop has been asked for."""
        return self._stop.is_set()

    def request_stop(self) -> None:
        """Ask every loop of the node to end; safe inside a signal handler."""
        self._stop.set()

    def pause(self, seconds: float) -> bool:
        """Wait, or return at once when a stop is asked for.

        Returns:
            True if the node goes on, False if it stops.
        """
        return not self._stop.wait(max(0.0, seconds))

"""Sessions: in the memory of one node, as the products keep them (Source: JRASERVER-67647).

A node that dies takes its sessions along; remember-me, which is a row in the database, is what brings
a browser back on another node without a new login.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass
class Session:
    """What a node remembers of one browser; ``sudo_until`` is on the monotonic clock, in seconds."""

    session_id: str
    user_name: str | None = None
    xsrf_token: str = field(default_factory=lambda: secrets.token_hex(20))
    used_at: float = 0.0
    sudo_until: float = 0.0
    failed_logins: int = 0
    challenge: str = ""


class Sessions:
    """The sessions of this node.

    Args:
        idle_seconds: a session unused for so long is over.
        maximum: most sessions kept; the one unused for longest goes first.
        suffix: appended to every id after a dot, as ``jvmRoute`` does in Tomcat.
    """

    def __init__(self, *, idle_seconds: float, maximum: int = 20_000, suffix: str = "") -> None:
        self._idle_seconds = idle_seconds
        self._maximum = maximum
        self._suffix = f".{suffix}" if suffix else ""
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def find(self, session_id: str) -> Session | None:
        """The session of that id, if this node has it and it is not over."""
        now = time.monotonic()
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None:
                return None
            if now - session.used_at > self._idle_seconds:
                del self._sessions[session_id]
                return None
            session.used_at = now
            self._sessions.move_to_end(session_id)
            return session

    def begin(self, user_name: str | None = None) -> Session:
        """Begin a session with an id nobody can guess."""
        session_id = secrets.token_hex(16).upper() + self._suffix
        session = Session(session_id, user_name, used_at=time.monotonic())
        with self._lock:
            self._sessions[session_id] = session
            while len(self._sessions) > self._maximum:
                self._sessions.popitem(last=False)
        return session

    def end(self, session_id: str) -> None:
        """End a session; one that is unknown is fine."""
        with self._lock:
            self._sessions.pop(session_id, None)

    @property
    def count(self) -> int:
        """Sessions kept now, including some that are over and not yet dropped."""
        return len(self._sessions)

"""An open-loop load: every session has its own times, whatever the answers take."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sample:
    """One request.

    Attributes:
        session: whose.
        method: GET or POST.
        sent: instant, seconds of the monotonic clock.
        ended: instant.
        status: HTTP status; 0 where there was no answer.
        node: who answered.
        error: why there was no answer, or how one began that told of a failure.
        text: what was written, for a POST.
    """

    session: int
    method: str
    sent: float
    ended: float
    status: int
    node: str = ""
    error: str = ""
    text: str = ""

    @property
    def failed(self) -> bool:
        """Whether the client saw a failure."""
        return self.status == 0 or self.status >= 500


@dataclass
class Load:
    """Sessions that keep their cookie and their connection.

    Args:
        address: host and port of the front door.
        sessions: how many.
        rate: requests a second of each session.
        writes: whether every fourth request is a POST.
        reuse: whether a session keeps its connection.
    """

    address: tuple[str, int]
    sessions: int = 12
    rate: float = 5.0
    writes: bool = False
    reuse: bool = True
    samples: list[Sample] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        for session in range(self.sessions):
            thread = threading.Thread(target=self._session, args=(session,), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def failures(self, method: str = "GET") -> Sequence[Sample]:
        """What the clients saw fail."""
        return [sample for sample in self.samples if sample.failed and sample.method == method]

    def since(self, instant: float) -> Sequence[Sample]:
        """Requests sent after an instant of the monotonic clock."""
        return [sample for sample in self.samples if sample.sent >= instant]

    def nodes_since(self, instant: float) -> set[str]:
        """Who has answered requests sent after an instant."""
        return {sample.node for sample in self.since(instant) if sample.node}

    def acknowledged(self) -> set[str]:
        """Everything written and acknowledged."""
        return {sample.text for sample in self.samples if sample.method == "POST" and sample.status == 201}

    def enough(self, count: int, *, since: float = 0.0) -> Callable[[], bool]:
        """Whether at least this many requests were sent after an instant and answered."""
        return lambda: len(self.since(since)) >= count

    def _session(self, session: int) -> None:
        connection: http.client.HTTPConnection | None = None
        cookie = ""
        due = time.monotonic() + session / self.sessions / self.rate
        number = 0
        while not self._stop.wait(max(due - time.monotonic(), 0.0)):
            due += 1 / self.rate
            number += 1
            connection = connection or http.client.HTTPConnection(*self.address, timeout=10)
            method = "POST" if self.writes and number % 4 == 0 else "GET"
            sample, given = _ask(
                connection, session, method=method, cookie=cookie, text=f"{session}-{number}"
            )
            cookie = given or cookie
            self.samples.append(sample)
            if sample.status == 0 or not self.reuse:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()


def _ask(
    connection: http.client.HTTPConnection, session: int, *, method: str, cookie: str, text: str
) -> tuple[Sample, str]:
    sent = time.monotonic()
    headers = {"Cookie": cookie} if cookie else {}
    body = text if method == "POST" else None
    try:
        connection.request(method, "/", body=body, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return Sample(session, method, sent, time.monotonic(), 0, error=repr(error), text=text), ""
    given = (answer.getheader("Set-Cookie") or "").partition(";")[0]
    try:
        node = str(json.loads(content).get("node", ""))
    except (ValueError, AttributeError):
        node = ""
    written = text if method == "POST" else ""
    told = content[:300].decode(errors="replace") if answer.status >= 500 else ""
    return Sample(session, method, sent, time.monotonic(), answer.status, node, told, written), given

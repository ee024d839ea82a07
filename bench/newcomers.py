"""Somebody new every tenth of a second: sees when a member serves again sooner than the few newcomers of the mix do."""

from __future__ import annotations

import http.client
import math
import threading
import time
from http.cookies import SimpleCookie
from typing import Final, Self

from telamon.proof.answers import member_of
from telamon.proof.workload import LoadPlan

EVERY: Final = 0.1
"""Seconds between two of them."""
KIND: Final = "newcomer"


class Newcomers:
    """Ask the front door without any cookie, again and again, while the block lasts.

    Args:
        plan: of the load beside which this happens; it says where, for which page, and what the balancer's cookie is.
    """

    def __init__(self, plan: LoadPlan) -> None:
        self._target = plan.target
        self._cookie = plan.sticky_cookie
        self._path = next(kind.path for kind in plan.kinds if kind.name == KIND)
        self._seen: list[tuple[float, float, str]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask_on, name="newcomers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def first_answer_of(self, member: str, *, since: float) -> float:
        """Say when a member answered for the first time to somebody who asked after an instant.

        Args:
            member: as ``address:port``.
            since: the instant, on the monotonic clock.

        Returns:
            Instant of the answer on the same clock; ``inf`` where there was none.
        """
        found = (answered for sent, answered, who in self._seen if who == member and sent > since)
        return min(found, default=math.inf)

    def _ask_on(self) -> None:
        while not self._over.wait(EVERY):
            sent = time.monotonic()
            member = self._answered_by()
            if member:
                self._seen.append((sent, time.monotonic(), member))

    def _answered_by(self) -> str:
        """Who answers now; "" where nobody does, or with an error."""
        target = self._target
        connection = http.client.HTTPConnection(target.address, target.port, timeout=2.0)
        try:
            connection.request("GET", self._path, headers={"Host": target.host})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            connection.close()
        cookies = SimpleCookie("; ".join(answer.headers.get_all("set-cookie", [])))
        morsel = cookies.get(self._cookie)
        return member_of(morsel.value) if morsel is not None and answer.status < 400 else ""

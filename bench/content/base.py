"""What a product's content must be able to do, and what all of them share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import httpx

from bench.errors import BenchError
from telamon.products.traffic import Kind, Login
from telamon.proof.workload import LoadPlan, Target

PASSWORD = "TELAMON_LOAD_PASSWORD"  # noqa: S105 - the name of a variable.
SESSIONS = 40
JSON = {"Content-Type": "application/json", "X-Atlassian-Token": "no-check"}
LONGEST_RUN = 300.0
"""Seconds; a scenario ends its load long before."""


@dataclass(frozen=True)
class Mix:
    """What load on a product consists of.

    Attributes:
        kinds: of requests.
        pools: what their templates choose from.
        login: how a session logs in, with remember-me.
        sticky_cookie: the balancer's cookie.
    """

    kinds: tuple[Kind, ...]
    pools: Mapping[str, tuple[str, ...]]
    login: Login
    sticky_cookie: str

    def plan(
        self, name: str, target: Target, *, rate: float, seed: int, sessions: int = SESSIONS
    ) -> LoadPlan:
        """Make a plan of it.

        Args:
            name: for the record.
            target: where it goes.
            rate: requests per second.
            seed: of the schedule.
            sessions: how many share it.
        """
        return LoadPlan(
            name=name,
            target=target,
            rate=rate,
            seconds=LONGEST_RUN,
            sessions=sessions,
            seed=seed,
            kinds=self.kinds,
            pools=self.pools,
            sticky_cookie=self.sticky_cookie,
            login=self.login,
        )


class Content(Protocol):
    """One product's content."""

    def prepare(self) -> Mix:
        """Put in what load will read and write to, and say what load consists of."""

    def tokens(self) -> Counter[str]:
        """Every token that can be read back, with how often it is there."""


class Rest:
    """A script that uses a product's REST routes through the front door.

    Args:
        base: URL of the product.
        target: where that leads on this machine.
        account: user name and password.
    """

    def __init__(self, base: str, target: Target, *, account: tuple[str, str]) -> None:
        self.base = base
        self.account = account
        self._client = httpx.Client(
            base_url=f"http://{target.address}:{target.port}{httpx.URL(base).path.rstrip('/')}",
            headers={"Host": target.host, "X-Atlassian-Token": "no-check"},
            auth=account,
            timeout=30.0,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **query: str | int) -> Any:
        """Ask for JSON."""
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON, and read the answer's."""
        return self._ask("POST", path, json=body)

    def _ask(self, method: str, path: str, **parts: Any) -> Any:
        try:
            answer = self._client.request(method, path, **parts)
        except httpx.TransportError as error:
            raise BenchError(f"{method} {path}: {type(error).__name__}: {error}") from error
        if answer.is_error:
            raise BenchError(f"{method} {path} ended with {answer.status_code}: {answer.text[:300]}")
        return answer.json()


def words_of(texts: Iterable[str]) -> Counter[str]:
    """Count the words of some texts: a token is a word of its own."""
    return Counter(word for text in texts for word in text.replace("<", " ").replace(">", " ").split())

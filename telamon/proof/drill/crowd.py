"""The users of a stack for a drill: they and what they need are made anew each time, and then they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from telamon.errors import TelamonError
from telamon.model.stack import Stack
from telamon.naming import secret_name
from telamon.ports import Secrets
from telamon.products.base import Product
from telamon.proof.drill.guests import GuestBook
from telamon.proof.repository import Account
from telamon.proof.stage import Place, Script, Staged, dismiss, stage, target_of, writers

SESSIONS: Final = 0.4
"""Sessions for each request per second: each of them asks every two and a half seconds."""
FEWEST: Final = 8
LETTERS: Final = 26
MOST_LETTERS: Final = 8


@dataclass(frozen=True)
class Users:
    """The users of a stack; see :class:`telamon.proof.drill.driving.Crowd`.

    Attributes:
        stack: the stack.
        products: its products.
        urls: where users go, by product, and by ``product-listener`` for what is no web page.
        secrets: of the stack.
        now: the wall clock, in seconds.
        guests: who was made and has not left.
    """

    stack: Stack
    products: Mapping[str, Product]
    urls: Mapping[str, str]
    secrets: Secrets
    now: Callable[[], float]
    guests: GuestBook

    def come(
        self, product: str, *, name: str, rate: float, seconds: float, seed: int, folder: Path
    ) -> Staged:
        """Make the content that the users of a product need, and say what they do.

        Whoever was left by a drill that was killed is let go first; the product may refuse, and the next drill asks
        again.

        Args:
            product: which.
            name: of the run, for its record.
            rate: requests per second.
            seconds: how long at most.
            seed: of what they do.
            folder: for keys.

        Raises:
            TelamonError: the product refused.
        """
        with suppress(TelamonError):
            self._let_go(product, self.guests.read().get(product, ()))
        key = label(self.now())
        self.guests.add(product, writers(key))
        script = Script(
            name=name,
            label=key,
            rate=rate,
            seconds=seconds,
            sessions=max(int(rate * SESSIONS), FEWEST),
            seed=seed,
        )
        return stage(self._place(product), script, folder=folder)

    def leave(self, product: str, staged: Staged) -> None:
        """Let the users go who came; what they wrote stays.

        Args:
            product: which.
            staged: what :meth:`come` gave.

        Raises:
            TelamonError: the product refused, or does not answer.
        """
        self._let_go(product, staged.writers)

    def _let_go(self, product: str, usernames: Sequence[str]) -> None:
        if usernames:
            dismiss(self._place(product), usernames)
            self.guests.strike(product, usernames)

    def _place(self, product: str) -> Place:
        spec = next(spec for name, spec in self.stack.spec.products.items() if name == product)
        url = self.urls[product].rstrip("/")
        ssh = urlsplit(self.urls.get(f"{product}-ssh", ""))
        return Place(
            self.products[product],
            url,
            target_of(url),
            self._administrator(product, None if spec.admin is None else spec.admin.secret),
            ssh_port=ssh.port or 0,
            companions=frozenset(str(name) for name in spec.companions),
        )

    def _administrator(self, product: str, named: str | None) -> Account:
        if not self.products[product].has_setup:
            return Account("", "")
        secret = named or secret_name(self.stack.metadata.name, product, purpose="admin")
        return Account(self.secrets.get(secret, "username"), self.secrets.get(secret, "password"))


def label(instant: float) -> str:
    """A name of capital letters for what is made at an instant; another one each second for 6,000 years.

    Args:
        instant: seconds since 1970.
    """
    number, letters = int(instant), ""
    while number and len(letters) < MOST_LETTERS:
        number, rest = divmod(number, LETTERS)
        letters = chr(ord("A") + rest) + letters
    return letters

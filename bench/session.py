"""One bench: the lab, what was put into it, and where raw records are kept."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.content.base import PASSWORD, SESSIONS, Content, Mix, Rest
from bench.content.bitbucket import BitbucketContent
from bench.content.confluence import ConfluenceContent
from bench.content.jira import JiraContent
from bench.errors import BenchError
from bench.lab import Lab
from telamon.proof.generator import Generator
from telamon.proof.measure import acknowledged
from telamon.proof.record import Record

PRODUCTS = ("jira", "confluence", "bitbucket")
HEALS_WITHIN = 120.0
"""Seconds in which whatever the scenario before has left must be well again."""


@dataclass
class Prepared:
    """A product with content in it."""

    content: Content
    mix: Mix
    password: str = field(repr=False)


@dataclass
class Session:
    """What scenarios share.

    Attributes:
        lab: the stack.
        raw: folder in which whole records are kept, out of the repository.
    """

    lab: Lab
    raw: Path
    _rests: ExitStack = field(default_factory=ExitStack)
    _prepared: dict[str, Prepared] = field(default_factory=dict)
    _up: bool = False

    def ensure_up(self) -> None:
        """Bring the lab up where it is not, and wait until it is as it should be.

        Raises:
            BenchError: it does not become so.
        """
        if not self._up:
            self.lab.up()
            self._up = True
        if not self.lab.wait_ready(seconds=HEALS_WITHIN):
            raise BenchError(f"the lab is not well after {HEALS_WITHIN:.0f} s")

    def note(self, *, up: bool) -> None:
        """Say that a scenario has brought the lab up or taken it down itself."""
        self._up = up

    def pause(self) -> None:
        """Take the lab down; its data stays."""
        if self._up:
            self.lab.down()
            self._up = False

    def clear(self) -> None:
        """Take the lab down with everything in it."""
        self._rests.close()
        self._prepared.clear()
        self.lab.down(purge=True)
        self._up = False

    def recover(self) -> None:
        """Begin anew after something broke: what is left cannot be relied on."""
        with suppress(BenchError):
            self.clear()

    def prepared(self, product: str) -> Prepared:
        """A product with its content, made where it is missing."""
        if product not in self._prepared:
            lab = self.lab
            account = lab.administrator(product)
            target = lab.target(product)
            rest = self._rests.enter_context(Rest(lab.url(product), target, account=account))
            content: Content
            match product:
                case "jira":
                    content = JiraContent(rest)
                case "confluence":
                    content = ConfluenceContent(rest)
                case _:
                    content = BitbucketContent(rest, target)
            self._prepared[product] = Prepared(content, content.prepare(), account[1])
        return self._prepared[product]

    @contextmanager
    def load(
        self, products: Sequence[str], *, rate: float, seed: int, name: str
    ) -> Iterator[Sequence[Generator]]:
        """Send load while the block lasts.

        Args:
            products: to which; each gets a generator of its own.
            rate: requests per second, over all of them.
            seed: of the schedules.
            name: of the run, for its records.
        """
        share = rate / len(products)
        sessions = max(SESSIONS // len(products), 8)
        with ExitStack() as stack:
            generators = []
            for product in products:
                ready = self.prepared(product)
                plan = ready.mix.plan(
                    f"{name}-{product}", self.lab.target(product), rate=share, seed=seed, sessions=sessions
                )
                secrets = {PASSWORD: ready.password}
                generators.append(stack.enter_context(Generator(plan, self.raw, secrets=secrets)))
            yield generators

    def keep(self, record: Record) -> None:
        """Pack a whole record; the report needs only what was made of it."""
        path = self.raw / f"{record.name}.jsonl"
        with path.open("rb") as plain, gzip.open(path.with_suffix(".jsonl.gz"), "wb") as packed:
            shutil.copyfileobj(plain, packed)
        path.unlink()


def tokens_of(records: Mapping[str, Record], session: Session) -> tuple[int, int]:
    """Read every acknowledged write back.

    Args:
        records: by product.
        session: of the bench.

    Returns:
        How many were lost, and how many are there more than once.
    """
    lost = doubled = 0
    for product, record in records.items():
        found = session.prepared(product).content.tokens()
        written = acknowledged(record)
        lost += sum(1 for token in written if found[token] == 0)
        doubled += sum(1 for token in written if found[token] > 1)
    return lost, doubled

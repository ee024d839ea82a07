"""One bench: the lab, what was put into it, and where raw records are kept."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import BenchError
from bench.lab import Lab
from telamon.errors import TelamonError
from telamon.products.registry import registry
from telamon.proof.generator import Generator
from telamon.proof.history.checker import check
from telamon.proof.history.reading import history_of
from telamon.proof.history.verdict import Fault
from telamon.proof.record import Record
from telamon.proof.repository import Account
from telamon.proof.stage import Place, Script, Staged, stage

PRODUCTS = ("jira", "confluence", "bitbucket")
INTERVAL = 0.2
"""Mean seconds between two requests of a session.

A session whose write was lost succeeds again no sooner than it next asks, so a stall is known no finer than this, and
it has to lie well below the stalls that are demanded.
"""
FEWEST_SESSIONS = 8
STAGED_RATE = 100.0
LONGEST_RUN = 300.0
"""Seconds; a scenario ends its load long before."""
HEALS_WITHIN = 120.0
"""Seconds in which whatever the scenario before has left must be well again."""


def sessions_at(rate: float) -> int:
    """How many sessions share a load.

    Args:
        rate: requests per second, on one product.
    """
    return max(round(rate * INTERVAL), FEWEST_SESSIONS)


@dataclass
class Session:
    """What scenarios share.

    Attributes:
        lab: the stack.
        raw: folder in which whole records are kept, out of the repository.
    """

    lab: Lab
    raw: Path
    _staged: dict[str, Staged] = field(default_factory=dict)
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
        self._staged.clear()
        self.lab.down(purge=True)
        self._up = False

    def recover(self) -> None:
        """Begin anew after something broke: what is left cannot be relied on."""
        with suppress(BenchError):
            self.clear()

    def prepared(self, product: str) -> Staged:
        """A plan for a product, with its content; made where it is missing.

        Raises:
            BenchError: the product refused.
        """
        if product not in self._staged:
            lab = self.lab
            place = Place(
                registry()[product],
                lab.url(product),
                lab.target(product),
                Account(*lab.administrator(product)),
                ssh_port=lab.port(f"{product}-ssh"),
                companions=lab.companions(product),
            )
            script = Script(
                "bench",
                "BENCH",
                rate=STAGED_RATE,
                seconds=LONGEST_RUN,
                sessions=sessions_at(STAGED_RATE),
                forgetful=0.0,
            )
            try:
                self._staged[product] = stage(place, script, folder=self.raw)
            except TelamonError as error:
                raise BenchError(f"{product} cannot be loaded: {error}") from error
        return self._staged[product]

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
        with ExitStack() as stack:
            generators = []
            for product in products:
                ready = self.prepared(product)
                changes = {
                    "name": f"{name}-{product}",
                    "rate": share,
                    "seed": seed,
                    "sessions": sessions_at(share),
                }
                plan = ready.plan.model_copy(update=changes)
                generators.append(stack.enter_context(Generator(plan, self.raw, secrets=ready.secrets)))
            yield generators

    def keep(self, record: Record) -> None:
        """Pack a whole record; the report needs only what was made of it."""
        path = self.raw / f"{record.name}.jsonl"
        with path.open("rb") as plain, gzip.open(path.with_suffix(".jsonl.gz"), "wb") as packed:
            shutil.copyfileobj(plain, packed)
        path.unlink()


@dataclass(frozen=True)
class Judged:
    """What the history checker says of some records.

    Attributes:
        lost: acknowledged writes that are gone, wholly or in part.
        doubled: writes that are there more than once.
        others: all other anomalies.
        words: the first of them all, for a reader; "" where nothing is wrong.
    """

    lost: int
    doubled: int
    others: int
    words: str = ""

    def notes(self) -> Sequence[str]:
        """What a reader should know of it."""
        return (self.words,) if self.words else ()


GONE = frozenset({Fault.LOST, Fault.DANGLING_ROW, Fault.DANGLING_REF, Fault.TORN})


def judge(records: Mapping[str, Record]) -> Judged:
    """Judge the histories of some records.

    Args:
        records: by product.
    """
    found = [anomaly for record in records.values() for anomaly in check(history_of(record)).anomalies]
    lost = sum(1 for anomaly in found if anomaly.fault in GONE)
    doubled = sum(1 for anomaly in found if anomaly.fault is Fault.DUPLICATED)
    words = f"{found[0].fault}: {found[0].words}" if found else ""
    return Judged(lost, doubled, len(found) - lost - doubled, words)

"""Many drills in a row, remembered one by one, so that what was cut short goes on where it stopped.

A suite is every drill once for every product that it can hurt. A soak draws drills, products and seeds from a seed of
its own, again and again, until its time is used up: the same seed always draws the same row.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Final

from telamon.errors import MachineError, brief
from telamon.proof.drill.drills import Drill
from telamon.proof.drill.driving import Settings
from telamon.proof.drill.outcome import Verdict
from telamon.proof.drill.scene import Scene

JOURNAL: Final = "journal.jsonl"
QUICK: Final = Settings(rate=60.0, before=3.0, at_least=4.0, after=2.0)
"""How each drill of a soak is run: there are many of them."""


@dataclass(frozen=True)
class Turn:
    """One drill to run.

    Attributes:
        number: place in the row, from 0.
        drill: what.
        product: whose users; "" for all.
        seed: of what the drill chooses.
    """

    number: int
    drill: Drill
    product: str
    seed: int


@dataclass(frozen=True)
class Done:
    """One drill that was run.

    Attributes:
        campaign: it belonged to, e.g. ``soak-7``.
        number: place in the row, from 0.
        drill: its name.
        product: whose users; "" for all.
        seed: of what it chose.
        verdict: how it ended.
        seconds: how long it took.
        folder: of its report, below the journal's.
    """

    campaign: str
    number: int
    drill: str
    product: str
    seed: int
    verdict: Verdict
    seconds: float
    folder: str


class Journal:
    """What was run, a line each.

    Args:
        folder: of all drills of a stack; made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL

    def read(self, campaign: str) -> tuple[Done, ...]:
        """What a campaign has run, in order; a line that was cut short is left out."""
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise MachineError(f"{self._path} cannot be read: {brief(error)}") from error
        found = (_done(line) for line in lines)
        return tuple(done for done in found if done is not None and done.campaign == campaign)

    def append(self, done: Done) -> None:
        """Remember one, durably.

        Raises:
            MachineError: the disk is full or read-only.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as file:
                # A line that was cut short must not swallow this one.
                begin = "" if _ends_a_line(file) else "\n"
                file.write(f"{begin}{json.dumps(asdict(done))}\n".encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise MachineError(f"{self._path} cannot be written: {brief(error)}") from error


def _ends_a_line(file: BinaryIO) -> bool:
    """Whether a file is empty or ends with a whole line."""
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def turns(drills: Sequence[Drill], scene: Scene, *, seed: int, product: str = "") -> tuple[Turn, ...]:
    """Every drill once for every product that it can hurt.

    Args:
        drills: which.
        scene: the stack.
        seed: of all of them.
        product: the only one to hurt; "" for each in turn.
    """
    pairs = [
        (drill, name)
        for drill in drills
        for name in (_products(scene, product) if drill.scope == "product" else ("",))
    ]
    return tuple(Turn(number, drill, name, seed) for number, (drill, name) in enumerate(pairs))


def draws(drills: Sequence[Drill], scene: Scene, *, seed: int, begin: int = 0) -> Iterator[Turn]:
    """Drills at random, without an end.

    Args:
        drills: to draw from.
        scene: the stack.
        seed: of the row.
        begin: place in the row to begin with.
    """
    number = begin
    while True:
        # Each place has dice of its own, so that a row goes on anywhere as if it had never stopped.
        dice = random.Random(f"{seed}/{number}")  # noqa: S311 - it must be repeatable
        drill = dice.choice(drills)
        product = dice.choice(scene.products) if drill.scope == "product" else ""
        yield Turn(number, drill, product, dice.randrange(1_000_000))
        number += 1


def _products(scene: Scene, product: str) -> tuple[str, ...]:
    return (product,) if product else scene.products


def _done(line: str) -> Done | None:
    try:
        data = json.loads(line)
        return Done(**{**data, "verdict": Verdict(data["verdict"])})
    except (ValueError, TypeError, KeyError):
        return None

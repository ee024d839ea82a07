"""What a scenario is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.results import Figure, Run
from bench.session import Session


@dataclass(frozen=True)
class Scenario:
    """Something that is measured.

    Attributes:
        name: on the command line and in file names.
        title: for people.
        method: what is done, and what is counted how.
        figures: what each run gives.
        run: one repeat; told its number, from 0.
        repeats: how often, where that differs from what the command line says.
        lasting: it takes longer than the program stands still, so runs at several commits count together.
    """

    name: str
    title: str
    method: str
    figures: tuple[Figure, ...]
    run: Callable[[Session, int], Run]
    repeats: int | None = None
    lasting: bool = False

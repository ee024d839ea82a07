"""Every fault that is put into a valid stack file is found where it is, and nothing else is complained about."""

from __future__ import annotations

import random

import pytest

from telamon.errors import Problem
from telamon.products.registry import registry
from telamon.stackfile.reader import read
from tests.support.faults import DATA_FAULTS, Spoiled, expected, spoil, with_tokens_written
from tests.support.stackfiles import Draw, document, text

KINDS = list(DATA_FAULTS)
EACH = 30
"""Files per kind, a thousand in all; half of them hold further faults of other kinds."""


def bad_files(kind: str) -> list[tuple[int, str, list[Spoiled]]]:
    """Files with a fault of that kind, each with the seed it is made from and with all its faults."""
    made: list[tuple[int, str, list[Spoiled]]] = []
    seed = 1000 * KINDS.index(kind)
    while len(made) < EACH:
        seed += 1
        rng = random.Random(seed)
        others = [rng.choice(KINDS) for _ in range(rng.choice([0, 0, 1, 3]))]
        data, faults = spoil(document(seed), [kind, *others], rng)
        if faults:
            made.append((seed, with_tokens_written(text(data, Draw(seed))), faults))
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_is_found_where_it_is(kind: str) -> None:
    for seed, written, faults in bad_files(kind):
        reading = read(written, source="stack.yaml", registry=registry())
        assert reading.stack is None, f"seed {seed}"
        assert {problem.path for problem in reading.problems} == expected(faults), f"seed {seed}\n{written}"
        for problem in reading.problems:
            assert _points_at_its_path(problem, written), f"seed {seed}: {problem}"
            assert problem.message
            assert problem.remedy
        assert list(reading.problems) == sorted(reading.problems)


def test_there_are_enough_kinds_of_faults_and_files() -> None:
    assert len(KINDS) >= 15
    assert len(KINDS) * EACH >= 1000


def _points_at_its_path(problem: Problem, written: str) -> bool:
    """Whether a key of the path stands on the line, and at or before the column."""
    line = written.splitlines()[problem.line - 1]
    keys = [key.partition("[")[0] for key in problem.path.replace("].", ".").split(".")]
    return 1 <= problem.column <= len(line) + 1 and (any(key in line for key in keys) or "[" in problem.path)

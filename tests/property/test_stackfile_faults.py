"""Every fault that is put into a valid stack file is found where it is, and nothing else is complained about."""

from __future__ import annotations

import pytest

from tests.support.badfiles import (
    KINDS,
    OVERLAY_FAULTS,
    points_at_its_path,
    read_bad,
    with_data_faults,
    with_overlay_faults,
)

EACH = 30
"""Files per kind, a thousand in all; half of them hold further faults of other kinds."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_is_found_where_it_is(kind: str) -> None:
    for bad in with_data_faults(kind, each=EACH):
        written = str(bad.content)
        reading = read_bad(bad)
        assert reading.stack is None, f"seed {bad.seed}"
        assert {problem.path for problem in reading.problems} == bad.paths, f"seed {bad.seed}\n{written}"
        for problem in reading.problems:
            assert points_at_its_path(problem, written), f"seed {bad.seed}: {problem}"
            assert problem.message
            assert problem.remedy
        assert list(reading.problems) == sorted(reading.problems)


@pytest.mark.parametrize("kind", OVERLAY_FAULTS)
def test_an_overlay_that_cannot_be_laid_over_a_file_is_refused(kind: str) -> None:
    for bad in with_overlay_faults(kind, each=5):
        reading = read_bad(bad)
        assert reading.stack is None, f"seed {bad.seed}"
        assert bad.rule in {problem.rule for problem in reading.problems}, f"seed {bad.seed}"


def test_there_are_enough_kinds_of_faults_and_files() -> None:
    assert len(KINDS) >= 15
    assert len(KINDS) * EACH >= 1000

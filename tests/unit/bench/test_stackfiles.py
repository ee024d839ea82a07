"""The bench counts what goes wrong with stack files, and has enough of them."""

from __future__ import annotations

from bench.scenarios.stackfiles import EACH, EACH_OTHER, KINDS, VALID, Tally, outcome
from tests.support.badfiles import OVERLAY_FAULTS, BadFile, with_byte_faults, with_data_faults
from tests.support.bytefaults import BYTE_FAULTS
from tests.support.faults import DATA_FAULTS
from tests.support.stackfiles import Draw, document, text

VALID_FILE = text(document(1), Draw(1))


def bad_file() -> BadFile:
    return next(with_data_faults("heap over memory", each=1))


def test_there_are_enough_files_of_enough_kinds() -> None:
    assert KINDS >= 15
    assert VALID >= 1_000
    assert len(DATA_FAULTS) * EACH + (len(BYTE_FAULTS) + len(OVERLAY_FAULTS)) * EACH_OTHER >= 1_000


def test_a_bad_file_that_is_refused_at_its_faults_is_well() -> None:
    tally = Tally()
    for bad in (bad_file(), next(with_byte_faults("a tag", each=1))):
        tally.take_bad("x", bad, reading=outcome(bad.content))
    assert (tally.bad, tally.accepted, tally.missed, tally.tracebacks, tally.wrong) == (2, 0, 0, 0, [])
    assert tally.faults == bad_file().faults + 1


def test_a_bad_file_that_passes_is_counted_with_all_its_faults() -> None:
    bad, tally = bad_file(), Tally()
    tally.take_bad("x", bad, reading=outcome(VALID_FILE))
    assert (tally.accepted, tally.missed, tally.tracebacks) == (1, bad.faults, 0)
    assert tally.wrong == [f"x, seed {bad.seed}"]


def test_a_fault_that_is_told_elsewhere_is_missed() -> None:
    bad, tally = bad_file(), Tally()
    tally.take_bad("x", bad, reading=outcome("a: ["))
    assert (tally.accepted, tally.missed) == (0, bad.faults)


def test_a_reader_that_breaks_is_counted() -> None:
    bad, tally = bad_file(), Tally()
    tally.take_bad("x", bad, reading=None)
    tally.take_valid(1, None)
    assert (tally.tracebacks, tally.missed, tally.accepted, tally.refused) == (2, bad.faults, 0, 0)


def test_a_valid_file_that_is_refused_is_counted() -> None:
    tally = Tally()
    tally.take_valid(1, outcome(VALID_FILE))
    assert (tally.valid, tally.refused, tally.wrong) == (1, 0, [])
    tally.take_valid(2, outcome("kind: Stak\n"))
    assert (tally.valid, tally.refused, tally.wrong) == (2, 1, ["a valid file, seed 2"])

"""What becomes of bad stack files, and of valid ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.machine import others_busy
from bench.results import Figure, Run
from bench.scenarios.base import Scenario
from bench.session import Session
from telamon.stackfile.reader import Reading
from tests.support.badfiles import (
    OVERLAY_FAULTS,
    BadFile,
    read_beside,
    with_byte_faults,
    with_data_faults,
    with_overlay_faults,
)
from tests.support.bytefaults import BYTE_FAULTS
from tests.support.faults import DATA_FAULTS
from tests.support.stackfiles import Draw, document, text

EACH = 25
"""Bad files of each kind of fault in what a file says; half of them hold further faults of other kinds."""
EACH_OTHER = 5
"""Bad files of each kind of fault in the bytes, and of each in an overlay."""
KINDS = len(DATA_FAULTS) + len(BYTE_FAULTS) + len(OVERLAY_FAULTS)
VALID = 1_000
APART = 1_000_000
"""Between the first seeds of two repeats: each has files of its own."""
TOLD = 5
"""Files that went wrong are told by name up to so many."""


@dataclass
class Tally:
    """What has become of the files so far.

    Attributes:
        bad: files with faults.
        faults: that were put into them.
        accepted: bad files that were not refused.
        missed: faults that no problem points at.
        tracebacks: files over which the reader broke.
        valid: files without faults.
        refused: valid files that were not accepted.
        wrong: the files that went otherwise than they should, for a reader.
    """

    bad: int = 0
    faults: int = 0
    accepted: int = 0
    missed: int = 0
    tracebacks: int = 0
    valid: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    def take_bad(self, kind: str, bad: BadFile, *, reading: Reading | None) -> None:
        """Count a bad file.

        Args:
            kind: of its fault.
            bad: the file.
            reading: what was said of it; ``None`` where the reader broke.
        """
        accepted = reading is not None and reading.stack is not None
        missed = bad.faults if reading is None else bad.missed(reading.problems)
        self.bad += 1
        self.faults += bad.faults
        self.accepted += accepted
        self.missed += missed
        self.tracebacks += reading is None
        if accepted or missed:
            self.wrong.append(f"{kind}, seed {bad.seed}")

    def take_valid(self, seed: int, reading: Reading | None) -> None:
        """Count a valid file.

        Args:
            seed: what it was made from.
            reading: what was said of it; ``None`` where the reader broke.
        """
        self.valid += 1
        self.tracebacks += reading is None
        self.refused += reading is not None and reading.stack is None
        if reading is None or reading.stack is None:
            self.wrong.append(f"a valid file, seed {seed}")

    def figures(self) -> dict[str, float]:
        """By the keys of the scenario."""
        return {
            "kinds": float(KINDS),
            "bad": float(self.bad),
            "faults": float(self.faults),
            "accepted": float(self.accepted),
            "missed": float(self.missed),
            "tracebacks": float(self.tracebacks),
            "valid": float(self.valid),
            "refused": float(self.refused),
        }


def reading(session: Session, repeat: int) -> Run:
    """Read bad files and valid ones, and count what went otherwise than it should."""
    busy, began = others_busy(session.lab.root), time.time()
    tally, first = Tally(), repeat * APART
    for kind, bad in bad_files(first):
        tally.take_bad(kind, bad, reading=outcome(bad.content, base=bad.base))
    for seed in range(first, first + VALID):
        tally.take_valid(seed, outcome(text(document(seed), Draw(seed))))
    return Run(tally.figures(), began, busy, notes=tuple(tally.wrong[:TOLD]))


def bad_files(first: int) -> Iterator[tuple[str, BadFile]]:
    """Every bad file of a run, after its kind.

    Args:
        first: where the seeds begin.
    """
    for kind in DATA_FAULTS:
        for bad in with_data_faults(kind, each=EACH, first=first):
            yield kind, bad
    for kind in BYTE_FAULTS:
        for bad in with_byte_faults(kind, each=EACH_OTHER, first=first):
            yield kind, bad
    for kind in OVERLAY_FAULTS:
        for bad in with_overlay_faults(kind, each=EACH_OTHER, first=first):
            yield kind, bad


def outcome(content: str | bytes, *, base: str = "") -> Reading | None:
    """What is said of a file; ``None`` where the reader broke.

    Args:
        content: the file.
        base: what it extends; "" where it extends nothing.
    """
    try:
        return read_beside(content, base=base)
    except Exception:  # noqa: BLE001 - whatever it is, a person would see a traceback, and that is what is counted.
        return None


SCENARIOS = (
    Scenario(
        "stack-files",
        "Bad stack files, and valid ones",
        f"Files are made from seeds, others in each run. Into the bad ones faults of {KINDS} named kinds are put, into "
        f"half of them several: {EACH} files for each kind of fault in what a file says (type, unit, bound, a rule "
        f"over two fields ...), {EACH_OTHER} for each in its bytes (encoding, alias bomb, duplicate key, ten megabytes "
        f"...) and for each bad overlay. A fault is missed unless a problem names its path and stands on its line; "
        f"where the bytes or the overlay are bad, unless the rule for that refuses the file.",
        (
            Figure("accepted", "bad files not refused", "", "sum", 0),
            Figure("missed", "faults missed", "", "sum", 0),
            Figure("tracebacks", "tracebacks", "", "sum", 0),
            Figure("refused", "valid files refused", "", "sum", 0),
            Figure("kinds", "kinds of faults", "", "median"),
            Figure("bad", "bad files", "", "median"),
            Figure("faults", "faults in them", "", "median"),
            Figure("valid", "valid files", "", "median"),
        ),
        reading,
    ),
)

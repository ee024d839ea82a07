"""How long a person waits for the command line."""

from __future__ import annotations

import subprocess
import time
from statistics import median

from bench.errors import BenchError
from bench.lab import PROGRAM
from bench.machine import others_busy
from bench.results import Figure, Run
from bench.scenarios.base import Scenario
from bench.session import Session

STARTS = 11


def starts(session: Session, _repeat: int) -> Run:
    """Start verbs that need no lab."""
    session.pause()
    busy, began = others_busy(session.lab.root), time.time()
    figures = {
        "help": _milliseconds(["--help"]),
        "validate": _milliseconds(["validate", str(session.lab.file)]),
    }
    return Run(figures, began, busy)


def _milliseconds(arguments: list[str]) -> float:
    times = []
    for _ in range(STARTS):
        before = time.monotonic()
        done = subprocess.run(
            [str(PROGRAM), *arguments], capture_output=True, text=True, check=False, timeout=60
        )
        times.append((time.monotonic() - before) * 1000)
        if done.returncode != 0:
            raise BenchError(f"telamon {arguments[0]} ended with {done.returncode}: {done.stderr[-300:]}")
    return median(times)


SCENARIOS = (
    Scenario(
        "command-line",
        "Start of the command line",
        f"`telamon --help`, and `telamon validate` of the benchmark's stack file, as processes while no lab runs; "
        f"median of {STARTS} starts.",
        (
            Figure("help", "`telamon --help`", "ms", "median", 200.0),
            Figure("validate", "`telamon validate`", "ms", "median", 400.0),
        ),
        starts,
    ),
)

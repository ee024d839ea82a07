"""How long a person waits for the command line."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.errors import BenchError
from bench.lab import PROGRAM
from bench.machine import others_busy
from bench.results import Figure, Run
from bench.scenarios.base import Scenario
from bench.session import Session

STARTS = 11


EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "aws.yaml"
CLUSTER = Path(__file__).resolve().parents[1] / "cluster.yaml"


def starts(session: Session, _repeat: int) -> Run:
    """Start verbs that need no lab."""
    session.pause()
    busy, began = others_busy(session.lab.root), time.time()
    figures = {
        "help": _milliseconds(["--help"]),
        "validate": _milliseconds(["validate", str(session.lab.file)]),
        "terraform": _rendering(EXAMPLE, "--terraform"),
        "manifests": _rendering(CLUSTER),
    }
    return Run(figures, began, busy)


def _rendering(file: Path, *what: str) -> float:
    """How long it takes to write what a file is made of, the same bytes every time.

    Args:
        file: the stack file.
        what: options that say what is written; manifests where there are none.
    """
    with tempfile.TemporaryDirectory(prefix="telamon-bench-") as name:
        # A folder each time: where everything is so already nothing is written, and that would flatter.
        folders = [Path(name, str(number)) for number in range(STARTS)]
        times = [
            _milliseconds(["render", str(file), *what, "--output", str(folder)], starts=1)
            for folder in folders
        ]
        first = _written(folders[0])
        if not first or any(_written(folder) != first for folder in folders):
            raise BenchError(f"{file.name} gave other files another time")
        return median(times)


def _written(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _milliseconds(arguments: list[str], *, starts: int = STARTS) -> float:
    times = []
    for _ in range(starts):
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
        f"`telamon --help`, `telamon validate` of the benchmark's stack file, `telamon render --terraform` of "
        f"`examples/aws.yaml` and `telamon render` of three products on Kubernetes (`bench/cluster.yaml`), into an "
        f"empty folder, the same bytes each time, as processes while no lab runs; median of {STARTS} starts.",
        (
            Figure("help", "`telamon --help`", "ms", "median", 200.0),
            Figure("validate", "`telamon validate`", "ms", "median", 400.0),
            Figure("terraform", "`telamon render --terraform`", "ms", "median", 400.0),
            Figure("manifests", "`telamon render`, three products", "ms", "median", 400.0),
        ),
        starts,
    ),
)

"""How fast an index is copied, and that no copy is ever torn."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from bench.errors import BenchError
from bench.machine import ROOT, others_busy
from bench.results import Figure, Run
from bench.scenarios.base import Scenario
from bench.session import Session

SIZE = 1024
SYNCS = 100
WITHIN = 1800.0


def copied(session: Session, repeat: int) -> Run:
    """Copy an index of a gibibyte, twice."""
    session.pause()
    busy, began = others_busy(session.lab.root), time.time()
    found = _run("--large", str(SIZE), "--seed", str(repeat + 1))
    figures = {name: float(found[name]) for name in ("seconds", "size", "again", "ratio")}
    return Run(figures, began, busy)


def tortured(session: Session, repeat: int) -> Run:
    """Copy again and again under writes and kills."""
    return _torture(session, repeat)


def tortured_lucene(session: Session, repeat: int) -> Run:
    """The same with an index of Lucene."""
    return _torture(session, repeat, "--lucene")


def _torture(session: Session, repeat: int, *options: str) -> Run:
    session.pause()
    busy, began = others_busy(session.lab.root), time.time()
    found = _run("--syncs", str(SYNCS), "--seed", str(repeat + 1), *options)
    figures = {
        "syncs": float(found["syncs"]),
        "torn": float(found["torn"]),
        "judged": float(found["judged"]),
        "kills": float(sum(found["kills"].values())),
    }
    return Run(figures, began, busy)


def _run(*options: str) -> Mapping[str, Any]:
    """Run the program that copies and judges; it ends with 1 where something was torn, and tells of it all the same."""
    with tempfile.TemporaryDirectory(prefix="bench-index-") as folder:
        done = subprocess.run(
            [sys.executable, "-m", "bench.indexes", f"{folder}/homes", *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN,
        )
    if done.returncode not in {0, 1} or not done.stdout.strip():
        raise BenchError(f"copies of an index ended with {done.returncode}: {done.stderr[-600:]}")
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


SCENARIOS = (
    Scenario(
        "index-sync",
        "Copy of a search index",
        f"An index of about {SIZE} MiB is copied over TCP on this machine while its owner commits, from the pin to "
        "the end of the switch, every file verified and on the disk. Then 64 MiB are added, and it is copied again.",
        (
            Figure("seconds", "first copy", "s", "median", 5.0),
            Figure("size", "of an index of", "MiB", "median"),
            Figure("again", "second copy", "s", "median"),
            Figure("ratio", "bytes moved by the second copy for each new byte", "", "worst", 1.05),
        ),
        copied,
    ),
    Scenario(
        "index-torn",
        "Copies of an index under kills",
        f"{SYNCS} copies a run, ten runs: source, target and copy are killed at random; the source writes all the "
        "time. After every copy and every kill the index library opens the target, and what it holds is compared with "
        "the database at its mark.",
        (
            Figure("syncs", "copies put in place", "", "sum"),
            Figure("torn", "torn", "", "sum", 0.0),
            Figure("judged", "judged", "", "sum"),
            Figure("kills", "processes killed", "", "sum"),
        ),
        tortured,
        repeats=10,
        lasting=True,
    ),
    Scenario(
        "lucene-torn",
        "Copies of a Lucene index under kills",
        f"The same with an index of Lucene in a JVM, {SYNCS} copies a run, ten runs: the source commits and merges all "
        "the time, `CheckIndex` judges, and what the index holds is compared with the database at its mark. It takes a "
        "JDK and Maven.",
        (
            Figure("syncs", "copies put in place", "", "sum"),
            Figure("torn", "torn", "", "sum", 0.0),
            Figure("judged", "judged", "", "sum"),
            Figure("kills", "processes killed", "", "sum"),
        ),
        tortured_lucene,
        repeats=10,
        lasting=True,
    ),
)

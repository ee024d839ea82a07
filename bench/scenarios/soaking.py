"""A thousand faults at random, in portions: what was measured already is not measured again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.errors import BenchError
from bench.lab import Lab
from bench.machine import others_busy
from bench.results import Figure, Run
from bench.scenarios.base import Scenario
from bench.session import Session
from telamon.proof.drill.outcome import Verdict

STACK: Final = Path(__file__).parents[1] / "soak.yaml"
NAME: Final = "soak"
FAULTS: Final = 1_000
PORTION: Final = 25
"""Faults of one repeat: a bench that is cut short loses no more than these."""
RATE: Final = 30.0
LONGEST: Final = 5_400.0
"""Seconds after which a portion ends with what it has."""


def portion(session: Session, repeat: int) -> Run:
    """Bring a stack up, break it a number of times at random, and take it down with everything in it."""
    session.pause()
    lab = Lab(STACK, session.lab.root.with_name("k"), NAME, session.lab.environment)
    busy, began = others_busy(lab.root), time.time()
    lab.up()
    try:
        runs = _runs(lab, seed=repeat)
    finally:
        lab.down(purge=True)
    figures = {
        "faults": float(sum(run["verdict"] not in _UNDONE for run in runs)),
        "lost": _sum(runs, "lost"),
        "anomalies": _sum(runs, "anomalies"),
        "unhealed": float(sum(not _figure(run, "healed").get("met", True) for run in runs)),
        "broken": float(sum(run["verdict"] == Verdict.BROKEN.value for run in runs)),
        "missed": float(sum(run["verdict"] == Verdict.FAILED.value for run in runs)),
        "skipped": float(sum(run["verdict"] == Verdict.SKIPPED.value for run in runs)),
        "sent": float(sum(run["sent"] for run in runs)),
    }
    notes = [
        f"{run['drill']} {run['product']} (seed {run['seed']}): {run['reason']}"
        for run in runs
        if run["verdict"] in {Verdict.FAILED.value, Verdict.BROKEN.value}
    ]
    return Run(figures, began, busy, notes=notes)


_UNDONE: Final = frozenset({Verdict.SKIPPED.value, Verdict.BROKEN.value})


def _runs(lab: Lab, *, seed: int) -> Sequence[Mapping[str, Any]]:
    """The drills of one portion, as the command line tells them."""
    found = lab.answer(
        "drill",
        "soak",
        "--stack",
        str(lab.file),
        "--seed",
        str(seed),
        "--faults",
        str(PORTION),
        "--rate",
        f"{RATE:g}",
        "--budget",
        f"{LONGEST:.0f}s",
        within=LONGEST + 300,
    )
    runs: Sequence[Mapping[str, Any]] = found.get("runs", ())
    if not runs:
        raise BenchError(f"the soak with seed {seed} ran no drill")
    return runs


def _figure(run: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return next((figure for figure in run["figures"] if figure["key"] == key), {})


def _sum(runs: Sequence[Mapping[str, Any]], key: str) -> float:
    return float(sum(_figure(run, key).get("value") or 0.0 for run in runs))


SCENARIOS = (
    Scenario(
        "soak",
        f"{FAULTS:,} faults at random",
        f"{RATE:.0f} requests/s to the products that are hurt, while `telamon drill soak` draws drills, victims and "
        f"moments: {PORTION} a portion, each on a fresh stack with a seed of its own. Everything acknowledged is read "
        "back after each drill. A late generator makes no portion void: time is not judged here. A drill that "
        "makes several faults counts once.",
        (
            Figure("lost", "acknowledged writes lost", "", "sum", 0),
            Figure("anomalies", "other anomalies", "", "sum", 0),
            Figure("unhealed", "faults that were not healed in time", "", "sum", 0),
            Figure("broken", "drills that could not be carried through", "", "sum", 0),
            Figure("missed", "drills that missed a figure of theirs, in time or requests", "", "sum"),
            Figure("faults", "drills carried out", "", "sum"),
            Figure("skipped", "drills that cannot be done here", "", "sum"),
            Figure("sent", "requests sent", "", "sum"),
        ),
        portion,
        repeats=FAULTS // PORTION,
        lasting=True,
    ),
)

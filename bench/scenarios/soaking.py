"""A thousand faults at random, in portions: what was measured already is not measured again."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from bench.errors import BenchError
from bench.lab import Lab
from bench.machine import ROOT, others_busy
from bench.results import Figure, Run
from bench.scenarios.base import Scenario
from bench.session import Session
from telamon.proof.drill.outcome import Verdict

STACK: Final = ROOT / "examples" / "drills.yaml"
"""All that can be broken: relays stand in the links, homes have an end, and some releases are no good."""
NAME: Final = "drills"
FAULTS: Final = 1_000
PORTION: Final = 25
"""Faults of one stack in one repeat: a bench that is cut short loses no more than these."""
DRAWN: Final = 1.1
"""Draws for each drill that is carried out: not every drill can be done to every product."""
SIDE_BY_SIDE: Final = 4
"""Stacks of one repeat: a drill mostly waits, and time is not judged here."""
RATE: Final = 10.0
"""Requests a second to each product that is hurt: two processors have four stacks to carry."""
LONGEST: Final = 5_400.0
"""Seconds after which a portion ends with what it has."""


def portion(session: Session, repeat: int) -> Run:
    """Bring stacks up, break each a number of times at random, and take them down with everything in them."""
    session.pause()
    busy, began = others_busy(session.lab.root), time.time()
    seeds = range(repeat * SIDE_BY_SIDE, (repeat + 1) * SIDE_BY_SIDE)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        stacks = list(pool.map(partial(_soaked, session), seeds))
    runs = [run for stack in stacks for run in stack.runs]
    told = [stack.broke for stack in stacks if stack.broke]
    verdicts = Counter(run["verdict"] for run in runs)
    figures = {
        "faults": float(sum(run["verdict"] not in _UNDONE for run in runs)),
        "lost": _sum(runs, "lost"),
        "anomalies": _sum(runs, "anomalies"),
        "unhealed": float(sum(not _figure(run, "healed").get("met", True) for run in runs)),
        "broken": float(verdicts[Verdict.BROKEN.value] + len(told)),
        "missed": float(verdicts[Verdict.FAILED.value]),
        "skipped": float(verdicts[Verdict.SKIPPED.value]),
        "sent": float(sum(run["sent"] for run in runs)),
    }
    told += [
        f"{run['drill']} {run['product']} (seed {run['seed']}): {run['reason']}"
        for run in runs
        if run["verdict"] in {Verdict.FAILED.value, Verdict.BROKEN.value}
    ]
    told += [
        f"{run['drill']} {run['product']} (seed {run['seed']}): healed after {_figure(run, 'healed')['value']} s"
        for run in runs
        if not _figure(run, "healed").get("met", True)
    ]
    done = Counter(run["drill"] for run in runs if run["verdict"] not in _UNDONE)
    told.append(f"carried out: {', '.join(f'{drill} {times}' for drill, times in sorted(done.items()))}")
    return Run(figures, began, busy, notes=told)


_UNDONE: Final = frozenset({Verdict.SKIPPED.value, Verdict.BROKEN.value})


@dataclass(frozen=True)
class _Soaked:
    """What became of one stack: its drills, and why it broke ("" where it did not)."""

    runs: Sequence[Mapping[str, Any]]
    broke: str = ""


def _soaked(session: Session, seed: int) -> _Soaked:
    """One stack, from its first start to its removal. What breaks it must not cost what the others have shown."""
    lab = Lab(STACK, session.lab.root.with_name(f"k{seed}"), NAME, session.lab.environment)
    runs: Sequence[Mapping[str, Any]] = ()
    try:
        lab.up()
        try:
            runs = _runs(lab, seed=seed)
        finally:
            lab.down(purge=True)
    except BenchError as error:
        return _Soaked(runs, f"the stack with seed {seed}: {error}")
    return _Soaked(runs)


def _runs(lab: Lab, *, seed: int) -> Sequence[Mapping[str, Any]]:
    """The drills of one stack, as the command line tells them."""
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
        raise BenchError("the soak ran no drill")
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
        f"moments. {SIDE_BY_SIDE} fresh stacks stand side by side, each with a seed of its own and {PORTION} draws. "
        "Everything acknowledged is read back after each drill. A late generator makes no portion void: time is not "
        "judged here. A drill that makes several faults counts once.",
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
        repeats=math.ceil(FAULTS * DRAWN / (PORTION * SIDE_BY_SIDE)),
        lasting=True,
    ),
)

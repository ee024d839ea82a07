"""The page that people read, made of the raw data alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.machine import BUSY
from bench.results import Figure, Measured, Results, Run
from bench.scenarios.base import Scenario
from telamon.proof.measure import bound
from telamon.proof.plot import draw
from telamon.proof.summary import Load

PAGE = "bench.md"
COMMAND = ".venv/bin/python -m bench"
MISSING = "not measured"
VOID = "void"


def write_report(folder: Path, results: Results, *, scenarios: Sequence[Scenario]) -> Path:
    """Write the page and its pictures.

    Args:
        folder: where; made where it is missing.
        results: everything measured.
        scenarios: in the order of the page.

    Returns:
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    measured = {scenario.name: results.get(scenario.name) for scenario in scenarios}
    lines = [*_head(results.machine), *_overview(scenarios, measured)]
    for scenario in scenarios:
        found = measured[scenario.name]
        if found is not None and found.runs:
            lines += _section(scenario, found, folder=folder)
    page = folder / PAGE
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return page


def _head(machine: Mapping[str, object]) -> Iterator[str]:
    yield "# What was measured"
    yield ""
    yield (
        f"Made by `make bench` (`{COMMAND}`). Raw data is in [bench.json](bench.json); how each figure is defined "
        "stands in `telamon/proof/measure.py`. Durations are medians over repeats, stalls are the worst, failed and "
        "lost are sums over all repeats. STARTING takes 5 s and STOPPING 3 s. No figure here ever fails a test."
    )
    yield ""
    yield (
        "Load is open loop, from a process of its own, which goes first where it may: latency counts from the instant "
        "a request was due. A run whose generator was late by more than 20 ms (p99) is void and does not count, except "
        "that whatever was lost or failed in it is added to the sums."
    )
    yield ""
    packages = machine.get("packages")
    facts = {key: value for key, value in machine.items() if key != "packages"}
    if isinstance(packages, Mapping):
        facts |= packages
    yield "Machine: " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts.items()) + "."
    yield ""


def _overview(scenarios: Sequence[Scenario], measured: Mapping[str, Measured | None]) -> Iterator[str]:
    yield "| what | figure | demanded | here | |"
    yield "|---|---|---|---|---|"
    for scenario in scenarios:
        found = measured[scenario.name]
        for figure in scenario.figures:
            if figure.demanded is None:
                continue
            yield (
                f"| {scenario.title} | {figure.title} | {_demand(figure)} | {_result(figure, found)} "
                f"| {_verdict(figure, found)} |"
            )
    yield ""


def _section(scenario: Scenario, found: Measured, *, folder: Path) -> Iterator[str]:
    good = [run for run in found.runs if not run.void]
    yield f"## {scenario.title}"
    yield ""
    yield scenario.method
    yield ""
    count = f"{len(good)} {'run' if len(good) == 1 else 'runs'}{_voids(found.runs)}"
    yield (
        f"Measured at {_commits(found)} on {_day(found.runs)}: {count}. Repeat with "
        f"`{COMMAND} {scenario.name} --again`."
    )
    yield ""
    yield "| figure | demanded | over all runs | each run |"
    yield "|---|---|---|---|"
    for figure in scenario.figures:
        each = ", ".join(_number(run.figures.get(figure.key, math.nan), figure) for run in good)
        yield f"| {figure.title} | {_demand(figure)} | {_result(figure, found)} | {each} |"
    yield ""
    yield from _loads(good)
    for run in found.runs:
        yield from _notes(run)
    yield from _picture(scenario, good, folder)


def _loads(runs: Sequence[Run]) -> Iterator[str]:
    loads = [load for run in runs for load in run.loads]
    if not loads:
        return
    sent = sum(load.sent for load in loads)
    failed = sum(sum(load.failed.values()) for load in loads)
    causes: dict[str, int] = {}
    for load in loads:
        for cause, count in load.failed.items():
            causes[cause] = causes.get(cause, 0) + count
    limit = bound(failed, sent)
    told = ", ".join(f"{count} {cause}" for cause, count in sorted(causes.items())) or "none"
    support = f"; the rate of failure is below {limit:.1e} with 95 % confidence (3/n)" if limit else ""
    yield f"Requests sent: {sent:,}; failed: {told}{support}."
    yield ""
    yield "| phase | requests | p50 ms | p99 ms | longest ms |"
    yield "|---|---|---|---|---|"
    for phase in ("before", "during", "after"):
        row = _phase(loads, phase)
        if row:
            yield row
    yield ""


def _phase(loads: Sequence[Load], phase: str) -> str:
    """One row: requests are summed, percentiles are the median over runs, the longest is the longest."""
    found = [load.phases[phase] for load in loads if load.phases[phase]["sent"]]
    if not found:
        return ""
    sent = sum(one["sent"] for one in found)
    middle = _middle([one["p50"] for one in found])
    high = _middle([one["p99"] for one in found])
    longest = max((one["longest"] for one in found if one["longest"] is not None), default=math.nan)
    return f"| {phase} | {sent:,} | {middle * 1000:.0f} | {high * 1000:.0f} | {longest * 1000:.0f} |"


def _middle(values: Sequence[float | None]) -> float:
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2] if known else math.nan


def _notes(run: Run) -> Iterator[str]:
    told = list(run.notes)
    if run.void:
        told.append(f"void: {run.void}")
    if run.busy > BUSY:
        told.append(f"the machine was busy with something else before it ({run.busy:.1f} cores)")
    if told:
        yield f"* {_instant(run)}: {'; '.join(told)}."
        yield ""


def _picture(scenario: Scenario, runs: Sequence[Run], folder: Path) -> Iterator[str]:
    """The run with the largest first figure, for that is the one to look at."""
    drawn = [run for run in runs if run.loads and run.marks]
    if not drawn:
        return
    key = scenario.figures[0].key
    worst = max(drawn, key=lambda run: (run.figures.get(key, 0.0), run.figures.get("stall", 0.0)))
    for load in worst.loads:
        name = load.name if len(worst.loads) > 1 else scenario.name
        file = folder / f"bench-{name.removesuffix('.svg')}.svg"
        file.write_text(draw(load.name, load.series, marks=worst.marks), encoding="utf-8")
        yield f"![Answers over time: {load.name}]({file.name})"
        yield ""


def _result(figure: Figure, found: Measured | None) -> str:
    values = [] if found is None else found.values(figure)
    if not values:
        return VOID if found is not None and found.runs else MISSING
    return f"{_number(figure.over(values), figure)} ({figure.aggregate} of {len(values)})"


def _verdict(figure: Figure, found: Measured | None) -> str:
    values = [] if found is None else found.values(figure)
    if not values or figure.demanded is None:
        return ""
    return "met" if figure.over(values) <= figure.demanded else "**missed**"


def _demand(figure: Figure) -> str:
    if figure.demanded is None:
        return ""
    sign = "" if figure.demanded == 0 else "<= "
    return f"{sign}{_number(figure.demanded, figure)}"


def _number(value: float, figure: Figure) -> str:
    if math.isinf(value):
        return "never"
    if math.isnan(value):
        return MISSING
    digits = {"s": 2, "ms": 0, "MiB": 0}.get(figure.unit, 0 if float(value).is_integer() else 2)
    return f"{value:,.{digits}f} {figure.unit}".strip()


def _voids(runs: Sequence[Run]) -> str:
    count = sum(1 for run in runs if run.void)
    return f" and {count} void" if count else ""


def _commits(found: Measured) -> str:
    """What was run; how often each, where it was more than one."""
    counts = found.commits()
    if len(counts) == 1:
        return f"`{_short(next(iter(counts)))}`"
    return ", ".join(f"`{_short(commit)}` ({count})" for commit, count in counts.items())


def _day(runs: Sequence[Run]) -> str:
    days = [datetime.fromtimestamp(run.began, UTC).strftime("%Y-%m-%d") for run in (runs[0], runs[-1])]
    return " to ".join(dict.fromkeys(days))


def _short(commit: str) -> str:
    """A commit as people write it; what was changed since stays visible."""
    head, plus, rest = commit.partition("+")
    return f"{head[:12]}{plus}{rest}"


def _instant(run: Run) -> str:
    return datetime.fromtimestamp(run.began, UTC).strftime("%H:%M:%S UTC")

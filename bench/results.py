"""What was measured, kept after every run.

One JSON file holds everything that the report says, so the page can be written again without measuring. Each scenario
keeps the commit it was measured at: a bench that was cut short goes on with what is missing at the present one.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal

from telamon.proof.summary import Load, plain

Aggregate = Literal["median", "worst", "sum"]
FORMAT = 1


@dataclass(frozen=True)
class Figure:
    """One thing that a scenario measures in every run.

    Attributes:
        key: in the raw data.
        title: for people.
        unit: ``s``, ``ms``, ``MiB``, or "" for a count.
        aggregate: how several runs become one figure.
        demanded: the largest value that holds what was demanded; ``None`` where nothing was.
    """

    key: str
    title: str
    unit: str
    aggregate: Aggregate
    demanded: float | None = None

    def over(self, values: Sequence[float]) -> float:
        """One figure for several runs; ``nan`` where there are none."""
        if not values:
            return math.nan
        match self.aggregate:
            case "median":
                return median(values)
            case "worst":
                return max(values)
            case "sum":
                return sum(values)


@dataclass(frozen=True)
class Run:
    """One repeat of a scenario.

    Attributes:
        figures: by key; infinity says that it never came true.
        began: wall clock, seconds since 1970.
        busy: cores that others than the lab kept busy just before.
        void: why the run proves nothing; "" where it does.
        notes: what a reader should know of this run.
        loads: what the generators saw.
        marks: instants after the fault, by name, for the plot.
        commit: what was run; "" where it is that of the scenario.
    """

    figures: Mapping[str, float]
    began: float
    busy: float
    void: str = ""
    notes: Sequence[str] = ()
    loads: Sequence[Load] = ()
    marks: Mapping[str, float] = field(default_factory=dict)
    commit: str = ""


@dataclass(frozen=True)
class Measured:
    """A scenario as far as it was measured.

    Attributes:
        commit: of the latest run.
        runs: the oldest first.
    """

    commit: str
    runs: Sequence[Run] = ()

    def commits(self) -> Mapping[str, int]:
        """How many runs there are of each commit, the oldest first."""
        return Counter(run.commit or self.commit for run in self.runs)

    def more(self, run: Run, commit: str) -> Measured:
        """One run more, at some commit; earlier ones keep theirs."""
        earlier = (replace(one, commit=one.commit or self.commit) for one in self.runs)
        return Measured(commit, (*earlier, replace(run, commit=commit)))

    def values(self, figure: Figure) -> list[float]:
        """A figure of every run that counts.

        A void run proves nothing good, but what was lost or failed in it was lost or failed all the same.
        """
        return [
            run.figures[figure.key]
            for run in self.runs
            if figure.key in run.figures
            and (not run.void or (figure.aggregate == "sum" and run.figures[figure.key] > 0))
        ]


class Results:
    """The file of everything measured.

    Args:
        path: the file; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._document: dict[str, Any] = {"format": FORMAT, "machine": {}, "scenarios": {}}
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            if found.get("format") == FORMAT:
                self._document = found

    @property
    def machine(self) -> Mapping[str, Any]:
        """Where the figures were taken."""
        found: Mapping[str, Any] = self._document["machine"]
        return found

    def put_machine(self, facts: Mapping[str, Any]) -> None:
        """Keep where the figures are taken."""
        self._document["machine"] = dict(facts)
        self._write()

    def get(self, scenario: str) -> Measured | None:
        """A scenario as far as it was measured."""
        found = self._document["scenarios"].get(scenario)
        return None if found is None else _measured(found)

    def start(self, scenario: str, commit: str, *, lasting: bool = False) -> Measured:
        """Forget what was measured of a scenario at another commit, unless it lasts longer than one."""
        known = self.get(scenario)
        if known is None or (known.commit != commit and not lasting):
            known = Measured(commit)
        return known

    def put(self, scenario: str, measured: Measured) -> None:
        """Keep a scenario, at once and for good."""
        self._document["scenarios"][scenario] = plain(asdict(measured))
        self._write()

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        beside.write_text(_text(self._document), encoding="utf-8")
        beside.replace(self._path)


def _text(document: Mapping[str, Any]) -> str:
    """JSON with a line a run, so that changes can be read."""
    scenarios = document["scenarios"]
    blocks = []
    for name, measured in sorted(scenarios.items()):
        runs = ",\n".join(
            "   " + json.dumps(run, separators=(",", ":"), sort_keys=True) for run in measured["runs"]
        )
        head = json.dumps({key: value for key, value in measured.items() if key != "runs"})[:-1]
        blocks.append(f'  {json.dumps(name)}: {head}, "runs": [\n{runs}\n  ]}}')
    machine = json.dumps(document["machine"])
    body = ",\n".join(blocks)
    return f'{{\n "format": {FORMAT},\n "machine": {machine},\n "scenarios": {{\n{body}\n }}\n}}\n'


def _measured(found: Mapping[str, Any]) -> Measured:
    runs = []
    for run in found["runs"]:
        figures = {key: math.inf if value is None else value for key, value in run["figures"].items()}
        loads = tuple(Load(**load) for load in run["loads"])
        runs.append(Run(**{**run, "figures": figures, "loads": loads}))
    return Measured(found["commit"], tuple(runs))

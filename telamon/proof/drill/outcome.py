"""What came of a drill: plain data, kept as JSON, from which every report is made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from telamon.errors import MachineError, UsageError, brief
from telamon.proof.summary import Load, plain

FORMAT: Final = 1


class Verdict(StrEnum):
    """How a drill ended."""

    PASSED = "passed"
    FAILED = "failed"
    VOID = "void"
    """The generator lagged or broke, so it proves nothing."""
    SKIPPED = "skipped"
    """It cannot be done here; the reason says why."""
    BROKEN = "broken"
    """It could not be carried through: the stack was not well before, or the drill itself failed."""


@dataclass(frozen=True)
class Finding:
    """A figure, and whether it is as it must be.

    Attributes:
        key: of the figure.
        title: for people.
        unit: ``s`` or "" for a count.
        value: what was seen; infinity says that it never came true.
        most: the largest value that is all right; ``None`` where nothing was demanded.
    """

    key: str
    title: str
    unit: str
    value: float
    most: float | None = None

    @property
    def met(self) -> bool:
        """Whether it is as it must be."""
        return self.most is None or self.value <= self.most


@dataclass(frozen=True)
class Blow:
    """A fault as it was made.

    Attributes:
        at: seconds after the first one.
        seconds: how long it lasted.
        words: what was done.
    """

    at: float
    seconds: float
    words: str


@dataclass(frozen=True)
class Seen:
    """What the users of one product saw.

    Attributes:
        product: whose users.
        load: requests, latencies, failures over time.
        sessions: how many there were.
        acknowledged: writes that were.
        unknown: writes of which nobody can know.
        read_back: acknowledged writes that a later request had the chance to show.
        anomalies: what the history checker found, by name.
        witnesses: the checker's words, a sentence each.
        percentiles: by phase, then by name (``p50`` …), in seconds.
    """

    product: str
    load: Load
    sessions: int
    acknowledged: int
    unknown: int
    read_back: int
    anomalies: Mapping[str, int]
    witnesses: Sequence[str]
    percentiles: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Outcome:
    """One drill that was run.

    Attributes:
        drill: its name.
        title: for people.
        hypothesis: what was expected to hold.
        product: that was hurt; "" where it was the whole stack.
        seed: of everything that was chosen.
        began: wall clock, seconds since 1970.
        seconds: how long it took.
        verdict: how it ended.
        reason: why, in a sentence; "" where it passed.
        blows: what was done.
        findings: every figure.
        marks: instants after the first fault, by name, for the plot; infinite where they never came.
        seen: by product.
        notes: what a reader should know.
        settings: how it was run: rate, sessions, lengths.
        versions: of everything that took part.
        repeat: the command that does it again.
    """

    drill: str
    title: str
    hypothesis: str
    product: str
    seed: int
    began: float
    seconds: float
    verdict: Verdict
    reason: str = ""
    blows: Sequence[Blow] = ()
    findings: Sequence[Finding] = ()
    marks: Mapping[str, float] = field(default_factory=dict)
    seen: Sequence[Seen] = ()
    notes: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    repeat: str = ""

    @property
    def label(self) -> str:
        """Drill and product, for people."""
        return f"{self.drill} {self.product}".rstrip()

    def finding(self, key: str) -> Finding | None:
        """A figure, if the drill has it."""
        return next((finding for finding in self.findings if finding.key == key), None)

    @property
    def sent(self) -> int:
        """Requests of all users."""
        return sum(seen.load.sent for seen in self.seen)

    @property
    def failed(self) -> Mapping[str, int]:
        """Requests that failed, by cause."""
        causes: dict[str, int] = {}
        for seen in self.seen:
            for cause, count in seen.load.failed.items():
                causes[cause] = causes.get(cause, 0) + count
        return causes


def document(outcomes: Sequence[Outcome]) -> Mapping[str, Any]:
    """Outcomes as JSON data."""
    return {"format": FORMAT, "runs": [plain(asdict(outcome)) for outcome in outcomes]}


def write(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Keep outcomes.

    Raises:
        MachineError: they cannot be written.
    """
    beside = path.with_suffix(".new")
    try:
        beside.write_text(json.dumps(document(outcomes), indent=1) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise MachineError(f"the report {path} cannot be written: {brief(error)}") from error


def read(path: Path) -> tuple[Outcome, ...]:
    """Read outcomes that were kept.

    Args:
        path: a report as JSON, or a folder that holds one.

    Raises:
        UsageError: there is none.
    """
    file = path / "report.json" if path.is_dir() else path
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data.get("format") != FORMAT:
            raise UsageError(f"{file} is not a report of format {FORMAT}")
        return tuple(_outcome(run) for run in data["runs"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{file} is no report of a drill: {brief(error)}",
            remedy="Name a folder with a report.json, or the file.",
        ) from error


def _outcome(data: Mapping[str, Any]) -> Outcome:
    return Outcome(
        **{
            **data,
            "verdict": Verdict(data["verdict"]),
            "blows": tuple(Blow(**blow) for blow in data["blows"]),
            "findings": tuple(Finding(**{**one, "value": _number(one["value"])}) for one in data["findings"]),
            "marks": {name: _number(at) for name, at in data["marks"].items()},
            "seen": tuple(_seen(one) for one in data["seen"]),
            "notes": tuple(data["notes"]),
        }
    )


def _seen(data: Mapping[str, Any]) -> Seen:
    phases = {
        phase: {name: math.nan if value is None else value for name, value in found.items()}
        for phase, found in data["percentiles"].items()
    }
    return Seen(**{**data, "load": Load(**data["load"]), "percentiles": phases})


def _number(value: float | None) -> float:
    return math.inf if value is None else value

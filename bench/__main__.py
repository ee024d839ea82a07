"""``python -m bench [SCENARIO…] [--repeats N] [--out FOLDER]``: measure, keep, report."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import machine
from bench.errors import BenchError
from bench.lab import Lab
from bench.report import write_report
from bench.results import Measured, Results
from bench.scenarios import all_scenarios
from bench.scenarios.base import Scenario
from bench.session import Session
from telamon.errors import TelamonError

STACK = Path(__file__).with_name("stack.yaml")
NAME = "bench"
EVIDENCE = machine.ROOT / "docs" / "evidence"
RAW = machine.ROOT / "bench-results"
"""Whole records; git ignores them."""


def main(arguments: Sequence[str]) -> int:
    """Run the bench.

    Args:
        arguments: command line without the program's name.

    Returns:
        Exit code: 0 when everything asked for was measured, whatever the figures; 1 when the bench itself broke.
    """
    options = _parse(arguments)
    known = all_scenarios()
    results = Results(options.out / "bench.json")
    broken: list[str] = []
    if not options.report:
        chosen = [
            scenario for scenario in known if not options.scenarios or scenario.name in options.scenarios
        ]
        broken = _measure(chosen, results, options)
    _say(f"report: {write_report(options.out, results, scenarios=known)}")
    for line in broken:
        _say(f"broken: {line}")
    return 1 if broken else 0


def _measure(chosen: Sequence[Scenario], results: Results, options: argparse.Namespace) -> list[str]:
    """Measure what is missing. Returns what could not be measured, and why."""
    commit = machine.commit()
    if options.again:
        for scenario in chosen:
            results.put(scenario.name, Measured(commit))
    missing = [
        scenario for scenario in chosen if _lacks(results, scenario, commit=commit, repeats=options.repeats)
    ]
    if not missing:
        _say("everything was measured at this commit; --again measures it again")
        return []
    results.put_machine(machine.describe())
    with _session(options.state) as session:
        found = (
            _repeat(session, scenario, results, commit=commit, repeats=options.repeats)
            for scenario in missing
        )
        return [problem for problem in found if problem]


def _lacks(results: Results, scenario: Scenario, *, commit: str, repeats: int) -> int:
    """How many good runs of a scenario are missing."""
    done = [
        run for run in results.start(scenario.name, commit, lasting=scenario.lasting).runs if not run.void
    ]
    return max((scenario.repeats or repeats) - len(done), 0)


def _repeat(session: Session, scenario: Scenario, results: Results, *, commit: str, repeats: int) -> str:
    """Run a scenario until it has enough runs that count, or twice as many in all. Returns why it broke, or ""."""
    most = 2 * (scenario.repeats or repeats)
    while _lacks(results, scenario, commit=commit, repeats=repeats):
        measured = results.start(scenario.name, commit, lasting=scenario.lasting)
        if len(measured.runs) >= most:
            # A machine that is too busy is no defect of the bench: the page says what is void, and why.
            return ""
        try:
            run = scenario.run(session, len(measured.runs))
        except (BenchError, TelamonError) as error:
            session.recover()
            return f"{scenario.name}: {error}"
        results.put(scenario.name, measured.more(run, commit))
        told = ", ".join(f"{key} {value:.2f}" for key, value in run.figures.items())
        _say(f"{scenario.name} {len(measured.runs) + 1}: {told}{f' (void: {run.void})' if run.void else ''}")
    return ""


@contextmanager
def _session(state: Path | None) -> Iterator[Session]:
    """A place for the lab, and an end to it whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="tb-")) if state is None else state
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The database's user must get through, and the names of sockets must stay short.
        folder.chmod(0o711)
        RAW.mkdir(exist_ok=True)
        session = Session(Lab(STACK, folder / "s", NAME), RAW)
        try:
            yield session
        finally:
            session.clear()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _say(line: str) -> None:
    print(line, flush=True)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    names = [scenario.name for scenario in all_scenarios()]
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what must hold.")
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help=f"which: {', '.join(names)}; default: all"
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of each scenario (3)")
    parser.add_argument("--again", action="store_true", help="measure again what was measured at this commit")
    parser.add_argument("--report", action="store_true", help="only write the page again")
    parser.add_argument("--out", type=Path, default=EVIDENCE, help="folder of raw data and page")
    parser.add_argument("--state", type=Path, help="folder for the lab's state; it must not be there yet")
    options = parser.parse_args(arguments)
    if unknown := set(options.scenarios) - set(names):
        parser.error(f"there is no scenario {min(unknown)}; there are: {', '.join(names)}")
    if options.repeats < 1:
        parser.error("--repeats is at least 1")
    if options.state is not None and options.state.exists():
        parser.error(f"{options.state} is there already, and would be purged")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

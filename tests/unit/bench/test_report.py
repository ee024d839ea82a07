"""What was measured is kept, goes on where it was cut short, and is told as it is."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.report import write_report
from bench.results import Figure, Measured, Results, Run
from bench.scenarios import all_scenarios
from bench.scenarios.base import Scenario
from bench.session import Session
from telamon.proof.plot import draw
from telamon.proof.record import Cause, KindFacts, Record, Sample
from telamon.proof.summary import Load, failed, series, summarise

STALL = Figure("stall", "stall", "s", "worst", 0.5)
LOST = Figure("lost", "lost", "", "sum", 0)
TIME = Figure("time", "time", "s", "median", 12.0)


def never(_session: Session, _repeat: int) -> Run:
    raise AssertionError("a report measures nothing")


SCENARIO = Scenario("kill", "Kill a node", "A node is killed.", (STALL, LOST, TIME), never)


def run(stall: float, lost: float, time: float, *, void: str = "") -> Run:
    figures = {"stall": stall, "lost": lost, "time": time}
    return Run(figures, began=1_800_000_000.0, busy=0.1, void=void, marks={"serves again": time})


def record(*samples: Sample) -> Record:
    kinds = {"read": KindFacts("GET", write=False), "write": KindFacts("POST", write=True)}
    return Record("r", 0.0, 0.0, 3, 4.0, 1, kinds, samples, complete=True, cpu=0.5, seconds=5.0)


def sample(due: float, took: float, *, kind: str = "read", cause: Cause = Cause.OK) -> Sample:
    return Sample(0, kind, due, due, due, due + took, 200, cause)


@pytest.mark.parametrize(
    ("figure", "over"), [(STALL, 0.9), (LOST, 8.0), (TIME, 8.0)], ids=["worst", "sum", "median"]
)
def test_several_runs_become_one_figure(figure: Figure, over: float) -> None:
    """A void run counts for what was lost in it, and for nothing else."""
    measured = Measured("c", (run(0.1, 1, 7), run(0.9, 0, 8), run(0.2, 2, 30), run(5, 5, 1, void="late")))
    assert figure.over(measured.values(figure)) == over
    assert math.isnan(figure.over([]))


def test_results_come_back_as_they_were(tmp_path: Path) -> None:
    load = Load("r", 1, 10.0, 5, {"reset": 1}, 0.001, 0.2, {"before": {"sent": 5}}, ((0.0, 5, 1, None, 7.5),))
    first = replace(run(0.25, 0, math.inf), notes=("a note",), loads=(load,))
    results = Results(tmp_path / "bench.json")
    results.put_machine({"cores": 2})
    results.put("kill", Measured("abc", (first, run(0.5, 1, 2))))
    again = Results(tmp_path / "bench.json")
    found = again.get("kill")
    assert found is not None
    assert found.runs[0].figures == first.figures
    assert found.runs[1].figures == {"stall": 0.5, "lost": 1, "time": 2}
    assert again.machine == {"cores": 2}
    assert [list(point) for point in found.runs[0].loads[0].series] == [[0.0, 5, 1, None, 7.5]]
    assert (
        json.loads((tmp_path / "bench.json").read_text())["scenarios"]["kill"]["runs"][0]["figures"]["time"]
        is None
    )


def test_another_commit_begins_anew(tmp_path: Path) -> None:
    results = Results(tmp_path / "bench.json")
    results.put("kill", Measured("abc", (run(0.5, 1, 2),)))
    assert len(results.start("kill", "abc").runs) == 1
    assert results.start("kill", "def") == Measured("def")
    assert results.start("stop", "abc") == Measured("abc")


def test_what_lasts_longer_than_a_commit_goes_on_and_says_at_which_each_run_was(tmp_path: Path) -> None:
    results = Results(tmp_path / "bench.json")
    for commit in ("abc", "abc", "def"):
        measured = results.start("kill", commit, lasting=True)
        results.put("kill", measured.more(run(0.5, 0, 2), commit))
    assert results.start("kill", "def", lasting=True).commits() == {"abc": 2, "def": 1}
    page = write_report(tmp_path, results, scenarios=[SCENARIO])
    assert "Measured at `abc` (2), `def` (1) on 2027-01-15: 3 runs." in page.read_text()


def test_the_page_says_what_was_met_and_what_was_missed(tmp_path: Path) -> None:
    results = Results(tmp_path / "bench.json")
    results.put_machine({"cores": 2, "packages": {"envoy": "1"}})
    results.put("kill", Measured("abcdef", (run(0.6, 0, 11), run(0.4, 0, 13), run(9, 9, 9, void="late"))))
    other = replace(SCENARIO, name="other", title="Something else")
    page = write_report(tmp_path, results, scenarios=(SCENARIO, other)).read_text()
    assert "| Kill a node | stall | <= 0.50 s | 0.60 s (worst of 2) | **missed** |" in page
    assert "| Kill a node | lost | 0 | 9 (sum of 3) | **missed** |" in page
    assert "| Kill a node | time | <= 12.00 s | 12.00 s (median of 2) | met |" in page
    assert "| Something else | lost | 0 | not measured |  |" in page
    assert "and 1 void" in page
    assert "void: late" in page
    assert "## Something else" not in page


def test_what_never_came_true_is_missed(tmp_path: Path) -> None:
    results = Results(tmp_path / "bench.json")
    results.put("kill", Measured("abcdef", (run(math.inf, 0, math.inf),)))
    page = write_report(tmp_path, results, scenarios=(SCENARIO,)).read_text()
    assert "| Kill a node | time | <= 12.00 s | never (median of 1) | **missed** |" in page


def test_a_scenario_whose_every_run_is_void_says_so(tmp_path: Path) -> None:
    results = Results(tmp_path / "bench.json")
    results.put("kill", Measured("abcdef", (run(1, 0, 1, void="late"),)))
    page = write_report(tmp_path, results, scenarios=(SCENARIO,)).read_text()
    assert "| Kill a node | stall | <= 0.50 s | void |  |" in page
    assert "| Kill a node | lost | 0 | void |  |" in page


def test_a_record_becomes_a_load_and_a_picture() -> None:
    found = record(
        sample(0.0, 0.010),
        sample(0.1, 0.030),
        sample(2.0, 0.500, cause=Cause.RESET),
        sample(2.1, 0.100, kind="write", cause=Cause.TIMEOUT),
        sample(4.0, 0.020),
    )
    load = summarise(found, fault=1.0, healed=3.0)
    assert (load.sent, dict(load.failed), load.cores) == (5, {"reset": 1, "timeout": 1}, 0.1)
    assert [load.phases[phase]["sent"] for phase in ("before", "during", "after")] == [2, 2, 1]
    points = series(found.samples, zero=1.0)
    assert [tuple(point) for point in points] == [
        (-1.0, 2, 0, 10.0, 30.0),
        (1.0, 2, 2, None, None),
        (3.0, 1, 0, 20.0, 20.0),
    ]
    assert failed(found, safe=True) == 1
    assert failed(found, safe=False) == 1
    picture = ElementTree.fromstring(draw("a <title>", points, marks={"well": 2.0, "never": math.inf}))
    texts = [element.text for element in picture.iter() if element.text]
    assert "well" in texts
    assert "never" not in texts
    assert any("2 requests failed" in text for text in texts)


def test_every_scenario_has_a_name_of_its_own_and_figures_it_can_be_judged_by() -> None:
    found = all_scenarios()
    assert len({scenario.name for scenario in found}) == len(found)
    for scenario in found:
        keys = [figure.key for figure in scenario.figures]
        assert len(set(keys)) == len(keys)

"""A report says everything that was seen, by itself, and comes back from its data as it was."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from telamon.errors import MachineError, UsageError
from telamon.proof.drill.outcome import Finding, Outcome, Verdict, read, write
from telamon.proof.report.budget import budget
from telamon.proof.report.compare import compare
from telamon.proof.report.page import DATA, page, write_report
from tests.support.outcomes import outcome, skipped
from tools.drill_page import data

VOID = frozenset({"meta", "br", "rect", "line", "path"})


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "action"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def read_page(*outcomes: Outcome) -> Reader:
    reader = Reader()
    reader.feed(page(outcomes, title="Drill & more"))
    reader.close()
    assert reader.open == []
    return reader


def test_page_needs_nothing_else() -> None:
    reader = read_page(outcome(), outcome(Verdict.FAILED, stall=0.9, failed=9, lost=1), skipped())
    assert not reader.tags & {"script", "link", "img", "iframe"}
    assert all(address.startswith("#run-") for address in reader.addresses)


@pytest.mark.parametrize(
    "told",
    [
        "Readers notice nothing <at all>.",
        "kill wiki-1",
        "1,980 requests of 40 sessions",
        "310 writes were acknowledged, 310 of them read again, 2 are unknown",
        "longest stall",
        "0.30 s",
        "met",
        "below 1.5e-03 with 95 % confidence (3/n)",
        "A month has room for 21.6 minutes",
        "seed 7",
        "wiki 9.2.1",
        "telamon drill run node-kill --product wiki --seed 7 --rate 60",
        "not done: kill edge-0",
        "never",
    ],
)
def test_page_tells(told: str) -> None:
    assert told in " ".join(read_page(outcome()).words.split())


def test_what_was_lost_is_told_with_the_checkers_words() -> None:
    words = read_page(outcome(Verdict.FAILED, failed=9, lost=2)).words
    assert "lost: comment 7-0 was acknowledged, and is gone" in words
    assert "9 5xx" in words
    assert "missed" in words


def test_drill_that_was_not_run_says_why_and_shows_no_figures() -> None:
    words = read_page(skipped()).words
    assert "its home is no file system of its own" in words
    assert "What was seen" not in words


def test_nothing_was_run() -> None:
    assert "nothing was run" in read_page().words


def test_data_comes_back_as_it_was(tmp_path: Path) -> None:
    before = (outcome(), outcome(Verdict.FAILED, stall=math.inf, failed=3), skipped())
    write_report(tmp_path / "deep" / "folder", before, title="Drills")
    after = read(tmp_path / "deep" / "folder")
    assert [replace(one, seen=()) for one in after] == [replace(one, seen=()) for one in before]
    assert page(after, title="Drills") == (tmp_path / "deep" / "folder" / "report.html").read_text()
    assert read(tmp_path / "deep" / "folder" / DATA) == read(tmp_path / "deep" / "folder")


def test_data_is_plain_json(tmp_path: Path) -> None:
    write(tmp_path / DATA, [outcome(stall=math.inf)])

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    json.loads((tmp_path / DATA).read_text(), parse_constant=refuse)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 99, "runs": []}', '{"format": 1, "runs": [{"drill": 1}]}']
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / DATA).write_text(text)
    with pytest.raises(UsageError, match="report"):
        read(tmp_path)


def test_report_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(MachineError, match="cannot be written"):
        write_report(tmp_path / "taken", [outcome()], title="Drills")


def test_budget_of_a_month() -> None:
    """99.95 per cent of thirty days leave 21.6 minutes; 12 failures at 60 requests a second take 0.2 s of them."""
    found = budget(outcome(failed=12))
    assert found.bound is None
    assert found.allowed == pytest.approx(0.99)
    assert found.minutes == pytest.approx(21.6)
    assert found.lost == pytest.approx(0.2)
    assert found.such in {6479, 6480}


def test_nothing_failed_so_only_a_bound_is_known() -> None:
    found = budget(outcome())
    assert found.bound == pytest.approx(3 / 1980)
    assert found.such is None


def test_comparison_tells_better_from_worse_and_both_from_noise() -> None:
    first, second = [outcome(stall=0.20)], [outcome(Verdict.FAILED, stall=0.90, failed=3)]
    changes = {one.figure: one.change for one in compare(first, second)}
    assert changes == {
        "verdict": "worse",
        "acknowledged writes lost": "same",
        "failed reads": "worse",
        "longest stall": "worse",
        "writes back": "same",
        "healed after the fault": "same",
    }
    back = {one.figure: one.change for one in compare(second, first)}
    assert (back["verdict"], back["longest stall"]) == ("better", "better")
    noise = {one.figure: one.change for one in compare(first, [outcome(stall=0.22)])}
    assert noise["longest stall"] == "same"


def test_runs_that_only_one_report_has_are_named() -> None:
    found = compare([outcome()], [skipped()])
    assert [(one.run, one.change) for one in found] == [
        ("node-kill wiki", "gone"),
        ("node-disk-full wiki", "new"),
    ]


def test_of_several_runs_the_worst_counts() -> None:
    twice = [outcome(stall=0.1), outcome(Verdict.FAILED, stall=0.8)]
    (stall,) = (one for one in compare([outcome(stall=0.8)], twice) if one.figure == "longest stall")
    assert stall.change == "same"
    assert compare([outcome()], twice)[0].after == "failed"


def test_figure_that_never_came_true_misses_every_limit() -> None:
    assert not Finding("healed", "healed", "s", math.inf, 60.0).met
    assert Finding("writes_back", "writes back", "s", math.inf).met


def test_what_is_kept_of_a_suite_can_be_held_against_a_later_report(tmp_path: Path) -> None:
    told = (outcome(), outcome(Verdict.FAILED, stall=0.9, failed=9, lost=1), skipped())
    write(tmp_path / "report.json", told)
    kept = tmp_path / "drills.json"
    kept.write_text(data(json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["runs"]))
    assert {each.change for each in compare(read(kept), read(tmp_path))} == {"same"}
    assert all(seen.load.series == [] for each in read(kept) for seen in each.seen)

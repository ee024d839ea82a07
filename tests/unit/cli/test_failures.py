"""Errors: their words, their JSON, their exit codes; and never a traceback that nobody asked for."""

from __future__ import annotations

import os

import pytest

from telamon.cli import main
from telamon.cli.failures import as_document, as_text, problem_text
from telamon.errors import (
    BRANCHES,
    InternalError,
    Interrupted,
    Problem,
    RefusedError,
    SetupRequired,
    StackFileError,
    TelamonError,
    TemporaryError,
)
from tests.support.desk import Desk

PROBLEMS = (
    Problem(
        "stack.yaml",
        7,
        29,
        "spec.products.jira.nods",
        'there is no "nods" here',
        'Did you mean "nodes"?',
        "unknown-key",
    ),
    Problem("stack.yaml", 9, 1, "", "a tab stands here", "", "tab"),
)


def made(branch: type[TelamonError]) -> TelamonError:
    if branch is StackFileError:
        return StackFileError(PROBLEMS)
    if branch is RefusedError:
        return RefusedError("no", guard="enough-serving", remedy="wait")
    if branch is TemporaryError:
        return TemporaryError("no", delay=2.0, remedy="wait")
    return branch("no", remedy="wait")


@pytest.mark.parametrize("branch", BRANCHES)
def test_every_branch_has_its_code_in_words_and_in_json(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, branch: type[TelamonError]
) -> None:
    def fail(*_: object) -> object:
        raise made(branch)

    monkeypatch.setattr("telamon.wiring.registry", fail)
    plain, data = desk.run("validate"), desk.run("validate", "-o", "json")
    assert (plain.code, data.code) == (branch.exit_code, branch.exit_code)
    assert plain.out == ""
    assert "Traceback" not in plain.err + data.err
    assert data.document["exit"] == branch.exit_code
    assert data.document["branch"] == branch.__name__
    assert data.err == ""


def test_problems_are_located() -> None:
    assert as_text(StackFileError(PROBLEMS), styled=False).splitlines() == [
        'stack.yaml:7:29: spec.products.jira.nods: there is no "nods" here [unknown-key]',
        '    Did you mean "nodes"?',
        "stack.yaml:9:1: a tab stands here [tab]",
        "error: 2 problems",
    ]
    assert [problem["line"] for problem in as_document(StackFileError(PROBLEMS))["problems"]] == [7, 9]


def test_a_warning_says_that_it_is_one() -> None:
    first = problem_text(PROBLEMS[0], styled=False, warning=True).splitlines()[0]
    assert first.startswith("stack.yaml:7:29: warning: spec.products.jira.nods: there")


def test_a_refusal_names_its_guard_and_the_way_out() -> None:
    error = RefusedError("jira-1 is the last one", guard="enough-serving", remedy="Start jira-0.")
    assert as_text(error, styled=False).splitlines() == [
        "error: jira-1 is the last one",
        "  guard: enough-serving",
        "  remedy: Start jira-0.",
    ]
    assert as_document(error)["guard"] == "enough-serving"


def test_a_page_for_a_person_has_its_url() -> None:
    error = SetupRequired("it shows SetupMystery", url="http://127.0.0.1/setup", form="SetupMystery")
    assert as_document(error)["url"] == "http://127.0.0.1/setup"


def test_an_interruption_is_no_error() -> None:
    assert as_text(Interrupted("nothing was changed"), styled=True) == "nothing was changed"


def test_words_from_elsewhere_cannot_move_the_cursor() -> None:
    shown = as_text(TelamonError("bad \x1b[2Jthing\r\nhere"), styled=False)
    assert shown == "error: bad  [2Jthing  here"


def test_a_defect_keeps_its_place_to_itself(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telamon.wiring.registry", lambda: os.environ["NEVER SET"])
    quiet, loud = desk.run("validate"), desk.run("validate", "--debug")
    assert (quiet.code, loud.code) == (InternalError.exit_code, InternalError.exit_code)
    assert "Traceback" not in quiet.err
    assert "KeyError" in quiet.err
    assert "Traceback" in loud.err


def test_debug_shows_no_place_for_what_is_no_defect(desk: Desk) -> None:
    found = desk.run("validate", "elsewhere.yaml", "--debug")
    assert found.code == 2
    assert "Traceback" not in found.err


def test_ctrl_c_ends_with_its_code(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def press() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("telamon.wiring.registry", press)
    assert desk.run("validate").code == 130


def test_nobody_reads_the_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def close() -> None:
        raise BrokenPipeError

    monkeypatch.setattr("telamon.wiring.registry", close)
    found = desk.run("validate")
    assert (found.code, found.err) == (main.CLOSED, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("stauts",), "Did you mean `telamon status`?"),
        (("frobnicate",), "`telamon --help` lists the verbs."),
        (("status", "--wiat"), "See `telamon status --help`."),
        (("validate", "a", "b"), "See `telamon validate --help`."),
        (("explain", "spec.prodcts"), 'Did you mean "products"?'),
        (("up", "--timeout", "5 minutes"), "remedy: "),
        (("-o", "yaml", "version"), "json"),
        (("completion", "tcsh"), "bash"),
    ],
)
def test_a_wrong_command_line_is_told_the_right_one(
    desk: Desk, arguments: tuple[str, ...], words: str
) -> None:
    found = desk.run(*arguments)
    assert found.code == 2
    assert words in found.err


@pytest.mark.parametrize("form", [("-o", "json"), ("-ojson",), ("--output", "json"), ("--output=json",)])
def test_a_wrong_command_line_is_refused_in_json_where_json_was_asked_for(
    desk: Desk, form: tuple[str, ...]
) -> None:
    assert desk.run("status", "--wiat", *form).document["exit"] == 2
    assert desk.run(*form, "stauts").document["remedy"] == "Did you mean `telamon status`?"

"""The tree of errors: what ends the program with which code, and what people read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from telamon import errors
from telamon.errors import (
    BRANCHES,
    ConflictError,
    InternalError,
    MachineError,
    Problem,
    RefusedError,
    SetupRequired,
    StackFileError,
    TelamonError,
    TemporaryError,
    brief,
    retold,
    told,
)


def below(kind: type[TelamonError]) -> Iterator[type[TelamonError]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from below(inner)


def test_every_branch_has_an_exit_code_of_its_own() -> None:
    codes = [branch.exit_code for branch in BRANCHES]
    assert sorted(set(codes)) == codes
    assert not set(codes) & {0, 1}


def test_every_error_belongs_to_a_branch_and_ends_with_its_code() -> None:
    for kind in below(TelamonError):
        branch = next(branch for branch in BRANCHES if issubclass(kind, branch))
        assert kind.exit_code == branch.exit_code, kind
        assert kind.meaning


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    for kind in below(TelamonError):
        if kind.__module__ == "telamon.errors":
            assert f"─ {kind.__name__} " in drawn, kind


def test_a_refused_stack_file_names_the_first_problem_and_carries_all() -> None:
    problems = [
        Problem("a.yaml", line, 3, "spec.x", "this is wrong", "Change it.", "type") for line in (2, 5)
    ]
    error = StackFileError(problems)
    assert str(error) == "2 problems in a.yaml: a.yaml:2:3: spec.x: this is wrong"
    assert error.problems == tuple(problems)


def test_a_refusal_without_a_problem_is_a_defect() -> None:
    with pytest.raises(InternalError):
        StackFileError([])


def test_a_page_that_a_person_must_finish_says_where() -> None:
    error = SetupRequired("an unknown page is shown", url="http://127.0.0.1:8080/x", form="SetupMystery")
    assert "http://127.0.0.1:8080/x" in (error.remedy or "")


@pytest.mark.parametrize(
    ("text", "short"),
    [("one\ntwo", "one"), ("\n  \n three ", "three"), ("", "ValueError"), ("x" * 300, "x" * 199 + "…")],
)
def test_a_foreign_text_is_cut_to_a_sentence(text: str, short: str) -> None:
    assert brief(ValueError(text)) == short


@pytest.mark.parametrize(
    "error",
    [
        MachineError("port 8080 is taken", remedy="free it"),
        ConflictError("another keeps it"),
        RefusedError("not now", guard="release-stays", remedy="put it back"),
        TemporaryError("busy", delay=2.5),
    ],
)
def test_an_error_told_to_another_process_arrives_whole(error: TelamonError) -> None:
    arrived = retold(told(error))
    assert type(arrived) is type(error)
    assert vars(arrived) == vars(error)


def test_an_error_of_another_version_arrives_as_a_defect() -> None:
    arrived = retold({"error": "something new", "exit": 123})
    assert isinstance(arrived, InternalError)
    assert arrived.message == "something new"

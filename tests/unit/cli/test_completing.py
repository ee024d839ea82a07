"""What a shell offers while a command is typed."""

from __future__ import annotations

import io

import pytest
from click.shell_completion import ShellComplete

from telamon.cli.main import COMPLETE, PROGRAM, program
from tests.support.controller import Refusal
from tests.support.desk import Desk


def offered(desk: Desk, *typed: str) -> list[str]:
    """The words offered for the last one typed."""
    session = desk.session(io.StringIO(), io.StringIO())
    shell = ShellComplete(program(), {"obj": session}, PROGRAM, COMPLETE)
    return [item.value for item in shell.get_completions(list(typed[:-1]), typed[-1])]


def test_verbs_are_offered(desk: Desk) -> None:
    assert offered(desk, "quar") == ["quarantine"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (("quarantine", "jira"), ["jira-0", "jira-1"]),
        (("logs", "-s", "acme", "d"), ["database-0"]),
        (("restart", ""), ["database", "jira"]),
        (("restart", "jira", "jira-1"), ["jira-1"]),
        (("upgrade", ""), ["jira"]),
        (("status", "a"), ["acme"]),
        (("quarantine", "--stack", "a"), ["acme"]),
    ],
)
def test_what_the_stack_has_is_offered(desk: Desk, typed: tuple[str, ...], expected: list[str]) -> None:
    desk.brought_up()
    assert offered(desk, *typed) == expected


def test_fields_are_offered_level_by_level(desk: Desk) -> None:
    assert offered(desk, "explain", "sp") == ["spec"]
    assert "spec.products.jira.nodes" in offered(desk, "explain", "spec.products.jira.n")
    assert offered(desk, "explain", "spec.nowhere.x") == []


def test_nothing_is_offered_and_nothing_said_where_nobody_can_tell(desk: Desk) -> None:
    assert offered(desk, "quarantine", "") == []
    desk.brought_up()
    desk.controller.refusals["/v1/stack"] = Refusal(
        500, {"error": "damaged", "remedy": None, "branch": "PlatformError", "exit": 7}
    )
    assert offered(desk, "quarantine", "") == []

"""``telamon doctor --live`` refuses what it cannot ask, and never shows a log-in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.desk import Desk
from tests.understudy.support import free_port, own_address

LOGIN = "token: hunter2\n"


@pytest.fixture
def login(tmp_path: Path) -> Path:
    """A file with a log-in that nobody else can read."""
    path = tmp_path / "login.yaml"
    path.touch(0o600)
    path.write_text(LOGIN, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--product", "jira"), 2, "which instance"),
        (("--live", "http://h", "--product", "jra", "--credentials", "LOGIN"), 2, "Did you mean jira"),
        (("--live", "http://h", "--product", "jira"), 2, "log-in"),
        (("--live", "ftp://h", "--product", "jira", "--credentials", "LOGIN"), 2, "no URL"),
        (("--live", "http://h:x", "--product", "jira", "--credentials", "LOGIN"), 2, "no URL"),
        (("--live", "http://u:hunter2@h", "--product", "jira", "--credentials", "LOGIN"), 2, "no URL"),
        (
            ("--live", "https://h", "--product", "jira", "--credentials", "LOGIN", "--authority", "none"),
            6,
            "authorit",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(
    desk: Desk, login: Path, *, arguments: tuple[str, ...], code: int, words: str
) -> None:
    answer = desk.run("doctor", *(each.replace("LOGIN", str(login)) for each in arguments))
    assert answer.code == code
    assert words in answer.err
    assert "hunter2" not in answer.err


@pytest.mark.parametrize(
    ("content", "mode", "code"), [(LOGIN, 0o644, 6), ("user: a\n", 0o600, 2), ("", 0o600, 2)]
)
def test_a_log_in_that_is_none_or_everybodys_is_refused(
    desk: Desk, login: Path, *, content: str, mode: int, code: int
) -> None:
    login.write_text(content, encoding="utf-8")
    login.chmod(mode)
    answer = desk.run("doctor", "--live", "http://h", "--product", "jira", "--credentials", str(login))
    assert answer.code == code


def test_an_instance_that_does_not_answer_is_told_so(desk: Desk, login: Path) -> None:
    address = own_address()
    url = f"http://{address}:{free_port(address)}"
    answer = desk.run("doctor", "--live", url, "--product", "jira", "--credentials", str(login))
    assert answer.code == 8
    assert "unseen  status: the connection was refused" in answer.out
    assert "differs log-in" in answer.out

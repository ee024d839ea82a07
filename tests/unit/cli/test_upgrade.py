"""``telamon upgrade``: what it asks the controller for, and what it leaves in the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.controller import Refusal
from tests.support.desk import Desk

TEXT = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  domain: acme.example
  products:
    jira: {version: 11.3.1}
  maintenance:
    windows: [{start: "02:00", duration: 2h}]
"""


def waiting(phase: str = "Pending") -> Mapping[str, Any]:
    """An upgrade as the controller lists it."""
    return {
        "apiVersion": "telamon.dev/v1alpha1",
        "kind": "Operation",
        "metadata": {"name": "upgrade-jira-1"},
        "spec": {
            "verb": "upgrade",
            "target": {"stack": "acme", "component": "jira"},
            "params": {"from": "11.3.1", "to": "11.3.2", "in-window": "yes"},
            "generation": 2,
        },
        "status": {"phase": phase, "message": "begins in the maintenance window that opens Tue 02:00 UTC"},
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A stack file."""
    path = tmp_path / "stack.yaml"
    path.write_text(TEXT)
    return path


def test_in_a_window_it_is_sent_and_nobody_waits(desk: Desk, file: Path) -> None:
    desk.brought_up()
    desk.controller.operations = [waiting("Succeeded"), waiting()]
    done = desk.run("upgrade", "jira", "11.3.2", "-f", str(file), "--in-window", "--yes")
    assert done.code == 0, done.err
    assert "upgrade-jira-1: Pending (begins in the maintenance window" in done.out
    sent = next(
        body for method, path, body in desk.controller.asked if (method, path) == ("PUT", "/v1/stack")
    )
    assert sent["inWindow"] == ["jira"]
    assert "11.3.2" in file.read_text()


def test_where_nothing_waits_it_is_told_how_the_stack_stands(desk: Desk, file: Path) -> None:
    desk.brought_up()
    desk.controller.operations = [waiting("Succeeded")]
    done = desk.run("upgrade", "jira", "11.3.2", "-f", str(file), "--in-window", "--yes")
    assert (done.code, "acme is ready" in done.out) == (0, True)


def test_a_refusal_leaves_the_file_as_it_was(desk: Desk, file: Path) -> None:
    desk.brought_up()
    body = {"error": "the stack file names no maintenance window", "guard": "window-is-named", "exit": 4}
    desk.controller.refusals["/v1/stack"] = Refusal(409, body | {"branch": "RefusedError"})
    done = desk.run("upgrade", "jira", "11.3.2", "-f", str(file), "--in-window", "--yes")
    assert done.code == 4
    assert file.read_text() == TEXT


def test_print_shows_the_change_and_touches_and_asks_nothing(desk: Desk, file: Path) -> None:
    done = desk.run("upgrade", "jira", "11.3.2", "-f", str(file), "--print")
    assert done.code == 0, done.err
    assert done.out == f'{file}:7\n- jira: {{version: 11.3.1}}\n+ jira: {{version: "11.3.2"}}\n'
    assert file.read_text() == TEXT
    assert desk.controller.asked == []


def test_print_names_the_file_in_which_the_version_stands(desk: Desk, file: Path) -> None:
    over = file.parent / "staging.yaml"
    over.write_text("kind: StackOverlay\nextends: stack.yaml\nspec: {environment: staging}\n")
    done = desk.run("upgrade", "jira", "11.3.2", "-f", str(over), "--print", "-o", "json")
    assert done.code == 0, done.err
    told = done.document
    assert told["file"] == str(file)
    assert told["patch"].startswith(f"{file}:7\n")
    assert file.read_text() == TEXT


def test_print_of_a_product_that_the_file_lacks_names_the_nearest(desk: Desk, file: Path) -> None:
    done = desk.run("upgrade", "jra", "11.3.2", "-f", str(file), "--print")
    assert (done.code, done.out) == (2, "")
    assert "Did you mean jira?" in done.err


@pytest.mark.parametrize("version", ["11.3", "11", "latest"])
def test_what_is_no_whole_version_is_refused_and_the_file_stays(desk: Desk, file: Path, version: str) -> None:
    desk.brought_up()
    done = desk.run("upgrade", "jira", version, "-f", str(file), "--yes")
    assert done.code == 3
    assert "three numbers" in done.err
    assert file.read_text() == TEXT
    assert [path for method, path, _ in desk.controller.asked if method == "PUT"] == []


def test_a_version_that_nobody_has_heard_of_gets_the_nearest(desk: Desk, file: Path) -> None:
    desk.brought_up()
    done = desk.run("upgrade", "jira", "11.3.999", "-f", str(file), "--yes")
    assert done.code == 2
    assert 'nobody has heard of jira "11.3.999"' in done.err
    assert "The nearest that are known are 11.3.5, 11.2.1 and 11.1.1." in done.err
    assert file.read_text() == TEXT
    assert [path for method, path, _ in desk.controller.asked if method == "PUT"] == []


@pytest.mark.parametrize("words", [("11.3.999", "--unlisted"), ("11.3.98",), ("11.4.0",)])
def test_a_version_that_somebody_vouches_for_is_taken(desk: Desk, file: Path, words: tuple[str, ...]) -> None:
    drills = "  drills:\n    brokenReleases: {jira: {errs: 11.3.98}}\n    laterReleases: {jira: {rolling: 11.4.0}}\n"
    file.write_text(TEXT + drills)
    done = desk.run("upgrade", "jira", *words, "-f", str(file), "--print")
    assert done.code == 0, done.err
    assert words[0] in done.out

"""``telamon import``: a live release becomes a stack file, and what cannot be read is refused."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.support.desk import Desk
from tests.support.releases import secret

NEEDED = ("--shared-class", "shared")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A file with the secret of a release."""
    path = tmp_path / "release.json"
    path.write_text(json.dumps({"kind": "List", "items": [secret()]}), encoding="utf-8")
    return path


def test_a_live_release_becomes_a_stack_file_that_is_valid(desk: Desk, release: Path, tmp_path: Path) -> None:
    answer = desk.run("import", "--release", str(release), *NEEDED)
    assert answer.code == 0
    assert "unknown: jira: nonsense" in answer.err
    file = tmp_path / "stack.yaml"
    file.write_text(answer.out, encoding="utf-8")
    assert desk.run("validate", str(file)).code == 0
    listed = desk.run("import", "--release", str(release), *NEEDED, "-o", "json").document
    assert listed["stack"]["spec"]["products"]["jira"]["version"] == "11.3.1"
    assert {each["path"]: each["fate"] for each in listed["values"]}["replicaCount"] == "taken"


def test_a_release_is_asked_of_the_cluster_by_its_name(
    desk: Desk, release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "kubectl"
    program.write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/asked\ncat {release}\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert desk.run("import", "--release", "jira", "--namespace", "tools", *NEEDED).code == 0
    asked = (tmp_path / "asked").read_text(encoding="utf-8")
    assert asked.strip() == "get secrets --selector owner=helm,name=jira --output json --namespace tools"


def test_a_cluster_that_refuses_is_told(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\necho 'secrets is forbidden' >&2\nexit 1\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    answer = desk.run("import", "--release", "jira", *NEEDED)
    assert answer.code == 7
    assert "forbidden" in answer.err
    (tmp_path / "kubectl").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert desk.run("import", "--release", "jira", *NEEDED).code == 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to import"),
        (("none.yaml",), "no file"),
        (("strange=VALUES",), 'no product "strange"'),
        (("VALUES",), "does not say whose"),
        (("jira=VALUES", "--version", "jira"), "no version"),
        (("jira=VALUES", "--version", "jra=1"), "Did you mean jira"),
        (("jira=VALUES", "--claims", "VALUES"), "no list of claims"),
        (("--release", "A b"), "no release"),
    ],
)
def test_a_wrong_command_line_is_refused(
    desk: Desk, tmp_path: Path, *, arguments: tuple[str, ...], words: str
) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("replicaCount: 1\n", encoding="utf-8")
    answer = desk.run("import", *(each.replace("VALUES", str(values)) for each in arguments))
    assert answer.code == 2
    assert words in answer.err


def test_values_that_make_no_valid_file_are_told_with_what_was_made(desk: Desk, tmp_path: Path) -> None:
    values = tmp_path / "jira.yaml"
    values.write_text("replicaCount: 90\nimage: {tag: 11.3.1}\n", encoding="utf-8")
    answer = desk.run("import", str(values), "--domain", "acme.example", *NEEDED)
    assert answer.code == 3
    assert "nodes: 90" in answer.out
    assert "spec.products.jira.nodes" in answer.err

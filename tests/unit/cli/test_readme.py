"""What the README tells people to type can be typed, and what it says comes of it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import click
import pytest

from telamon.cli.main import program
from tests.support.desk import Desk

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [
    re.sub(r"(?m)^    ", "", block).strip("\n")
    for block in re.findall(r"(?m)(?:^(?:    .*)?\n)*^    .*\n(?:^(?:    .*)?\n)*", README)
]
TYPED = re.compile(r"(?:^|\$ |`|\"\$\()(?:\.venv/bin/)?telamon ([^`#\n)]+)", re.MULTILINE)
BAD = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  domain: acme.example
  products:
    jira: {version: 11.3, nodes: 0}
    jra: {version: 11.3.1}
"""


def block_with(text: str) -> str:
    """The block of the README that has some text in it."""
    return next(block for block in BLOCKS if text in block)


def command_lines() -> Iterator[str]:
    """The command lines of ours, in blocks and in the text."""
    for typed in TYPED.findall(README):
        yield typed.strip()


def test_commands_are_found() -> None:
    assert len(set(command_lines())) >= 12
    assert "secret acme-jira-admin password" in set(command_lines())


@pytest.mark.parametrize("line", sorted(set(command_lines())))
def test_a_command_can_be_typed(desk: Desk, line: str) -> None:
    name, *arguments = line.split()
    with click.Context(program(), info_name="telamon", obj=desk.session(StringIO(), StringIO())) as parent:
        verb = program().get_command(parent, name)
        assert verb is not None, name
        # A verb that is named without its words is only spoken of.
        verb.make_context(name, arguments, parent=parent, resilient_parsing=not arguments)


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"up", "test"} <= named <= targets


def test_files_that_are_linked_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_file_that_is_shown_is_valid(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "shown.yaml"
    file.write_text(block_with("kind: Stack") + "\n", encoding="utf-8")
    assert desk.run("validate", str(file)).code == 0


def test_what_is_wrong_is_told_as_shown(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text(BAD, encoding="utf-8")
    found = desk.run("validate", "bad.yaml")
    assert found.code == 3
    shown = block_with("validate bad.yaml").partition("validate bad.yaml\n")[2]
    said = (found.out + found.err).strip()
    assert shown.strip() == said

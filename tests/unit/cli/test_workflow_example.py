"""The example of a check of pull requests says only what the command line knows."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML

from telamon.cli.main import program

WORKFLOW = Path(__file__).resolve().parents[3] / "examples" / "ci" / "ground.yaml"


def commands() -> list[list[str]]:
    """Every call of telamon in the workflow, as words."""
    steps = YAML(typ="safe").load(WORKFLOW)["jobs"]["plan"]["steps"]
    lines = [
        line.strip().replace("${{ matrix.layer }}", "network")
        for step in steps
        for line in step.get("run", "").splitlines()
    ]
    return [shlex.split(line.split(" > ")[0])[1:] for line in lines if line.startswith("telamon ")]


def test_it_validates_renders_and_plans() -> None:
    assert [words[0] for words in commands()] == ["validate", "render", "infra"]


@pytest.mark.parametrize("words", commands(), ids=lambda words: words[0])
def test_the_command_line_takes_every_word(words: list[str]) -> None:
    verb: click.Command = program()
    context = click.Context(verb)
    while isinstance(verb, click.Group):
        name = words.pop(0)
        found = verb.get_command(context, name)
        assert found is not None, name
        verb = found
    verb.make_context(verb.name, words)

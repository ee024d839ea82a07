"""Every verb explains itself, and the overview needs none of them."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import click
import pytest

from telamon.cli.main import program
from telamon.cli.options import Verb
from telamon.cli.verbs import CHAPTERS, NAMES, Listed
from tests.support.desk import Desk
from tests.support.ground import EXAMPLE

LOOKING = frozenset(
    {
        *("status", "logs", "secret", "trust", "operations list", "operations show", "operations wait"),
        "machines list",
        *("index status", "backup list", "backup show", "drill list", "drill show", "drill compare"),
        *(
            "infra show",
            "infra status",
            "infra token",
            "proof check",
            "validate",
            "plan",
            "compare",
            "reach",
            "apis",
            "diff",
            "build",
        ),
        *("explain", "schema", "version", "completion"),
        # They write a new file or folder that is their answer.
        *("support", "render", "import"),
    }
)
"""Verbs that change nothing; every other one can be agreed to beforehand."""
SHELL = frozenset({">", ">>", "|", "&&"})


def verb(name: str) -> Verb:
    found = program().get_command(click.Context(program()), name)
    assert isinstance(found, Verb)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_verb_explains_itself_with_examples(
    desk: Desk, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk.run(name, "--help").code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: telamon {name} [OPTIONS]")
    examples = shown.partition("Examples:\n")[2].splitlines()
    assert examples
    assert all(f"telamon {name}" in example for example in examples)


@pytest.mark.parametrize("listed", [verb for chapter in CHAPTERS for verb in chapter.verbs], ids=str)
def test_the_table_says_what_the_verb_says(listed: Listed) -> None:
    assert verb(listed.name).prose.splitlines()[0] == listed.summary


def verbs(found: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """A verb, or all that it has, with the words that are typed."""
    if not isinstance(found, click.Group):
        yield name, found
        return
    for word, inner in found.commands.items():
        yield from verbs(inner, f"{name} {word}")


def test_every_verb_that_changes_something_takes_an_agreement() -> None:
    every = {typed: found for name in NAMES for typed, found in verbs(verb(name), name)}
    takes = {
        typed
        for typed, found in every.items()
        for parameter in found.params
        if {"-y", "--yes"} <= set(parameter.opts)
        and isinstance(parameter, click.Option)
        and parameter.is_flag
    }
    assert every.keys() - takes == LOOKING


def commands(example: str) -> list[list[str]]:
    """The command lines of ours in a line of shell."""
    words = shlex.split(example.replace("$(", " $( ").replace("<(", " <( ").replace(")", " ) "))
    found: list[list[str]] = []
    inside = False
    for word in words:
        if word == "telamon":
            found.append([])
            inside = True
        elif word in SHELL or word in {")", "$(", "<("}:
            inside = False
        elif inside:
            found[-1].append(word)
    return found


@pytest.mark.parametrize("example", [example for name in NAMES for example in verb(name).examples])
def test_an_example_can_be_typed(desk: Desk, example: str) -> None:
    lines = commands(example.replace("'eval \"", "").replace("\"'", ""))
    assert lines
    for name, *arguments in lines:
        with click.Context(
            program(), info_name="telamon", obj=desk.session(StringIO(), StringIO())
        ) as parent:
            verb(name).make_context(name, arguments, parent=parent)


def test_the_overview_lists_every_verb(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.run().code == 0
    shown = capsys.readouterr().out
    for name in NAMES:
        assert f"\n  {name} " in shown


def imported(*arguments: str) -> set[str]:
    """The modules that a command line imports, in a process of its own."""
    code = (
        "import sys\n"
        "from telamon.cli.main import main\n"
        f"sys.argv = ['telamon', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code, ended.code\n"
        "print('MODULES', *sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.partition("MODULES")[2].split())


@pytest.mark.parametrize("arguments", [("--help",), ("version",), ("up", "--help")])
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    heavy = {
        "pydantic",
        "http.client",
        "rich",
        "ruamel.yaml",
        "telamon.wiring",
        "telamon.model.stack",
        "sqlite3",
    }
    found = imported(*arguments)
    assert "telamon.cli.main" in found
    assert found & heavy == set()


def test_validate_imports_neither_client_nor_renderer(desk: Desk) -> None:
    found = imported("validate")
    assert "telamon.stackfile.reader" in found
    assert found & {"http.client", "rich", "telamon.cli.client"} == set()


def test_rendering_the_ground_imports_its_own_answers_alone(tmp_path: Path) -> None:
    found = imported("render", str(EXAMPLE), "--terraform", "--output", str(tmp_path))
    answers = {name for name in found if name.startswith("telamon.cli.documents.")}
    assert answers == {"telamon.cli.documents.rendered"}

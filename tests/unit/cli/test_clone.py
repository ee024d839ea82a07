"""What is refused of a copy before anything is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from telamon.cli.reading import as_data
from telamon.model.stack import Stack
from telamon.platforms.backup.catalogue import Catalogue
from tests.support.desk import Desk
from tests.unit.cli.test_backup import entry

FIRST, SECOND = "jira-20260301T100000Z", "jira-20260302T100000Z"
STACK = Stack.model_validate(
    {
        "apiVersion": "telamon.dev/v1alpha1",
        "kind": "Stack",
        "metadata": {"name": "acme"},
        "spec": {"domain": "acme.example", "products": {"jira": {"version": "11.3.1"}}},
    }
)


@pytest.fixture
def source(desk: Desk) -> Path:
    """A stack with two backups of one product."""
    root = desk.folder / "acme"
    root.mkdir(parents=True)
    (root / "store.sqlite").touch()
    catalogue = Catalogue(Path(f"{root}.backups"))
    for name in (FIRST, SECOND):
        catalogue.put(replace(entry(name), stack_file=as_data(STACK)))
    return root


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("jira-20260301T100001Z", "--as", "acme-test"), 2, f"Did you mean {FIRST}?"),
        ((FIRST, "--as", "acme"), 2, "is that of the stack itself"),
        ((FIRST, "--as", "Acme Test"), 2, "is no name of a stack"),
        ((FIRST, SECOND, "--as", "acme-test"), 2, "two of the backups are of jira"),
        (("--as", "acme-test"), 2, "BACKUP"),
        ((FIRST,), 2, "--as"),
        (
            (FIRST, "--as", "acme-test", "--file", "stack.yaml"),
            4,
            "does not describe acme-test as a copy of acme",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(
    desk: Desk, source: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    before = sorted(Path.cwd().iterdir())
    found = desk.run("clone", *words)
    assert found.code == code
    assert says in found.err
    assert desk.wiring.started == []
    assert sorted(Path.cwd().iterdir()) == before


def test_folder_of_the_original_is_refused(desk: Desk, source: Path) -> None:
    found = desk.run("clone", FIRST, "--as", "acme-test", "--into", str(source))
    assert (found.code, desk.wiring.started) == (2, [])
    assert "is the folder of acme" in found.err


def test_folder_of_another_stack_is_refused(desk: Desk, source: Path) -> None:
    other = desk.folder / "acme-test"
    other.mkdir()
    (other / "store.sqlite").touch()
    found = desk.run("clone", FIRST, "--as", "acme-test")
    assert (found.code, desk.wiring.started) == (5, [])
    assert "keeps a stack already" in found.err


def test_original_that_cannot_be_read_leaves_no_folder_behind(desk: Desk, source: Path) -> None:
    found = desk.run("clone", FIRST, "--as", "acme-test")
    assert found.code != 0
    assert "no stack is installed" in found.err
    assert desk.wiring.started == []
    assert not (desk.folder / "acme-test").exists()

"""Every answer in JSON has the shape that is documented."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import fields
from typing import Any

import pytest

from telamon.cli import documents
from telamon.cli.documents.shape import camel
from telamon.cli.verbs import NAMES
from tests.support.desk import Desk
from tools.cli_reference import ANSWERS, attributes

SHAPES = {
    kind.__name__: kind for answer in ANSWERS.values() if not isinstance(answer, str) for kind in answer
}


def test_every_verb_says_what_it_answers() -> None:
    assert sorted(ANSWERS) == sorted(NAMES)


@pytest.mark.parametrize("kind", SHAPES.values(), ids=SHAPES)
def test_every_key_is_explained(kind: type[Any]) -> None:
    assert list(attributes(kind)) == [field.name for field in fields(kind)]


def test_no_class_of_answers_is_forgotten() -> None:
    modules = [
        importlib.import_module(f"{documents.__name__}.{each.name}")
        for each in pkgutil.iter_modules(documents.__path__)
    ]
    declared = {
        name
        for module in modules
        for name, found in vars(module).items()
        if isinstance(found, type) and found.__module__ == module.__name__
    }
    assert declared
    assert declared <= set(SHAPES)


CASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Changed", ("up",)),
    ("Changed", ("apply", "--no-wait")),
    ("Down", ("down",)),
    ("Retried", ("retry",)),
    ("Logs", ("logs",)),
    ("SecretList", ("secret",)),
    ("SecretOne", ("secret", "acme-jira-license")),
    ("Certificate", ("trust",)),
    ("Examination", ("doctor",)),
    ("Support", ("support",)),
    ("Validation", ("validate",)),
    ("Plan", ("plan",)),
    ("Explanation", ("explain", "spec.products")),
    ("Version", ("version",)),
    ("Script", ("completion", "fish")),
)


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=[case[0] + case[1][0] for case in CASES])
def test_an_answer_has_its_shape(desk: Desk, name: str, arguments: tuple[str, ...]) -> None:
    desk.brought_up()
    desk.controller.journal.append(desk.controller.journal_line("start jira-0"))
    desk.controller.checks = [
        {"component": "jira", "member": "", "name": "Lucene", "healthy": True, "reason": ""}
    ]
    desk.controller.preview = {
        "steps": [{"component": "jira", "member": "", "step": "x", "because": "y"}],
        "waits": [{"component": "jira", "reason": "x", "message": "y"}],
    }
    desk.wiring.kept.put("acme-jira-license", {"license": "LAB-1"})
    found = desk.run(*arguments, "-o", "json")
    assert found.code == 0, found.err
    has_shape(found.document, SHAPES[name])


def has_shape(document: dict[str, Any], kind: type[Any]) -> None:
    """Check the keys of a document, and of those in its lists."""
    assert list(document) == [camel(field.name) for field in fields(kind)]
    for field in fields(kind):
        inner = SHAPES.get(str(field.type).removeprefix("tuple[").removesuffix(", ...]"))
        value = document[camel(field.name)]
        assert isinstance(value, list) == str(field.type).startswith("tuple"), field
        if inner is not None:
            for item in value:
                has_shape(item, inner)

"""What is published about the stack file: schemas, pages and examples agree with the reader."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from telamon.products.registry import registry
from telamon.stackfile.reader import read
from telamon.stackfile.schema import overlay_schema, schema
from tests.support.faults import spoil
from tests.support.stackfiles import document
from tools.reference import ROOT, pages

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(schema(registry()))


def load(reference: str, *, beside: str) -> tuple[str, bytes]:
    file = Path(beside).parent / reference
    return str(file), file.read_bytes()


@pytest.mark.parametrize("path", pages())
def test_a_page_made_of_the_code_is_fresh(path: str) -> None:
    file = ROOT / path
    assert file.is_file()
    assert file.read_text(encoding="utf-8") == pages()[path], f"{path} is out of date: run `make docs`"


@pytest.mark.parametrize("made", [schema(registry()), overlay_schema(registry())])
def test_the_schemas_are_schemas(made: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(made)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_is_right_and_names_its_schema(file: Path) -> None:
    reading = read(file.read_bytes(), source=str(file), registry=registry(), loader=load)
    assert reading.problems == ()
    hint = file.read_text(encoding="utf-8").splitlines()[0]
    named = file.parent / hint.removeprefix("# yaml-language-server: $schema=")
    made = json.loads(named.read_text(encoding="utf-8"))
    assert made["title"].startswith("Telamon overlay" if "overlay" in file.name else "Telamon stack")


def test_every_section_is_in_the_full_example() -> None:
    spec = (
        read((ROOT / "examples/full.yaml").read_bytes(), source="full.yaml", registry=registry())
        .require()
        .spec
    )
    # A copy is in the lab, and so it is an example of its own: clone.yaml.
    assert spec.model_fields_set == set(type(spec).model_fields) - {"clone"}


@pytest.mark.parametrize("seed", range(60))
def test_the_schema_takes_what_the_reader_takes(seed: int) -> None:
    assert list(VALIDATOR.iter_errors(document(seed))) == []


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize(
    "kind",
    ["wrong type", "wrong unit", "unknown word", "wrong form", "unknown key", "missing key", "misspelt kind"],
)
def test_the_schema_refuses_what_one_value_makes_wrong(kind: str, seed: int) -> None:
    spoiled, faults = spoil(document(seed), [kind], random.Random(seed))
    assert not faults or list(VALIDATOR.iter_errors(spoiled)), faults

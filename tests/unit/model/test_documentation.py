"""Every field of every section tells people what it is; the schema, ``explain`` and the reference live on that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from telamon.model.base import Doc, Section
from telamon.model.operation import Operation
from telamon.model.stack import Stack


def sections_in(annotation: object) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from sections_in(part)


def every_section(root: type[Section], seen: set[type[Section]]) -> set[type[Section]]:
    if root not in seen:
        seen.add(root)
        for field in root.model_fields.values():
            for section in sections_in(field.annotation):
                every_section(section, seen)
    return seen


SECTIONS = sorted(
    every_section(Stack, set()) | every_section(Operation, set()), key=lambda section: section.__name__
)
FIELDS = [(section, name, field) for section in SECTIONS for name, field in section.model_fields.items()]


def is_kind(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1


def test_section_names_are_unique() -> None:
    names = [section.__name__ for section in SECTIONS]
    assert sorted(set(names)) == names
    assert len(names) > 40


@pytest.mark.parametrize(
    ("section", "name", "field"), FIELDS, ids=lambda value: str(getattr(value, "__name__", value))[:30]
)
def test_a_field_says_what_it_is_and_why_it_is_so(
    section: type[Section], name: str, field: FieldInfo
) -> None:
    docs = [mark for mark in field.metadata if isinstance(mark, Doc)]
    if is_kind(field):
        return
    assert len(docs) == 1, f"{section.__name__}.{name}"
    doc = docs[0]
    assert doc.what.endswith("."), doc.what
    if field.is_required():
        assert not doc.why
        assert not doc.unset
    elif field.default is None:
        assert doc.unset.endswith("."), f"{section.__name__}.{name} does not say what leaving it out means"
    elif not any(sections_in(field.annotation)) or get_origin(field.annotation) is not None:
        assert doc.why.endswith("."), f"{section.__name__}.{name} does not say why its default is what it is"


@pytest.mark.parametrize(
    ("section", "name", "field"), FIELDS, ids=lambda value: str(getattr(value, "__name__", value))[:30]
)
def test_a_quantity_says_its_unit(section: type[Section], name: str, field: FieldInfo) -> None:
    quantities = {"Bytes", "Duration", "Cpu", "int"}
    named = {getattr(part, "__name__", "") for part in (field.annotation, *get_args(field.annotation))}
    doc = next((mark for mark in field.metadata if isinstance(mark, Doc)), None)
    if named & quantities and doc is not None and name not in {"observed_generation", "port"}:
        assert doc.unit, f"{section.__name__}.{name} has no unit"


def test_sections_are_frozen_and_strict() -> None:
    for section in SECTIONS:
        config = section.model_config
        assert (config["frozen"], config["strict"], config["extra"]) == (True, True, "forbid"), section

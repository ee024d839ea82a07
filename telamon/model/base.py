"""What all sections share: strictness, and how a field is documented.

Every field carries a :class:`Doc`. It says what the field is, in which unit, why its default is what it is, and what
leaving it out means; types carry the bounds. A test holds every field of every section to that.

Two habits keep the start of the program short, and both hold for every module with sections. Annotations are
not postponed (there is no ``from __future__ import annotations``), because pydantic would compile each text of
them again at every start. And a section that is the default of a field is made by ``model_construct``: it needs
no checking, and so no validator of its own is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Strict
from pydantic.alias_generators import to_camel

T = TypeVar("T")

Items = Annotated[tuple[T, ...], Strict(False)]
"""A sequence that cannot be changed; a list in YAML and JSON. Only the container is lenient, its items are strict."""


@dataclass(frozen=True)
class Doc:
    """What people are told about a field.

    Attributes:
        what: what it is, as a sentence.
        unit: the unit of the number, or the notation of the text; empty where neither says more than the type.
        why: why the default is what it is; empty for a required field.
        unset: what leaving the field out means, where the default is not a value that says so itself.
    """

    what: str
    unit: str = ""
    why: str = ""
    unset: str = ""


class Section(BaseModel):
    """A part of a document: frozen, strict, without room for unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        defer_build=True,
    )

"""What may stand where, read off the models.

Refusals, repair, ``explain``, the JSON schema and the field reference all need to know which keys a section has, what a
list holds and where a choice is made by ``kind``. They ask here; nothing here is written down a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MinLen
from pydantic.fields import FieldInfo

from telamon.model.base import Doc, Section
from telamon.model.text import Matching, Named
from telamon.units import Bytes, Cpu, Duration, Within

Quantity = type[Bytes] | type[Duration] | type[Cpu]
_QUANTITIES: tuple[Quantity, ...] = (Bytes, Duration, Cpu)


@dataclass(frozen=True)
class Shape:
    """What may stand in one place. Exactly one of the first seven attributes is set, or none for any value at all.

    Attributes:
        section: a mapping with these keys.
        variants: one of several sections, told apart by ``kind``.
        values: a mapping from any key to this.
        items: a list of this.
        words: one of these words (or numbers).
        quantity: a number with a unit.
        scalar: ``str``, ``int`` or ``bool``.
        keys: what the keys of ``values`` look like.
        form: what the text looks like.
        low: smallest number or quantity, as it is written.
        high: largest number or quantity, as it is written.
        at_least: fewest entries of a mapping or list, or characters of a text.
    """

    section: type[Section] | None = None
    variants: tuple[type[Section], ...] = ()
    values: Shape | None = None
    items: Shape | None = None
    words: tuple[str | int, ...] = ()
    quantity: Quantity | None = None
    scalar: type[str] | type[int] | type[bool] | None = None
    keys: Shape | None = None
    form: Matching | Named | None = None
    low: str | None = None
    high: str | None = None
    at_least: int = 0


@dataclass(frozen=True)
class Field:
    """One key of a section.

    Attributes:
        key: as it is written in a file.
        doc: what people are told; ``None`` for ``kind``, which explains itself.
        shape: what may stand there.
        required: whether it has to be there.
        default: the value where it is not.
    """

    key: str
    doc: Doc | None
    shape: Shape
    required: bool
    default: Any


def of_section(section: type[Section]) -> Shape:
    """The shape of a whole section."""
    return Shape(section=section)


def fields(section: type[Section]) -> Mapping[str, Field]:
    """The keys of a section, in the order of the model."""
    return {field.key: field for field in map(_field, section.model_fields.items())}


def kind_of(section: type[Section]) -> str:
    """The ``kind`` by which a section is chosen among others."""
    return str(get_args(section.model_fields["kind"].annotation)[0])


def variant(shape: Shape, kind: object) -> type[Section] | None:
    """The section that a ``kind`` chooses."""
    return next((section for section in shape.variants if kind_of(section) == kind), None)


def below(shape: Shape, step: str | int) -> Shape | None:
    """What may stand one step down; a choice has to be made first."""
    if shape.section is not None and isinstance(step, str):
        field = fields(shape.section).get(step)
        return None if field is None else field.shape
    return shape.items if isinstance(step, int) else shape.values


def every_section(shape: Shape) -> Iterator[type[Section]]:
    """The sections that may stand in a place, or one step down a mapping or a list."""
    if shape.section is not None:
        yield shape.section
    yield from shape.variants
    for inner in (shape.values, shape.items):
        if inner is not None:
            yield from every_section(inner)


def _field(named: tuple[str, FieldInfo]) -> Field:
    name, info = named
    doc = next((mark for mark in info.metadata if isinstance(mark, Doc)), None)
    default = None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
    return Field(info.alias or name, doc, _read(info.annotation, [info]), info.is_required(), default)


def _read(annotation: Any, marks: list[Any]) -> Shape:
    """Take an annotation apart, gathering the marks of ``Annotated`` on the way."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *found = get_args(annotation)
        return _read(inner, [*found, *marks])
    if origin in {Union, UnionType}:
        members = [member for member in get_args(annotation) if member is not type(None)]
        if len(members) == 1:
            return _read(members[0], marks)
        return Shape(variants=tuple(members))
    if hasattr(annotation, "__supertype__"):
        return _read(annotation.__supertype__, marks)
    return _marked(_bare(annotation, origin), marks)


def _bare(annotation: Any, origin: Any) -> Shape:
    if origin is Literal:
        return Shape(words=get_args(annotation))
    if origin is tuple:
        return Shape(items=_read(get_args(annotation)[0], []))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, value = get_args(annotation)
        return Shape(keys=_read(key, []), values=_read(value, []))
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return Shape(section=annotation)
    if annotation in _QUANTITIES:
        return Shape(quantity=annotation)
    return Shape(scalar=annotation) if annotation in {str, int, bool} else Shape()


def _marked(shape: Shape, marks: list[Any]) -> Shape:
    for mark in marks:
        match mark:
            case FieldInfo():
                shape = _marked(shape, mark.metadata)
            case Matching() | Named():
                shape = replace(shape, form=mark)
            case Within():
                shape = replace(shape, low=mark.low, high=mark.high)
            case Ge():
                shape = replace(shape, low=str(mark.ge))
            case Le():
                shape = replace(shape, high=str(mark.le))
            case MinLen():
                shape = replace(shape, at_least=mark.min_length)
            case _:
                pass
    return shape

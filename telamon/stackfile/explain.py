"""What a field is: ``telamon explain spec.products.wiki.nodes``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from telamon.errors import UsageError
from telamon.model.base import Section
from telamon.model.stack import Stack
from telamon.stackfile import shape as shapes
from telamon.stackfile.nearest import nearest
from telamon.stackfile.refusals import expected
from telamon.stackfile.shape import Field, Shape

_STEP: Final = re.compile(r"[^.\[\]]+|\[[0-9]*\]")


@dataclass(frozen=True)
class SubField:
    """A field below the one that is explained.

    Attributes:
        path: what to explain next.
        key: its key.
        what: what it is.
        required: whether it has to be there.
    """

    path: str
    key: str
    what: str
    required: bool


@dataclass(frozen=True)
class Explanation:
    """A field, for people.

    Attributes:
        path: where it stands.
        what: what it is.
        accepts: what may be written there.
        unit: unit of the number or notation of the text; empty where there is none.
        bounds: smallest and largest value; empty where there are none.
        required: whether it has to be there.
        default: the value where it is not written; empty where there is none.
        why: why the default is what it is.
        unset: what leaving it out means.
        fields: what can stand below it.
    """

    path: str
    what: str
    accepts: str
    unit: str
    bounds: str
    required: bool
    default: str
    why: str
    unset: str
    fields: tuple[SubField, ...]


def explain(path: str) -> Explanation:
    """Explain a field.

    Args:
        path: keys with dots between, from the top; any name stands for a product, ``[]`` for the items of a list.
            Where ``kind`` chooses among sections, the keys of all of them are known.

    Returns:
        Everything the models know of it.

    Raises:
        UsageError: there is no such field; the remedy names the nearest one.
    """
    steps = _STEP.findall(path)
    field = Field("", None, shapes.of_section(Stack), True, None)
    walked = ""
    for step in steps:
        field = _next(field, step, walked)
        walked = f"{walked}{step}" if step.startswith("[") else f"{walked}.{step}".removeprefix(".")
    return describe(walked, field)


def describe(path: str, field: Field) -> Explanation:
    """Put together what is known of a field at a path."""
    doc, shape = field.doc, field.shape
    what = (
        doc.what
        if doc is not None
        else _of_section(shape) or "Chooses among the sections that may stand here."
    )
    return Explanation(
        path=path,
        what=what,
        accepts=expected(shape) if path else "a document",
        unit="" if doc is None else doc.unit,
        bounds=f"{shape.low} to {shape.high}" if shape.low is not None and shape.high is not None else "",
        required=field.required,
        default=shown(field.default),
        why="" if doc is None else doc.why,
        unset="" if doc is None else doc.unset,
        fields=tuple(_sub_fields(path, shape)),
    )


def shown(default: Any) -> str:
    """A default as it would be written in a file; empty where there is none or its parts have their own."""
    if default is None or isinstance(default, Section):
        return ""
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, tuple):
        return f"[{', '.join(map(str, default))}]"
    if isinstance(default, dict):
        return f"{{{', '.join(f'{key}: {shown(value)}' for key, value in default.items())}}}"
    return str(default) if default != "" else '""'


def _next(field: Field, step: str, walked: str) -> Field:
    shape = field.shape
    if step.startswith("["):
        if shape.items is None:
            raise UsageError(
                f"{walked or 'the document'} is not a list", remedy=f"It takes {expected(shape)}."
            )
        return Field(step, field.doc, shape.items, False, None)
    if shape.values is not None:
        return Field(step, field.doc, shape.values, False, None)
    if shape.items is not None:
        # A key below a list can only mean its items.
        return _next(Field("[]", field.doc, shape.items, False, None), step, f"{walked}[]")
    known = {
        key: found for section in shapes.every_section(shape) for key, found in shapes.fields(section).items()
    }
    if step in known:
        return known[step]
    near = nearest(step, known)
    below = f"Below it are {', '.join(known)}." if known else f"It takes {expected(shape)}."
    raise UsageError(
        f'{walked or "the document"} has no field "{step}"',
        remedy=f'Did you mean "{near}"?' if near else below,
    )


def _of_section(shape: Shape) -> str:
    doc = shape.section.__doc__ if shape.section is not None else None
    return "" if doc is None else doc.strip().splitlines()[0]


def _sub_fields(path: str, shape: Shape) -> Iterator[SubField]:
    inner = f"{path}.NAME" if shape.values is not None else f"{path}[]" if shape.items is not None else path
    seen: set[str] = set()
    for section in shapes.every_section(shape):
        for key, field in shapes.fields(section).items():
            if key in seen:
                continue
            seen.add(key)
            kinds = f"One of {', '.join(map(shapes.kind_of, shape.variants))}." if shape.variants else ""
            what = field.doc.what if field.doc is not None else kinds or expected(field.shape)
            yield SubField(f"{inner}.{key}".removeprefix("."), key, what, field.required)

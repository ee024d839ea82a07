"""The models' errors as problems: where, what is wrong, what to write instead.

The models say *that* a value is wrong, in the words of their library and with a location among their types. Here the
location becomes a path of the file, and the words become ours, with the remedy that the shape of the place suggests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from telamon.stackfile import shape as shapes
from telamon.stackfile.nearest import nearest
from telamon.stackfile.shape import Shape
from telamon.stackfile.tree import Block, Listing, Node, Path, Scalar, find

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Cure(Enum):
    """What makes the rest of the document valid, so that it can still be checked."""

    DROP = "drop"
    INSERT = "insert"
    REPLACE = "replace"


@dataclass(frozen=True)
class Fault:
    """One thing that a model refused.

    Attributes:
        path: the value it is about.
        at_key: whether the key is meant rather than the value.
        rule: name of the check.
        message: what is wrong.
        remedy: what to write instead.
        cure: how to go on.
        whole: the section that has to be cured as a whole, where the value decides what else may stand in it.
    """

    path: Path
    at_key: bool
    rule: str
    message: str
    remedy: str
    cure: Cure
    whole: Path | None = None

    @property
    def scope(self) -> Path:
        """What the cure replaces."""
        return self.path if self.whole is None else self.whole


@dataclass(frozen=True)
class _Place:
    """Where an error is: the value's path and shape, and the shape of the mapping that it stands in."""

    path: Path
    shape: Shape
    parent: Shape
    at_key: bool = False

    @property
    def key(self) -> str:
        return str(self.path[-1]) if self.path else ""


def faults(errors: Iterable[ErrorDetails], *, root: Shape, document: Node) -> list[Fault]:
    """Translate the errors of the models.

    Args:
        errors: as pydantic reports them.
        root: shape of the document.
        document: the tree that was validated.

    Returns:
        A fault for each, with a path that exists in the document but for a key that is missing. A list whose items were
        all refused counts as empty for the models; that echo of what was said already is left out.
    """
    return [_fault(error, root, document) for error in errors if not _is_echo(error, root, document)]


def _is_echo(error: ErrorDetails, root: Shape, document: Node) -> bool:
    node = find(document, _place(error["loc"], root).path)
    return error["type"] == "too_short" and isinstance(node, Block | Listing) and node.size > 1


def _fault(error: ErrorDetails, root: Shape, document: Node) -> Fault:
    place = _place(error["loc"], root)
    match error["type"]:
        case "missing":
            return _missing(place)
        case "extra_forbidden":
            return _unknown_key(place, document)
        case "unit" | "bound" | "form":
            context: Mapping[str, Any] = error["ctx"]
            cure = Cure.DROP if place.at_key else Cure.REPLACE
            return Fault(
                place.path, place.at_key, error["type"], context["message"], context["remedy"] or "", cure
            )
        case "union_tag_invalid" | "union_tag_not_found":
            return _no_choice(place, document)
        case "too_short" | "string_too_short":
            return _replace(place, "bound", "this is empty", remedy=f"Write {expected(place.shape)}.")
        case "greater_than_equal" | "less_than_equal":
            low, high = place.shape.low, place.shape.high
            written = _written(find(document, place.path))
            return _replace(
                place,
                "bound",
                f"{written} is outside the bounds {low} to {high}",
                remedy=f"Write {expected(place.shape)}.",
            )
        case _ if place.at_key:
            return _unknown_word_as_key(place)
        case _:
            return _of_another_shape(place, find(document, place.path))


def expected(shape: Shape) -> str:
    """Say in words what may stand in a place."""
    if shape.words:
        words = [f"{word}" for word in shape.words]
        return words[0] if len(words) == 1 else f"one of {', '.join(words)}"
    if shape.form is not None:
        return f"{shape.form.what}, e.g. {shape.form.example}"
    if shape.quantity is not None:
        return f'{shape.quantity.what}, e.g. "{shape.low or shape.quantity.example}"'
    if shape.items is not None:
        return "a list, each item on a line of its own after a dash"
    if shape.section is not None or shape.variants or shape.values is not None:
        return "a mapping: keys with values, indented below"
    if shape.scalar is int:
        return f"a whole number from {shape.low} to {shape.high}" if shape.high else "a whole number"
    return {str: "text", bool: "true or false"}.get(shape.scalar or str, "a value")


def _place(location: tuple[int | str, ...], root: Shape) -> _Place:
    """Follow a location of pydantic's, which names the chosen kind of a choice as a step of its own."""
    place = _Place((), root, Shape())
    for step in location:
        if step == "[key]":
            return _Place(place.path, place.parent.keys or Shape(), place.parent, at_key=True)
        chosen = shapes.variant(place.shape, step)
        if chosen is not None:
            place = _Place(place.path, shapes.of_section(chosen), place.parent)
        else:
            below = shapes.below(place.shape, step) or Shape()
            place = _Place((*place.path, step), below, place.shape)
    return place


def _replace(place: _Place, rule: str, message: str, *, remedy: str) -> Fault:
    return Fault(place.path, place.at_key, rule, message, remedy, Cure.REPLACE)


def _missing(place: _Place) -> Fault:
    field = None if place.parent.section is None else shapes.fields(place.parent.section).get(place.key)
    about = "" if field is None or field.doc is None else f" {field.doc.what}"
    remedy = f"Write {place.key}: {expected(place.shape)}.{about}"
    return Fault(place.path, False, "missing-key", f'"{place.key}" is missing', remedy, Cure.INSERT)


def _unknown_key(place: _Place, document: Node) -> Fault:
    known = list(shapes.fields(place.parent.section)) if place.parent.section is not None else []
    parent = find(document, place.path[:-1])
    taken = {entry.key for entry in parent.entries} if isinstance(parent, Block) else set()
    near = nearest(place.key, [key for key in known if key not in taken])
    remedy = f'Did you mean "{near}"?' if near is not None else f"Known here: {', '.join(known)}."
    return Fault(place.path, True, "unknown-key", f'there is no "{place.key}" here', remedy, Cure.DROP)


def _unknown_word_as_key(place: _Place) -> Fault:
    near = nearest(place.key, [str(word) for word in place.shape.words])
    hint = f'Did you mean "{near}"? ' if near is not None else ""
    remedy = f"{hint}Write {expected(place.shape)}."
    return Fault(place.path, True, "unknown-key", f'there is no "{place.key}" here', remedy, Cure.DROP)


def _no_choice(place: _Place, document: Node) -> Fault:
    kinds = [shapes.kind_of(section) for section in place.shape.variants]
    path = (*place.path, "kind")
    kind = find(document, path)
    if kind is None:
        message, remedy = '"kind" is missing', f"Write kind: one of {', '.join(kinds)}."
        return Fault(path, False, "missing-key", message, remedy, Cure.REPLACE, whole=place.path)
    near = nearest(kind.text, kinds) if isinstance(kind, Scalar) else None
    hint = f'Did you mean "{near}"? ' if near is not None else ""
    message = f"{_written(kind)} is not a kind that can stand here"
    remedy = f"{hint}Write one of {', '.join(kinds)}."
    return Fault(path, False, "unknown-kind", message, remedy, Cure.REPLACE, whole=place.path)


def _of_another_shape(place: _Place, node: Node | None) -> Fault:
    written = _written(node)
    if isinstance(node, Scalar):
        if _wants_text(place.shape) and not isinstance(node.value, str):
            return _replace(
                place,
                "type",
                f"{written} is a {_sort(node)}, and text is wanted",
                remedy=f'Write it in quotes: "{node.text}".',
            )
        if not node.plain and place.shape.scalar in {int, bool}:
            return _replace(
                place,
                "type",
                f"{written} is text, and {expected(place.shape)} is wanted",
                remedy="Write it without quotes.",
            )
        if place.shape.words:
            return _not_among(place, node)
    return _replace(
        place, "type", f"{written} is not what can stand here", remedy=f"Write {expected(place.shape)}."
    )


def _not_among(place: _Place, node: Scalar) -> Fault:
    near = nearest(node.text, [str(word) for word in place.shape.words])
    hint = f'Did you mean "{near}"? ' if near is not None else ""
    return _replace(
        place,
        "unknown-word",
        f"{_written(node)} is not a word that can stand here",
        remedy=f"{hint}Write {expected(place.shape)}.",
    )


def _wants_text(shape: Shape) -> bool:
    return shape.scalar is str or any(isinstance(word, str) for word in shape.words)


def _sort(node: Scalar) -> str:
    return "truth value" if isinstance(node.value, bool) else "number"


def _written(node: Node | None) -> str:
    if isinstance(node, Block):
        return "a mapping"
    if isinstance(node, Listing):
        return "a list"
    if node is None or node.value is None:
        return "nothing"
    text = node.text if len(node.text) <= 60 else f"{node.text[:59]}…"
    return text if node.plain else f'"{text}"'

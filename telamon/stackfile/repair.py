"""Making a faulty document whole again, so that one fault does not hide the next.

Rules that span several values need a valid document. So every refused value is taken out, or replaced by the example of
its own field, and the rules run over what then stands there. Whatever they say about a replaced value is not reported:
it would speak of our example.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from telamon.stackfile import shape as shapes
from telamon.stackfile.refusals import Cure, Fault
from telamon.stackfile.shape import Shape
from telamon.stackfile.tree import Path


def repaired(data: Any, faults: Iterable[Fault], *, root: Shape) -> Any:
    """Give a document in which nothing refused is left.

    Args:
        data: dictionaries, lists and single values, as read; it is not changed.
        faults: what was refused.
        root: shape of the document.

    Returns:
        A new document, with everything in it that was not refused.
    """
    # The deepest first: what stands below a value that is itself replaced does not matter, but must still be found.
    for fault in sorted(faults, key=lambda fault: len(fault.scope), reverse=True):
        data = _cured(data, fault.scope, cure=fault.cure, shape=root)
    return data


def example(shape: Shape) -> Any:
    """The smallest thing that may stand in a place."""
    if shape.section is not None:
        required = [field for field in shapes.fields(shape.section).values() if field.required]
        return {field.key: example(field.shape) for field in required}
    if shape.variants:
        return example(shapes.of_section(shape.variants[0]))
    if shape.values is not None:
        return {example(shape.keys or Shape()): example(shape.values)} if shape.at_least else {}
    if shape.items is not None:
        return [example(shape.items)] * shape.at_least
    if shape.words:
        return shape.words[0]
    if shape.form is not None:
        return shape.form.example
    if shape.quantity is not None:
        return shape.low or shape.quantity.example
    return {int: int(shape.low or 1), bool: False}.get(shape.scalar or str, "example")


def _cured(data: Any, path: Path, *, cure: Cure, shape: Shape) -> Any:
    if not path:
        return example(shape)
    step, rest = path[0], path[1:]
    if shape.variants and isinstance(data, dict):
        chosen = shapes.variant(shape, data.get("kind"))
        if chosen is None:
            return example(shape)
        shape = shapes.of_section(chosen)
    inner = shapes.below(shape, step) or Shape()
    if isinstance(data, list) and isinstance(step, int) and step < len(data):
        return [
            _cured(item, rest, cure=cure, shape=inner) if index == step else item
            for index, item in enumerate(data)
        ]
    if not isinstance(data, dict):
        return example(shape)
    if rest:
        return {
            key: _cured(value, rest, cure=cure, shape=inner) if key == step else value
            for key, value in data.items()
        }
    return _cured_entry(data, str(step), cure=cure, shape=shape)


def _cured_entry(data: dict[str, Any], key: str, *, cure: Cure, shape: Shape) -> Any:
    field = None if shape.section is None else shapes.fields(shape.section).get(key)
    optional = field is not None and not field.required
    others = {name: value for name, value in data.items() if name != key}
    if cure is Cure.DROP or optional:
        enough = shape.section is not None or len(others) >= shape.at_least
        return others if enough else example(shape)
    return others | {key: example(shapes.below(shape, key) or Shape())}

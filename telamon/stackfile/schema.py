"""The JSON schema of the stack file and of overlays, for editors.

It is made of the models; the texts, units and reasons of every field come along, so that an editor shows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from telamon import naming
from telamon.model.base import Section
from telamon.model.products import ProductSpec
from telamon.model.stack import Stack
from telamon.stackfile import shape as shapes
from telamon.stackfile.findings import Registry
from telamon.stackfile.overlay import DELETE
from telamon.stackfile.shape import Field, Shape

DIALECT: Final = GenerateJsonSchema.schema_dialect
_PROFILE_FILE: Final = {"type": "string", "description": "Relative path of a file that holds the profile."}


def schema(registry: Registry) -> dict[str, Any]:
    """The schema of a stack file.

    Args:
        registry: the products whose names and companions editors should offer.

    Returns:
        A JSON schema of draft 2020-12.
    """
    made = _documented()
    definitions = made["$defs"]
    _offer_products(definitions, registry)
    own = definitions["ProductSpec"]["properties"]["profile"]
    definitions["ProductSpec"]["properties"]["profile"] = own | {"anyOf": [_PROFILE_FILE, *own["anyOf"]]}
    return {"$schema": DIALECT, "title": "Telamon stack file", **made}


def overlay_schema(registry: Registry) -> dict[str, Any]:
    """The schema of an overlay: nothing but what it extends is required, and null takes a key out.

    Args:
        registry: as for :func:`schema`.
    """
    made: dict[str, Any] = _loosened(schema(registry))
    properties = made["properties"]
    properties["kind"] = {"const": naming.OVERLAY_KIND, "description": "What the document is."}
    extends = {"type": "string", "description": "Relative path of the file that this one changes."}
    return made | {
        "title": "Telamon overlay of a stack file",
        "properties": properties | {"extends": extends},
        "required": ["apiVersion", "kind", "extends"],
    }


def sections(root: type[Section]) -> Iterator[type[Section]]:
    """Every section below and including a root, each once, in the order in which a reader meets them."""
    seen: set[type[Section]] = set()
    waiting = [root]
    while waiting:
        section = waiting.pop(0)
        if section in seen:
            continue
        seen.add(section)
        yield section
        for field in shapes.fields(section).values():
            waiting += _inner(field.shape)


def described(field: Field) -> str:
    """All that people are told about a field, as one text."""
    doc = field.doc
    if doc is None:
        return "Chooses among the sections that may stand here."
    parts = [doc.what]
    if doc.unit:
        parts.append(f"Unit: {doc.unit}.")
    if doc.why:
        parts.append(f"Why this default: {doc.why}")
    if doc.unset:
        parts.append(f"Left out: {doc.unset}")
    return " ".join(parts)


def _inner(shape: Shape) -> Iterator[type[Section]]:
    for part in (shape, shape.values, shape.items):
        if part is not None:
            yield from shapes.every_section(part)


def _documented() -> dict[str, Any]:
    made: dict[str, Any] = Stack.model_json_schema(by_alias=True, mode="validation")
    top: dict[str, Any] = {key: value for key, value in made.items() if key != "$defs"}
    definitions: dict[str, Any] = made["$defs"]
    for section in sections(Stack):
        definition = top if section is Stack else definitions[section.__name__]
        definition.pop("title", None)
        for key, field in shapes.fields(section).items():
            kept = {name: part for name, part in definition["properties"][key].items() if name != "title"}
            definition["properties"][key] = {"description": described(field), **kept}
    return {**top, "$defs": dict(sorted(definitions.items()))}


def _offer_products(definitions: dict[str, Any], registry: Registry) -> None:
    """Let editors offer the names of products, and of each one's companions; others stay possible."""
    own = {"$ref": f"#/$defs/{ProductSpec.__name__}"}
    offered = {}
    for name, product in sorted(registry.items()):
        companions = {"properties": {"companions": {"propertyNames": {"enum": sorted(product.companions)}}}}
        offered[name] = {
            "description": f"{product.title}.",
            "allOf": [own, companions, {"required": ["version"]}],
        }
    definitions["StackSpec"]["properties"]["products"]["properties"] = offered


def _loosened(part: Any) -> Any:
    """Drop what an overlay need not fulfil."""
    if isinstance(part, list):
        return [_loosened(item) for item in part]
    if not isinstance(part, dict):
        return part
    kept = {key: _loosened(value) for key, value in part.items() if key not in {"required", "minProperties"}}
    properties = kept.get("properties")
    if isinstance(properties, dict):
        kept["properties"] = {key: _or_null(value) for key, value in properties.items()}
        if "name" in properties and "metadata" not in properties:
            kept["properties"][DELETE] = {"const": True, "description": "Takes the item of this name out."}
    return kept


def _or_null(value: dict[str, Any]) -> dict[str, Any]:
    about = value.get("description")
    described_: dict[str, Any] = {} if about is None else {"description": about}
    inner = {key: part for key, part in value.items() if key != "description"}
    return described_ | {"anyOf": [inner, {"type": "null"}]}

"""The JSON schema of the stack file and of overlays, for editors.

It is made of the models; the texts, units and reasons of every field come along, so that an editor shows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from telamon import naming
from telamon.model.base import Section
from telamon.model.observed import Observed
from telamon.model.products import ProductSpec
from telamon.model.profile import Profile
from telamon.model.stack import Stack
from telamon.stackfile import shape as shapes
from telamon.stackfile.findings import Registry
from telamon.stackfile.overlay import DELETE
from telamon.stackfile.shape import Field, Shape

DIALECT: Final = GenerateJsonSchema.schema_dialect


def schema(registry: Registry) -> dict[str, Any]:
    """The schema of a stack file.

    Args:
        registry: the products whose names and companions editors should offer.

    Returns:
        A JSON schema of draft 2020-12.
    """
    made = documented(Stack)
    definitions = made["$defs"]
    _offer_products(definitions, registry)
    properties = definitions[ProductSpec.__name__]["properties"]
    for key, section in (("profile", Profile), ("observed", Observed)):
        in_a_file = {"type": "string", "description": "Relative path of a file that holds it."}
        properties[key] = {
            "description": properties[key]["description"],
            "anyOf": [in_a_file, {"$ref": f"#/$defs/{section.__name__}"}],
        }
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


def documented(root: type[Section]) -> dict[str, Any]:
    """The schema of a document, with what people are told about each field.

    Args:
        root: the section that is the whole document.
    """
    made: dict[str, Any] = root.model_json_schema(by_alias=True, mode="validation")
    top: dict[str, Any] = {key: value for key, value in made.items() if key != "$defs"}
    definitions: dict[str, Any] = made["$defs"]
    for section in sections(root):
        definition = top if section is root else definitions[section.__name__]
        definition.pop("title", None)
        for key, field in shapes.fields(section).items():
            kept = _without_null(definition["properties"][key])
            kept.pop("title", None)
            definition["properties"][key] = kept | {"description": described(field)}
    return {**top, "$defs": dict(sorted(definitions.items()))}


def _without_null(part: dict[str, Any]) -> dict[str, Any]:
    """A field that may be left out, without the null that stands for that in the models: a file leaves it out."""
    kept = {key: value for key, value in part.items() if not (key == "default" and value is None)}
    choices = [choice for choice in kept.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == len(kept.get("anyOf", ())):
        return kept
    others = {key: value for key, value in kept.items() if key != "anyOf"}
    return others | (choices[0] if len(choices) == 1 else {"anyOf": choices})


def _offer_products(definitions: dict[str, Any], registry: Registry) -> None:
    """Let editors offer the names of products, and of each one's companions and apps; others stay possible."""
    own = {"$ref": f"#/$defs/{ProductSpec.__name__}"}
    offered = {}
    for name, product in sorted(registry.items()):
        named = {"companions": sorted(product.companions), "apps": sorted(product.apps)}
        known = {"properties": {key: {"propertyNames": {"enum": names}} for key, names in named.items()}}
        offered[name] = {
            "description": f"{product.title}.",
            "allOf": [own, known, {"required": ["version"]}],
        }
    definitions["StackSpec"]["properties"]["products"]["properties"] = offered


def _loosened(part: Any) -> Any:
    """Drop what an overlay need not fulfil, in a schema and all schemas within it."""
    if isinstance(part, list):
        return [_loosened(item) for item in part]
    if not isinstance(part, dict):
        return part
    kept = {key: value for key, value in part.items() if key not in {"required", "minProperties"}}
    # Below these two stand names of ours, not words of JSON schema; one of our names is "properties".
    properties = {name: _or_null(_loosened(inner)) for name, inner in part.get("properties", {}).items()}
    definitions = {name: _loosened(inner) for name, inner in part.get("$defs", {}).items()}
    inner = {
        key: _loosened(value) for key, value in kept.items() if key not in {"properties", "$defs", "default"}
    }
    if "name" in properties and "labels" not in properties:
        properties[DELETE] = {"const": True, "description": "Takes the item of this name out."}
    named = {"properties": properties, "$defs": definitions}
    return inner | {key: value for key, value in named.items() if value}


def _or_null(value: dict[str, Any]) -> dict[str, Any]:
    """A property that may also be null; its description stays where editors look for it."""
    about = {key: part for key, part in value.items() if key == "description"}
    return about | {
        "anyOf": [{key: part for key, part in value.items() if key != "description"}, {"type": "null"}]
    }

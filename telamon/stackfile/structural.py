"""JSON schema -> the structural schema that an API server takes.

An API server takes a part of OpenAPI v3: no references, a type in every place, a choice only as a value check beside
properties that are all written down. What JSON schema says besides (patterns of keys, examples) is left to whoever
reads the object; what would be wrong only together with something else is said as a rule in CEL.

Defaults stay out: an object that is stored with every default written into it differs from the file in Git, and keeps
the defaults of the version that was installed when it was made.

Sources: Kubernetes, "Extend the Kubernetes API with CustomResourceDefinitions" (structural schemas, validation rules).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Schema = dict[str, Any]
Definitions = Mapping[str, Schema]

KEPT: Final = (
    "description",
    "enum",
    "format",
    "maximum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "minimum",
    "minItems",
    "minLength",
    "minProperties",
    "pattern",
    "type",
)
"""Words that mean the same in both."""
RULES: Final = "x-kubernetes-validations"
ANYTHING: Final = "x-kubernetes-preserve-unknown-fields"
"""Without it an API server takes away what no schema names."""


def structural(node: Schema, definitions: Definitions) -> Schema:
    """Say a schema in the words of an API server.

    Args:
        node: a JSON schema, as the models give it.
        definitions: what it refers to.
    """
    if "$ref" in node:
        target = definitions[str(node["$ref"]).rpartition("/")[2]]
        own = {"description": node["description"]} if "description" in node else {}
        return structural(target | own, definitions)
    choices = [choice for choice in _choices(node) if choice != {"type": "null"}]
    if choices:
        about = {"description": node["description"]} if "description" in node else {}
        return _chosen(choices, definitions) | about
    made: Schema = {word: node[word] for word in KEPT if word in node}
    if _looks_around(made.get("pattern", "")):
        del made["pattern"]
    if "const" in node:
        made |= {"type": "string", "enum": [node["const"]]}
    if not made.keys() - {"description"} and "properties" not in node:
        return made | {ANYTHING: True}
    return made | _inside(node, definitions)


def _looks_around(value: str) -> bool:
    """Whether a pattern looks ahead or back, which RE2 does not. Source: google/re2, "Syntax"."""
    return any(mark in value for mark in ("(?!", "(?=", "(?<"))


def _choices(node: Schema) -> Sequence[Schema]:
    found: Sequence[Schema] = node.get("oneOf") or node.get("anyOf") or ()
    return found


def _chosen(choices: Sequence[Schema], definitions: Definitions) -> Schema:
    """One of several: a choice of one is that one; scalars share a place; sections are told apart by ``kind``."""
    found = [structural(choice, definitions) for choice in choices]
    if len(found) == 1:
        return found[0]
    types = {str(each.get("type", "")) for each in found}
    if types == {"object"}:
        return _variants(found)
    if types <= {"integer", "number", "string"}:
        return {"x-kubernetes-int-or-string": True}
    # A path in place of what is written out is for files alone: `telamon build` has put in what it points to.
    sections = [each for each in found if each.get("type") == "object"]
    return sections[0] if len(sections) == 1 else {ANYTHING: True}


def _variants(found: Sequence[Schema]) -> Schema:
    """Sections that are told apart by ``kind``: the keys of all, and a rule for what belongs to which."""
    kinds = {str(each["properties"]["kind"]["enum"][0]): each for each in found}
    properties: dict[str, Schema] = {}
    for each in found:
        for key, inner in each["properties"].items():
            properties[key] = inner if key not in properties else _widest(properties[key], inner)
    properties["kind"] = {"type": "string", "enum": list(kinds)}
    return {
        "type": "object",
        "properties": properties,
        "required": ["kind"],
        RULES: list(_belonging(kinds, properties)),
    }


def _widest(one: Schema, other: Schema) -> Schema:
    """What may stand under a key that two kinds have: what both say alike."""
    alike = {key: value for key, value in one.items() if other.get(key) == value or key == "description"}
    if alike.get("type") == "object" and not alike.keys() & {"properties", "additionalProperties"}:
        return alike | {ANYTHING: True}
    return alike


def _belonging(kinds: Mapping[str, Schema], properties: Mapping[str, Schema]) -> Iterator[Schema]:
    """What each kind needs, and which keys belong to other kinds alone."""
    for kind, section in kinds.items():
        needed = [key for key in section.get("required", ()) if key != "kind"]
        if needed:
            has = " && ".join(f"has(self.{escaped(key)})" for key in needed)
            yield rule(f"self.kind != '{kind}' || ({has})", f"kind {kind} needs {', '.join(needed)}")
    for key in properties:
        owners = [kind for kind, section in kinds.items() if key in section["properties"]]
        if len(owners) < len(kinds):
            listed = ", ".join(f"'{kind}'" for kind in owners)
            yield rule(
                f"!has(self.{escaped(key)}) || self.kind in [{listed}]",
                f"{key} belongs to kind {' or '.join(owners)}",
            )


def rule(expression: str, message: str, *, field: str = "") -> Schema:
    """A rule in CEL, and what is said where it does not hold.

    Args:
        expression: in CEL.
        message: for people.
        field: path of the field that is accused, e.g. ``.kind``; "" for the object itself.
    """
    return {"rule": expression, "message": message} | ({"fieldPath": field} if field else {})


def escaped(key: str) -> str:
    """A key as CEL names it.

    Source: Kubernetes, "Validation rules", on property names: words of the language are put between underscores.
    """
    return f"__{key}__" if key in {"namespace", "package", "import", "const", "var", "void", "while"} else key


def _inside(node: Schema, definitions: Definitions) -> Schema:
    """What stands below an object or a list."""
    patterns = node.get("patternProperties")
    if "properties" in node and not patterns:
        properties = {key: structural(inner, definitions) for key, inner in node["properties"].items()}
        required = {"required": list(node["required"])} if node.get("required") else {}
        return {"properties": properties, **required}
    # Names that editors are offered are among those that the pattern allows, and mean the same.
    below = next(iter(patterns.values())) if patterns else node.get("additionalProperties")
    if isinstance(below, dict):
        return {"additionalProperties": structural(below, definitions)}
    if node.get("type") == "object":
        return {ANYTHING: True}
    return {"items": structural(node["items"], definitions)} if "items" in node else {}

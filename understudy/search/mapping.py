"""Field mappings: which values are words and which are one exact term.

Declared types: ``text``, ``keyword``, ``long``, ``integer``, ``double``, ``float``, ``boolean``, ``date`` (an
exact string) and ``object``. A field that was not declared is mapped when it is first seen: strings become
``text`` with a ``keyword`` sub-field, as dynamic mapping does.

Source: OpenSearch documentation, "Mappings and field types" and "Dynamic mapping" (``ignore_above`` 256).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from understudy.search.errors import InvalidRequest

EXACT_TYPES = frozenset({"keyword", "long", "integer", "double", "float", "boolean", "date"})
DYNAMIC_KEYWORD_LENGTH = 256
DYNAMIC_TEXT = {
    "type": "text",
    "fields": {"keyword": {"type": "keyword", "ignore_above": DYNAMIC_KEYWORD_LENGTH}},
}

Properties = dict[str, dict[str, Any]]
Leaf = tuple[str, str | int | float | bool]


def check_properties(properties: Any, *, path: str = "") -> Properties:
    """Check declared ``mappings.properties`` and flatten them to dotted paths.

    Raises:
        InvalidRequest: A type is unknown or the shape is wrong.
    """
    if not isinstance(properties, dict):
        raise InvalidRequest("properties must be an object", kind="mapper_parsing_exception")
    flat: Properties = {}
    for name, declared in properties.items():
        full = f"{path}{name}"
        if not isinstance(declared, dict):
            raise InvalidRequest(f"mapping of [{full}] must be an object", kind="mapper_parsing_exception")
        if "properties" in declared:
            flat |= check_properties(declared["properties"], path=f"{full}.")
            continue
        kind = declared.get("type")
        if kind != "text" and kind not in EXACT_TYPES:
            raise InvalidRequest(
                f"No handler for type [{kind}] declared on field [{full}]", kind="mapper_parsing_exception"
            )
        flat[full] = dict(declared)
    return flat


def merge(current: Properties, added: Properties) -> Properties:
    """Add fields to a mapping; a field may not change its type.

    Raises:
        InvalidRequest: A declared field would change its type.
    """
    for path, declared in added.items():
        known = current.get(path)
        if known is not None and known["type"] != declared["type"]:
            raise InvalidRequest(
                f"mapper [{path}] cannot be changed from type [{known['type']}] to [{declared['type']}]"
            )
    return {**current, **added}


def nested(properties: Properties) -> dict[str, Any]:
    """The mapping as ``GET /{index}/_mapping`` shows it."""
    tree: dict[str, Any] = {}
    for path, declared in sorted(properties.items()):
        level = tree
        *parents, name = path.split(".")
        for parent in parents:
            level = level.setdefault(parent, {}).setdefault("properties", {})
        level[name] = declared
    return tree


def leaves(value: Any, *, path: str = "") -> Iterator[Leaf]:
    """Walk a document: every value that is not a container, with its dotted path."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from leaves(inner, path=f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path=path)
    elif isinstance(value, str | int | float | bool):
        yield path, value


def learn(properties: Properties, source: Mapping[str, Any]) -> Properties:
    """The mapping with a dynamic entry for each field of ``source`` it did not know."""
    fresh: Properties = {}
    for path, value in leaves(source):
        if path in properties or path in fresh:
            continue
        if isinstance(value, bool):
            fresh[path] = {"type": "boolean"}
        elif isinstance(value, int):
            fresh[path] = {"type": "long"}
        elif isinstance(value, float):
            fresh[path] = {"type": "double"}
        else:
            fresh[path] = DYNAMIC_TEXT
    return {**properties, **fresh} if fresh else properties


def split_terms(
    properties: Properties, source: Mapping[str, Any]
) -> tuple[dict[str, list[str]], dict[str, list[Any]]]:
    """Sort the values of a document into words and exact terms.

    Returns:
        Two maps of dotted path to values: those to break into words, and those kept whole.
    """
    words: dict[str, list[str]] = {}
    exact: dict[str, list[Any]] = {}
    for path, value in leaves(source):
        declared = properties[path]
        if declared["type"] == "text" and isinstance(value, str):
            words.setdefault(path, []).append(value)
            keyword = declared.get("fields", {}).get("keyword")
            if keyword and len(value) <= int(keyword.get("ignore_above", DYNAMIC_KEYWORD_LENGTH)):
                exact.setdefault(path, []).append(value)
        else:
            exact.setdefault(path, []).append(coerce(declared["type"], value, path=path))
    return words, exact


def coerce(kind: str, value: Any, *, path: str) -> str | int | float | bool:
    """Bring a value to the declared type, as numbers in strings are accepted.

    Raises:
        InvalidRequest: The value is not of the type.
    """
    try:
        if kind in {"long", "integer"}:
            return int(value)
        if kind in {"double", "float"}:
            return float(value)
    except ValueError as problem:
        raise InvalidRequest(
            f"failed to parse field [{path}] of type [{kind}]", kind="mapper_parsing_exception"
        ) from problem
    if kind == "boolean":
        if value in {True, "true"}:
            return True
        if value in {False, "false"}:
            return False
        raise InvalidRequest(
            f"failed to parse field [{path}] of type [boolean]", kind="mapper_parsing_exception"
        )
    return str(value)

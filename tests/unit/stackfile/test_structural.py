"""What an API server is told of the models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from telamon.products.registry import registry
from telamon.stackfile.crds import custom_resources
from telamon.stackfile.structural import structural


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every schema within a schema."""
    if not isinstance(node, dict):
        return
    yield node
    for inner in (*node.get("properties", {}).values(), node.get("items"), node.get("additionalProperties")):
        yield from nodes(inner)


def bodies() -> list[dict[str, Any]]:
    """The schemas of all resources."""
    return [item["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for item in custom_resources(registry())]


def test_every_place_has_a_type_or_says_that_it_has_none() -> None:
    free = {"x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"}
    untyped = [
        node for body in bodies() for node in nodes(body) if "type" not in node and not free & set(node)
    ]
    assert untyped == []


def test_only_words_of_an_api_server_are_used() -> None:
    foreign = {"$ref", "anyOf", "oneOf", "allOf", "const", "default", "examples", "patternProperties"}
    assert [node for body in bodies() for node in nodes(body) if foreign & set(node)] == []


def test_people_are_told_what_each_field_of_ours_is() -> None:
    for body in bodies():
        for name, node in body["properties"]["spec"]["properties"].items():
            assert node.get("description"), name


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"const": "lab"}, {"type": "string", "enum": ["lab"]}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "integer"}),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"x-kubernetes-int-or-string": True}),
        ({"type": "string", "pattern": "^a(?!b)"}, {"type": "string"}),
        ({"$ref": "#/$defs/Name", "description": "Whose."}, {"type": "string", "description": "Whose."}),
        (
            {"type": "object", "patternProperties": {"^a$": {"type": "integer"}}},
            {"type": "object", "additionalProperties": {"type": "integer"}},
        ),
    ],
)
def test_words_of_json_schema_become_words_of_an_api_server(
    given: dict[str, Any], made: dict[str, Any]
) -> None:
    assert structural(given, {"Name": {"type": "string", "description": "A name."}}) == made


def test_a_choice_by_kind_says_what_belongs_to_which() -> None:
    def section(kind: str, **properties: Any) -> dict[str, Any]:
        named = {"kind": {"const": kind}, **properties}
        return {"type": "object", "properties": named, "required": list(named)}

    made = structural({"oneOf": [section("cat"), section("dog", lead={"type": "string"})]}, {})
    assert made["properties"]["kind"]["enum"] == ["cat", "dog"]
    assert [rule["message"] for rule in made["x-kubernetes-validations"]] == [
        "kind dog needs lead",
        "lead belongs to kind dog",
    ]

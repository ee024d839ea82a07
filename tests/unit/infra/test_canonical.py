"""What is signed has one form."""

from __future__ import annotations

import json

import pytest

from telamon.errors import RefusedError
from telamon.infra.canonical import canonical_plan, digest, read_object, tree_digest

PLAN = b"""{"format_version": "1.2", "timestamp": "2026-11-22T19:15:32Z", "resource_changes": [{"address": "a.b"}],
"relevant_attributes": [{"resource": "a.b", "attribute": ["id"]}, {"resource": "a.a", "attribute": ["id", 0]}]}"""


def plan_digest(content: bytes) -> str:
    return digest(canonical_plan(read_object(content, what="the plan")))


def test_time_and_order_of_relevant_attributes_do_not_count() -> None:
    document = json.loads(PLAN)
    document["timestamp"] = "2027-01-01T00:00:00Z"
    document["relevant_attributes"].reverse()
    assert plan_digest(json.dumps(document, indent=3).encode()) == plan_digest(PLAN)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"1.2"', b'"1.3"'),
        (b"a.b", b"a.c"),
        (b'["id"]', b'["arn"]'),
        (b'"format_version"', b'"new_key": 1, "format_version"'),
    ],
)
def test_everything_else_counts(before: bytes, after: bytes) -> None:
    assert plan_digest(PLAN.replace(before, after, 1)) != plan_digest(PLAN)


def test_numbers_that_a_float_cannot_tell_apart_differ() -> None:
    one, other = b'{"n": 0.1}', b'{"n": 0.1000000000000000000001}'
    assert json.loads(one) == json.loads(other)
    assert plan_digest(one) != plan_digest(other)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_plan_is_refused(content: bytes) -> None:
    with pytest.raises(RefusedError):
        read_object(content, what="the plan")


def test_a_name_and_a_content_are_not_taken_for_one_another() -> None:
    assert tree_digest({"a": b"b", "c": b""}) != tree_digest({"a": b"", "c": b"b"})
    assert tree_digest({"b": b"", "a": b""}) == tree_digest({"a": b"", "b": b""})

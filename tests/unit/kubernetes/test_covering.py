"""When an object on a cluster counts as what was rendered."""

from __future__ import annotations

from typing import Any

import pytest

from telamon.platforms.kubernetes.covering import covered, covers


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({"a": 1, "added": 2}, {"a": 1}),
        ({"limits": {"cpu": "2"}}, {"limits": {"cpu": "2000m"}}),
        ({"requests": {"memory": "1Gi"}}, {"requests": {"memory": "1024Mi"}}),
        ({"requests": {"memory": "500Mi"}}, {"requests": {"memory": "500Mi"}}),
        ({}, {"hostNetwork": False, "name": "", "items": []}),
        ({"ports": [{"name": "http", "protocol": "TCP"}]}, {"ports": [{"name": "http"}]}),
    ],
)
def test_defaults_and_other_ways_to_write_are_no_difference(live: Any, wanted: Any) -> None:
    assert covers(live, wanted)


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({"a": 1}, {"a": 2}),
        ({}, {"a": True}),
        ({"requests": {"memory": "1Gi"}}, {"requests": {"memory": "1G"}}),
        ({"limits": {"cpu": "2"}}, {"limits": {"cpu": "two"}}),
        ({"names": ["a", "b"]}, {"names": ["a"]}),
        ({"names": ["b", "a"]}, {"names": ["a", "b"]}),
        ({"version": "1000m"}, {"version": "1"}),
        ("text", {"a": 1}),
        ("text", ["text"]),
    ],
)
def test_another_value_is_a_difference(live: Any, wanted: Any) -> None:
    assert not covers(live, wanted)


def owned(*, manager: str = "telamon", operation: str = "Apply") -> dict[str, Any]:
    """A ConfigMap of which somebody has applied one key."""
    fields: dict[str, Any] = {"f:data": {".": {}, "f:one": {}}}
    entry = {"manager": manager, "operation": operation, "fieldsV1": fields}
    return {"metadata": {"managedFields": [entry]}, "data": {"one": "1"}}


def test_what_was_ours_and_is_not_wanted_any_more_is_a_difference() -> None:
    assert covered(owned(), {"data": {"one": "1"}})
    assert not covered(owned(), {"data": {}})


def test_what_we_never_applied_is_not_ours_yet() -> None:
    assert not covered(owned(manager="somebody"), {"data": {"one": "1"}})
    assert not covered(owned(operation="Update"), {"data": {"one": "1"}})

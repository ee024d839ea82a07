"""The small parts: the name that was meant, and YAML that every reader understands in one way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telamon.stackfile.build import to_yaml
from telamon.stackfile.compose import compose
from telamon.stackfile.nearest import nearest
from telamon.stackfile.tree import dotted, plain

KNOWN = ["nodes", "version", "resources", "volumes", "production", "staging"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("node", "nodes"),
        ("ndoes", "nodes"),
        ("Nodes", "nodes"),
        ("verson", "version"),
        ("prod", "production"),
        ("volume", "volumes"),
        ("zebra", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_found_or_none(word: str, meant: str | None) -> None:
    assert nearest(word, KNOWN) == meant


def test_without_candidates_nothing_is_near() -> None:
    assert nearest("nodes", []) is None


def test_a_beginning_of_two_names_is_neither_at_once() -> None:
    assert nearest("pro", ["production", "profile"]) is None


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("no", '"no"'),
        ("012", '"012"'),
        ("1.10", '"1.10"'),
        ("11.3.1", "11.3.1"),
        ("2026-11-22", '"2026-11-22"'),
        ("12:30", '"12:30"'),
        ("", '""'),
        ("a: b", '"a: b"'),
        ("a #b", '"a #b"'),
        ("-x", '"-x"'),
        (True, "true"),
        (3, "3"),
        (None, "null"),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_values_are_quoted_where_readers_would_disagree(value: Any, written: str) -> None:
    assert to_yaml({"key": value}) == f"key: {written}\n"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=5))
def test_whatever_is_printed_reads_back_the_same(data: dict[str, Any]) -> None:
    node, problems = compose(to_yaml(data).encode(), file="a.yaml")
    assert problems == []
    assert node is not None
    assert plain(node) == data


def test_a_character_that_json_wrote_in_two_halves_is_whole_again() -> None:
    node, problems = compose(b'{"a": "\\ud83d\\ude00"}', file="a.yaml")
    assert (problems, node and plain(node)) == ([], {"a": "\U0001f600"})


def test_half_a_character_is_refused() -> None:
    _, problems = compose(b'a: "\\ud83d"\n', file="a.yaml")
    assert [(found.rule, found.path) for found in problems] == [("character", "a")]


def test_paths_are_written_as_people_write_them() -> None:
    assert dotted(("spec", "products", "wiki", "volumes", 0, "name")) == "spec.products.wiki.volumes[0].name"
    assert dotted(()) == ""

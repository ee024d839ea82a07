"""Every valid stack file is accepted, whatever it says and however it is written, and survives being printed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from telamon.products.registry import registry
from telamon.stackfile.build import build, to_yaml
from telamon.stackfile.reader import read
from telamon.stackfile.rehearsal import MOST_NODES, rehearse
from tests.support.stackfiles import Document, Draw, document, text

BATCHES = 20
BATCH = 50
"""A thousand files in all; each is made from its seed alone."""


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_valid_file_is_accepted(batch: int) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        reading = read(text(document(seed), Draw(seed)), source="stack.yaml", registry=registry())
        assert reading.problems == (), f"seed {seed}"
        assert reading.stack is not None


@pytest.mark.parametrize("seed", range(50))
def test_a_printed_stack_reads_back_the_same(seed: int) -> None:
    stack = read(text(document(seed), Draw(seed)), source="stack.yaml", registry=registry()).require()
    printed = build(stack)
    assert read(printed, source="built.yaml", registry=registry()).require() == stack
    assert build(read(printed, source="built.yaml", registry=registry()).require()) == printed


@pytest.mark.parametrize("seed", range(50))
def test_any_stack_can_be_rehearsed_in_the_lab(seed: int) -> None:
    stack = read(to_yaml(document(seed)), source="stack.yaml", registry=registry()).require()
    rehearsed, left_out = rehearse(stack)
    assert rehearsed.spec.platform.kind == "lab"
    assert max(product.nodes for product in rehearsed.spec.products.values()) <= MOST_NODES
    assert read(build(rehearsed), source="lab.yaml", registry=registry()).problems == ()
    assert stack.spec.platform.kind == "lab" or left_out
    assert rehearse(rehearsed) == (rehearsed, ())


@pytest.mark.parametrize("seed", range(100))
def test_an_overlay_puts_back_what_was_taken_out_of_its_base(seed: int) -> None:
    whole = document(seed)
    base, over = _torn(whole, Draw(seed))
    files = {"base.yaml": to_yaml(base).encode()}
    overlay = over | {"apiVersion": whole["apiVersion"], "kind": "StackOverlay", "extends": "base.yaml"}

    def loader(reference: str, *, beside: str) -> tuple[str, bytes]:
        assert beside == "over.yaml"
        return reference, files[reference]

    reading = read(to_yaml(overlay), source="over.yaml", registry=registry(), loader=loader)
    assert reading.problems == ()
    assert reading.stack == read(to_yaml(whole), source="stack.yaml", registry=registry()).stack


def _torn(data: Document, draw: Draw) -> tuple[Document, Document]:
    """Part a document in two, so that laying the second over the first gives it back."""
    base: Document = {}
    over: Document = {}
    for key, value in data.items():
        if key in {"apiVersion", "kind"}:
            base[key] = value
        elif isinstance(value, dict) and value:
            base[key], over[key] = _torn(value, draw)
        elif _named(value):
            base[key], over[key] = _torn_items(value, draw)
        elif draw.maybe(0.5):
            over[key] = value
        else:
            base[key] = value
            if draw.maybe(0.3):
                over[key] = copy.deepcopy(value)
    return base, over


def _named(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and "name" in item for item in value)
    )


def _torn_items(items: list[Document], draw: Draw) -> tuple[list[Document], list[Document]]:
    parts = [_torn(item, draw) for item in items]
    named = [
        ({"name": item["name"]} | first, {"name": item["name"]} | second)
        for item, (first, second) in zip(items, parts, strict=True)
    ]
    return [first for first, _ in named], [second for _, second in named]

"""No bytes at all end in a traceback, and bytes that are no stack file are refused by the right check, and soon."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telamon.products.registry import registry
from telamon.stackfile.reader import Reading, read
from tests.support.bytefaults import BYTE_FAULTS, spoilt_bytes
from tests.support.stackfiles import Draw, document, text


def read_bytes(content: bytes) -> Reading:
    return read(content, source="stack.yaml", registry=registry())


def judge(reading: Reading) -> None:
    """What holds for any input."""
    assert (reading.stack is None) == bool(reading.problems)
    for problem in (*reading.problems, *reading.warnings):
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
        assert problem.remedy


@pytest.mark.parametrize("kind", BYTE_FAULTS)
def test_bytes_that_are_no_stack_file_are_refused(kind: str) -> None:
    rule, _ = BYTE_FAULTS[kind]
    for seed in range(5):
        reading = read_bytes(spoilt_bytes(kind, seed))
        judge(reading)
        assert rule in {problem.rule for problem in reading.problems}, f"seed {seed}: {reading.problems}"


@pytest.mark.parametrize("start", range(0, 400, 20))
def test_a_file_with_bytes_changed_at_random_is_read_or_refused(start: int) -> None:
    pieces = [
        b"%YAML",
        b"!!",
        b"&a ",
        b"*a",
        b"<<: *a",
        b"|\n",
        b"? ",
        b"- ",
        b": ",
        b"{",
        b"]",
        b"\t",
        b"\r",
        b"---\n",
        b"%TAG ! x\n",
        b'"',
        b"\x85",
    ]
    for seed in range(start, start + 20):
        rng = random.Random(seed)
        content = bytearray(text(document(seed % 40), Draw(seed)).encode())
        for _ in range(rng.choice([1, 2, 5, 20])):
            at = rng.randrange(len(content) + 1)
            replaced = rng.choice([0, 0, 1, 10])
            content[at : at + replaced] = rng.choice([*pieces, bytes([rng.randrange(256)]), b""])
        judge(read_bytes(bytes(content)))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    judge(read_bytes(content))


@given(st.text(alphabet="abk: -[]{}&*!|>%@#'\"\\\n\t?,<.~0", max_size=60))
def test_any_text_of_yaml_marks_is_read_or_refused(content: str) -> None:
    judge(read(content, source="stack.yaml", registry=registry()))


def test_text_with_half_a_character_is_refused() -> None:
    reading = read("a: \ud800", source="stack.yaml", registry=registry())
    assert [problem.rule for problem in reading.problems] == ["encoding"]

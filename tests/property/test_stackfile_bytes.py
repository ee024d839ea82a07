"""No bytes at all end in a traceback, and bytes that are no stack file are refused by the right check, and soon."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telamon.products.registry import registry
from telamon.stackfile.reader import Reading, read
from tests.support.stackfiles import Draw, document, text

Spoil = Callable[[bytes, random.Random], bytes]


def _line_starts(content: bytes) -> list[int]:
    return [index + 1 for index, byte in enumerate(content[:-1]) if byte == 0x0A]


def _into_a_line(piece: bytes) -> Spoil:
    def spoil(content: bytes, rng: random.Random) -> bytes:
        at = rng.choice(_line_starts(content))
        return content[:at] + piece + content[at:]

    return spoil


def _anywhere(piece: bytes) -> Spoil:
    def spoil(content: bytes, rng: random.Random) -> bytes:
        at = rng.randrange(len(content) + 1)
        return content[:at] + piece + content[at:]

    return spoil


def _bomb(content: bytes, rng: random.Random) -> bytes:
    levels = "".join(
        f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 10)}]\n" for n in range(1, rng.randint(6, 40))
    )
    return b"b0: &b0 [x, x, x, x, x, x, x, x, x, x]\n" + levels.encode() + content


def _deep(content: bytes, rng: random.Random) -> bytes:
    depth = rng.randint(60, 5000)
    return (
        content + b"x: " + rng.choice([b"[" * depth + b"]" * depth, b"{a: " * depth + b"}" * depth]) + b"\n"
    )


def _merge_of_itself(content: bytes, _rng: random.Random) -> bytes:
    return content + b"x: &x\n  <<: *x\n"


BYTE_FAULTS: Mapping[str, tuple[str, Spoil]] = {
    "not UTF-8": ("encoding", _anywhere(b"\xff")),
    "half a character": ("encoding", _anywhere(b"\xe2\x82")),
    "a surrogate": ("encoding", _anywhere(b"\xed\xa0\x80")),
    "UTF-16": ("encoding", lambda content, _: content.decode().encode("utf-16")),
    "ten megabytes": ("file-size", lambda content, _: content + b"#" * (10 * 1024 * 1024)),
    "a control character": ("character", _anywhere(b"\x07")),
    "a zero byte": ("character", _anywhere(b"\x00")),
    "a tab for indentation": ("tab", lambda content, _: content.replace(b"\n  ", b"\n\t", 1)),
    "alias bomb": ("values", _bomb),
    "far too deep": ("depth", _deep),
    "alias within its anchor": ("alias", lambda content, _: content + b"x: &x [*x]\n"),
    "merge of itself": ("alias", _merge_of_itself),
    "alias without anchor": ("alias", lambda content, _: content + b"x: *nowhere\n"),
    "two documents": ("one-document", lambda content, _: content + b"---\n" + content),
    "a tag": ("tag", lambda content, _: content.replace(b"metadata:", b"metadata: !!map", 1)),
    "a Python tag": ("tag", lambda content, _: content + b"x: !!python/object/apply:os.system [ls]\n"),
    "duplicate key": ("duplicate-key", lambda content, _: content + b"kind: Stack\n"),
    "key that is no text": ("key-is-text", lambda content, _: content + b"12: x\n"),
    "key that is a list": ("key-is-text", lambda content, _: content + b"? [a, b]\n: x\n"),
    "unclosed quote": ("syntax", lambda content, _: content + b'x: "never closed\n'),
    "unclosed brace": ("syntax", lambda content, _: content + b"x: {a: b\n"),
    "nothing": ("empty", lambda _content, _rng: b""),
    "only comments": ("empty", lambda _content, rng: b"# nothing\n" * rng.randint(1, 9)),
    "a list": ("document", lambda _content, _rng: b"- a\n- b\n"),
    "a word": ("document", lambda _content, _rng: b"stack"),
    "JSON cut short": ("syntax", lambda _content, rng: b'{"kind": "Stack", "spec": {' * rng.randint(1, 3)),
}


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
    rule, spoil = BYTE_FAULTS[kind]
    for seed in range(5):
        draw = Draw(seed)
        content = text(document(seed), draw)
        block = (
            content if not content.startswith("{") else "apiVersion: x\nkind: Stack\nmetadata:\n  name: a\n"
        )
        reading = read_bytes(spoil(block.removesuffix("...\n").encode(), draw.random))
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

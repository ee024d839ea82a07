"""Ways to spoil the bytes of a valid stack file, each with a name and with the rule that must refuse it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from tests.support.stackfiles import Draw, document, text

Spoil = Callable[[bytes, random.Random], bytes]


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


def spoilt_bytes(kind: str, seed: int) -> bytes:
    """A stack file in block style, with a fault of that kind among its bytes."""
    draw = Draw(seed)
    content = text(document(seed), draw)
    block = content if not content.startswith("{") else "apiVersion: x\nkind: Stack\nmetadata:\n  name: a\n"
    _, spoil = BYTE_FAULTS[kind]
    return spoil(block.removesuffix("...\n").encode(), draw.random)

"""Operations on text: applied, moved over one another, and refused when they are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.kit.edit_tokens import Claims, check_token, make_token
from understudy.kit.errors import BadRequest, Forbidden
from understudy.synchrony.operations import Operation, apply, read_operation, transform


@st.composite
def operations(draw: st.DrawFn, length: int) -> Operation:
    """An operation that fits a text of a length."""
    parts: list[int | str] = []
    left = length
    while left:
        size = draw(st.integers(1, left))
        choice = draw(st.sampled_from(["keep", "remove", "insert"]))
        if choice == "insert":
            parts.append(draw(st.text("xyz", min_size=1, max_size=3)))
            continue
        parts.append(size if choice == "keep" else -size)
        left -= size
    if draw(st.booleans()):
        parts.append("end")
    return tuple(parts)


@st.composite
def two_on_one_text(draw: st.DrawFn) -> tuple[str, Operation, Operation]:
    text = draw(st.text("abcdef", max_size=12))
    return text, draw(operations(len(text))), draw(operations(len(text)))


@pytest.mark.parametrize(
    ("text", "operation", "result"),
    [
        ("", ("abc",), "abc"),
        ("abc", (1, "X", -1), "aXc"),
        ("abc", (3, "!"), "abc!"),
        ("abc", (-3,), ""),
        ("abc", (), "abc"),
    ],
)
def test_an_operation_walks_over_the_text(text: str, operation: Operation, result: str) -> None:
    assert apply(text, operation) == result


@pytest.mark.parametrize(
    ("text", "earlier", "later", "result"),
    [
        ("", ("one ",), ("two",), "one two"),
        ("abc", (1, "X"), (2, "Y"), "aXbYc"),
        ("abc", (2, "Y"), (1, "X"), "aXbYc"),
        ("abcd", (1, -2), (-4,), ""),
        ("abcd", (2, "new"), (1, -2), "anewd"),
        ("abcd", (-4,), (2, "kept"), "kept"),
    ],
)
def test_a_later_operation_is_moved_over_an_earlier_one(
    text: str, earlier: Operation, later: Operation, result: str
) -> None:
    assert apply(apply(text, earlier), transform(later, earlier)) == result


@given(two_on_one_text())
def test_a_moved_operation_fits_and_loses_no_inserted_text(given_: tuple[str, Operation, Operation]) -> None:
    text, earlier, later = given_
    result = apply(apply(text, earlier), transform(later, earlier))
    inserted = [part for part in (*earlier, *later) if isinstance(part, str)]
    for letter in "xyzend":
        in_text = result.count(letter) - sum(part.count(letter) for part in inserted)
        assert 0 <= in_text <= text.count(letter)


@given(two_on_one_text())
def test_what_anybody_removes_is_removed(given_: tuple[str, Operation, Operation]) -> None:
    text, earlier, later = given_

    def removed(operation: Operation) -> set[int]:
        gone: set[int] = set()
        at = 0
        for part in operation:
            if isinstance(part, int):
                if part < 0:
                    gone.update(range(at, at - part))
                at += abs(part)
        return gone

    def without_insertions(operation: Operation) -> Operation:
        return tuple(part for part in operation if isinstance(part, int))

    first, second = without_insertions(earlier), without_insertions(later)
    result = apply(apply(text, first), transform(second, first))
    gone = removed(first) | removed(second)
    assert result == "".join(letter for at, letter in enumerate(text) if at not in gone)


@pytest.mark.parametrize("value", [None, {}, "text", [0], [""], [True], [1.5], [[1]]])
def test_what_is_no_operation_is_refused(value: object) -> None:
    with pytest.raises(BadRequest):
        read_operation(value)


def test_an_operation_beyond_the_end_is_refused() -> None:
    with pytest.raises(BadRequest):
        apply("ab", (3,))


def test_a_token_is_good_for_its_document_and_its_time_only() -> None:
    token = make_token(b"key", Claims("ada", "page-1", 1000))
    assert check_token(b"key", token, document="page-1", now=999).user == "ada"
    for secret, text, document, now in (
        (b"other", token, "page-1", 999),
        (b"key", token, "page-2", 999),
        (b"key", token, "page-1", 1001),
        (b"key", token[:-2], "page-1", 999),
        (b"key", "", "page-1", 999),
        (b"key", "a.b.c", "page-1", 999),
    ):
        with pytest.raises(Forbidden):
            check_token(secret, text, document=document, now=now)

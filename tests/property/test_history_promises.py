"""Small histories of readers to whom less is promised, of openings, and of removals, against every order there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from telamon.products.traffic import Act, Promise, Shape
from telamon.proof.history.checker import check
from telamon.proof.history.model import History, Operation, Outcome
from telamon.proof.meaning import Seen
from tests.property.test_history_small import INSTANTS, SESSIONS, bags, clean, counted, operation, registers
from tests.support.brute import (
    bag_step,
    counting_step,
    explained,
    explained_to_sessions,
    of_element,
    opening_step,
    register_step,
)

SENT = Seen(size=7, digest="d")


def promised(promise: Promise, operations: Sequence[Operation]) -> list[Operation]:
    """The same with another promise to all who read."""
    return [one if one.writes else replace(one, promise=promise) for one in operations]


def each_element(operations: Sequence[Operation], holds: Callable[[Sequence[Operation]], bool]) -> bool:
    """Whether something holds of what is said of each element by itself."""
    tokens = {one.token for one in operations if one.act is Act.ADD}
    return all(holds(of_element(token, operations)) for token in tokens)


@st.composite
def elements(draw: st.DrawFn) -> list[Operation]:
    """One element that is added, listed, opened and removed, by whoever has been told of it."""
    outcome = draw(st.sampled_from([Outcome.OK, Outcome.OK, Outcome.OK, Outcome.INFO]))
    span = (draw(INSTANTS), draw(INSTANTS))
    add = operation(
        0, Act.ADD, Shape.BAG, span, token="w0", outcome=outcome, session=draw(SESSIONS), seen=SENT
    )
    made = [add]
    for _ in range(draw(st.integers(1, 4))):
        seen = Seen(("w0",) if draw(st.booleans()) else ())
        span = (draw(INSTANTS), draw(INSTANTS))
        made.append(operation(len(made), Act.READ, Shape.BAG, span, seen=seen, session=draw(SESSIONS)))
    # Nobody can name an element before it has been acknowledged.
    for act in draw(st.lists(st.sampled_from([Act.OPEN, Act.OPEN, Act.REMOVE]), max_size=4)) * add.ok:
        span = (add.ended + 1 + draw(INSTANTS), add.ended + 1 + draw(INSTANTS))
        more: dict[str, object] = {"seen": draw(st.sampled_from([SENT, Seen(missing=True)]))}
        if act is Act.REMOVE:
            more = {"outcome": draw(st.sampled_from([Outcome.OK, Outcome.INFO, Outcome.FAIL]))}
        made.append(operation(len(made), act, Shape.BAG, span, token="w0", session=draw(SESSIONS), **more))
    return made


@given(bags(removals=True))
@settings(max_examples=500, deadline=None)
def test_a_bag_in_which_no_order_explains_an_element_is_not_clean(operations: list[Operation]) -> None:
    if not each_element(operations, lambda own: explained(own, [frozenset()], bag_step)):
        assert not clean(operations)


@given(elements())
@settings(max_examples=800, deadline=None)
def test_an_element_is_clean_if_and_only_if_some_order_explains_it(operations: list[Operation]) -> None:
    assert clean(operations) == explained(operations, [frozenset()], opening_step)


@given(elements())
@settings(max_examples=800, deadline=None)
def test_an_element_is_clean_to_sessions_if_and_only_if_an_order_explains_it_to_each(
    operations: list[Operation],
) -> None:
    told = promised(Promise.SESSION, operations)
    assert clean(told) == explained_to_sessions(told, [frozenset()], opening_step)


@given(bags(removals=False))
@settings(max_examples=500, deadline=None)
def test_a_bag_is_clean_to_sessions_if_and_only_if_an_order_explains_each_element_to_each(
    operations: list[Operation],
) -> None:
    told = promised(Promise.SESSION, operations)
    assert clean(told) == each_element(told, lambda own: explained_to_sessions(own, [frozenset()], bag_step))


@st.composite
def swinging(draw: st.DrawFn) -> list[Operation]:
    """A register with two writes that time does not order, and one session that reads it again and again."""
    made = [
        operation(number, Act.SET, Shape.REGISTER, (0.0, 3.0), token=f"w{number}", session=2)
        for number in range(2)
    ]
    for number in range(2, 6):
        span = (draw(INSTANTS), draw(INSTANTS))
        seen = Seen((draw(st.sampled_from(["w0", "w1"])),))
        made.append(operation(number, Act.READ, Shape.REGISTER, span, seen=seen, session=1))
    return made


@given(registers() | swinging())
@settings(max_examples=800, deadline=None)
def test_a_register_is_clean_to_sessions_if_and_only_if_an_order_explains_it_to_each(
    operations: list[Operation],
) -> None:
    told = promised(Promise.SESSION, operations)
    assert clean(told) == explained_to_sessions(told, [""], register_step)


@given(counted())
@settings(max_examples=300, deadline=None)
def test_a_register_with_versions_that_no_order_explains_to_a_session_is_not_clean(
    operations: list[Operation],
) -> None:
    told = promised(Promise.SESSION, operations)
    if not explained_to_sessions(told, [(version, "") for version in range(5)], counting_step):
        assert not clean(told)


@given(counted() | registers() | elements() | bags(removals=True))
@settings(max_examples=500, deadline=None)
def test_what_is_clean_to_whom_everything_is_promised_is_clean_to_whom_less_is(
    operations: list[Operation],
) -> None:
    if clean(operations):
        assert clean(promised(Promise.SESSION, operations))
        assert clean(promised(Promise.EVENTUAL, operations))


def had_been_sent(told: list[Operation], act: Act) -> bool:
    """Whether everything that was shown had been sent before, by a write that may have happened."""
    written = {one.token: one for one in told if one.act is act and one.outcome is not Outcome.FAIL}
    return all(
        token in written and written[token].began <= one.ended
        for one in told
        if one.seen is not None
        for token in one.seen.tokens
    )


@given(bags(removals=True))
@settings(max_examples=300, deadline=None)
def test_a_reader_who_may_be_behind_is_shown_what_had_been_sent(operations: list[Operation]) -> None:
    told = promised(Promise.EVENTUAL, operations)
    assert clean(told) == had_been_sent(told, Act.ADD)


@given(registers())
@settings(max_examples=300, deadline=None)
def test_a_reader_of_a_register_who_may_be_behind_is_shown_what_had_been_sent(
    operations: list[Operation],
) -> None:
    told = promised(Promise.EVENTUAL, operations)
    assert clean(told) == had_been_sent(told, Act.SET)


@given(elements(), st.sampled_from([Seen(size=6, digest="c"), Seen(size=7, digest="c")]))
@settings(max_examples=200, deadline=None)
def test_whatever_is_promised_an_opening_that_shows_other_bytes_is_not_clean(
    operations: list[Operation], other: Seen
) -> None:
    for number, one in enumerate(operations):
        if one.act is Act.OPEN:
            spoiled = [*operations[:number], replace(one, seen=other), *operations[number + 1 :]]
            for promise in Promise:
                assert not check(History(promised(promise, spoiled))).clean

"""Small histories, legal or not: the checker finds something if, and only if, no order explains them."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from telamon.products.traffic import Act, Shape
from telamon.proof.history.checker import check
from telamon.proof.history.model import History, Operation, Outcome
from telamon.proof.meaning import Seen
from tests.support.brute import bag_step, counting_step, explained, register_step

INSTANTS = st.integers(0, 12).map(float)
SESSIONS = st.integers(0, 2)


def operation(number: int, act: Act, shape: Shape, span: tuple[float, float], **more: object) -> Operation:
    given = {"session": number % 3, "outcome": Outcome.OK, **more}
    return Operation(
        number=number,
        kind=act.value,
        act=act,
        shape=shape,
        thing="thing",
        began=min(span),
        ended=max(span) + 0.5,
        **given,  # type: ignore[arg-type]  # Hypothesis draws what the fields take.
    )


@st.composite
def writes(draw: st.DrawFn, act: Act, shape: Shape) -> list[Operation]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        outcome = draw(st.sampled_from([Outcome.OK, Outcome.OK, Outcome.OK, Outcome.INFO, Outcome.FAIL]))
        aim = draw(st.integers(2, 4)) if shape is Shape.REF else 0
        span = (draw(INSTANTS), draw(INSTANTS))
        found.append(
            operation(
                number, act, shape, span, token=f"w{number}", outcome=outcome, session=draw(SESSIONS), aim=aim
            )
        )
    return found


@st.composite
def bags(draw: st.DrawFn, *, removals: bool) -> list[Operation]:
    made = draw(writes(Act.ADD, Shape.BAG))
    tokens = [one.token for one in made]
    for _ in range(draw(st.integers(1, 4))):
        seen = Seen(tuple(sorted(draw(st.sets(st.sampled_from(tokens))))))
        span = (draw(INSTANTS), draw(INSTANTS))
        made.append(operation(len(made), Act.READ, Shape.BAG, span, seen=seen, session=draw(SESSIONS)))
    # Nobody can name an element to be removed before it has been acknowledged.
    for add in [one for one in made if removals and one.act is Act.ADD and one.ok]:
        if draw(st.booleans()):
            outcome = draw(st.sampled_from([Outcome.OK, Outcome.INFO]))
            span = (add.ended + 1 + draw(INSTANTS), add.ended + 1 + draw(INSTANTS))
            made.append(operation(len(made), Act.REMOVE, Shape.BAG, span, token=add.token, outcome=outcome))
    return made


@st.composite
def registers(draw: st.DrawFn) -> list[Operation]:
    made = draw(writes(Act.SET, Shape.REGISTER))
    tokens = ["", *(one.token for one in made)]
    for _ in range(draw(st.integers(1, 4))):
        token = draw(st.sampled_from(tokens))
        span = (draw(INSTANTS), draw(INSTANTS))
        seen = Seen((token,) if token else ())
        made.append(operation(len(made), Act.READ, Shape.REGISTER, span, seen=seen, session=draw(SESSIONS)))
    return made


@st.composite
def counted(draw: st.DrawFn) -> list[Operation]:
    made = draw(writes(Act.SET, Shape.REF))
    known = [("", version) for version in (1, 2, 3)]
    known += [(one.token, one.aim) for one in made] * 3
    known += [(one.token, one.aim + 1) for one in made]
    for _ in range(draw(st.integers(1, 4))):
        token, version = draw(st.sampled_from(known))
        seen = Seen((token,) if token else (), version)
        span = (draw(INSTANTS), draw(INSTANTS))
        made.append(operation(len(made), Act.READ, Shape.REF, span, seen=seen, session=draw(SESSIONS)))
    return made


def clean(operations: Sequence[Operation]) -> bool:
    return check(History(operations)).clean


@given(bags(removals=False))
@settings(max_examples=500, deadline=None)
def test_a_bag_is_clean_if_and_only_if_some_order_explains_it(operations: list[Operation]) -> None:
    assert clean(operations) == explained(operations, [frozenset()], bag_step)


@given(bags(removals=True))
@settings(max_examples=300, deadline=None)
def test_a_bag_with_removals_that_some_order_explains_is_clean(operations: list[Operation]) -> None:
    if explained(operations, [frozenset()], bag_step):
        assert clean(operations)


@given(registers())
@settings(max_examples=500, deadline=None)
def test_a_register_is_clean_if_and_only_if_some_order_explains_it(operations: list[Operation]) -> None:
    assert clean(operations) == explained(operations, [""], register_step)


@given(counted())
@settings(max_examples=500, deadline=None)
def test_a_register_with_versions_is_clean_if_and_only_if_some_order_explains_it(
    operations: list[Operation],
) -> None:
    beginnings = [(version, "") for version in range(5)]
    assert clean(operations) == explained(operations, beginnings, counting_step)

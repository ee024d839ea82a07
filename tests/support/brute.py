"""Whether some order explains a small history, by trying every one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cache

from telamon.products.traffic import Act
from telamon.proof.history.model import Operation, Outcome

State = Hashable
Step = Callable[[State, Operation], Iterator[State]]


def explained(operations: Sequence[Operation], beginnings: Sequence[State], step: Step) -> bool:
    """Whether the operations took effect one at a time, each between its beginning and its end.

    Args:
        operations: of one thing; those that failed have not happened.
        beginnings: states that the thing may have had before.
        step: the states that an operation may lead to from another one; none where it cannot have been so.
    """
    happened = tuple(one for one in operations if one.outcome is not Outcome.FAIL)

    @cache
    def rest_of(left: frozenset[int], state: State) -> bool:
        if not any(happened[number].ok for number in left):
            return True
        for number in left:
            one = happened[number]
            if any(happened[other].ok and happened[other].ended < one.began for other in left - {number}):
                continue
            if any(rest_of(left - {number}, following) for following in step(state, one)):
                return True
        return False

    return any(rest_of(frozenset(range(len(happened))), state) for state in beginnings)


def bag_step(state: State, operation: Operation) -> Iterator[State]:
    """A bag is the set of its elements."""
    assert isinstance(state, frozenset)
    if operation.act is Act.ADD:
        yield state | {operation.token}
    elif operation.act is Act.REMOVE:
        yield state - {operation.token}
    elif operation.seen is not None and frozenset(operation.seen.tokens) == state:
        yield state


def register_step(state: State, operation: Operation) -> Iterator[State]:
    """A register is the token written last."""
    if operation.act is Act.SET:
        yield operation.token
    elif operation.seen is not None and "".join(operation.seen.tokens) == state:
        yield state


def counting_step(state: State, operation: Operation) -> Iterator[State]:
    """A register with versions is the last one and its number; a write must name the next number."""
    assert isinstance(state, tuple)
    if operation.act is Act.SET:
        if operation.aim == state[0] + 1:
            yield operation.aim, operation.token
    elif operation.seen is not None and (operation.seen.version, "".join(operation.seen.tokens)) == state:
        yield state

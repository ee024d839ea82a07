"""Whether some order explains a small history, by trying every one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
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


def explained_to_sessions(operations: Sequence[Operation], beginnings: Sequence[State], step: Step) -> bool:
    """Whether some order explains to each session by itself what it was shown, where others may reach it late.

    What a session did itself is in the order of its own time, and so are the writes among themselves. What others wrote
    comes to it at any time after it was sent, or never.

    Args:
        operations: of one thing; those that failed have not happened.
        beginnings: states that the thing may have had before.
        step: as of :func:`explained`.
    """
    happened = tuple(one for one in operations if one.outcome is not Outcome.FAIL)
    sessions = {one.session for one in happened if not one.writes}
    return all(_explained_to(session, happened, beginnings, step) for session in sessions)


def _explained_to(
    session: int, happened: Sequence[Operation], beginnings: Sequence[State], step: Step
) -> bool:
    known = tuple(one for one in happened if one.session == session or one.writes)
    own = frozenset(number for number, one in enumerate(known) if one.session == session and one.ok)

    def comes_first(earlier: Operation, later: Operation) -> bool:
        reaches = earlier.session == session or later.writes
        return reaches and earlier.before(later)

    @cache
    def rest_of(left: frozenset[int], state: State) -> bool:
        if not left & own:
            return True
        for number in left:
            one = known[number]
            if any(comes_first(known[other], one) for other in left - {number}):
                continue
            if any(rest_of(left - {number}, following) for following in step(state, one)):
                return True
        return False

    return any(rest_of(frozenset(range(len(known))), state) for state in beginnings)


def of_element(token: str, operations: Sequence[Operation]) -> Sequence[Operation]:
    """What the operations of a bag say of one element alone."""
    found = []
    for one in operations:
        if one.act is Act.READ and one.seen is not None:
            shown = tuple(other for other in one.seen.tokens if other == token)
            found.append(replace(one, seen=replace(one.seen, tokens=shown)))
        elif one.token == token:
            found.append(one)
    return found


def opening_step(state: State, operation: Operation) -> Iterator[State]:
    """A bag whose elements can be opened: all that was sent of an element is there, or nothing is."""
    assert isinstance(state, frozenset)
    if operation.act is not Act.OPEN:
        yield from bag_step(state, operation)
    elif operation.seen is not None and operation.seen.missing is (operation.token not in state):
        yield state

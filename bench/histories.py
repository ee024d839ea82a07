"""Legal histories: what a faultless product would show to sessions that read and write at the same time.

A simulation on a made-up clock. Every operation is sent, takes effect at one instant, and is answered; some writes are
refused, some are never answered, and of those some take effect nevertheless, perhaps long afterwards. Readers to whom
less than everything is promised may be shown an older state, as far as the promise allows.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from telamon.products.traffic import Act, Promise, Shape
from telamon.proof.history.model import History, Operation, Outcome
from telamon.proof.meaning import Seen, digest_of, payload_of

FILE = 200
"""Bytes of an element that can be opened."""
GIVES_UP = 3.0
"""Seconds after which a client that has no answer gives up."""


@dataclass(frozen=True)
class World:
    """What a simulated run consists of.

    Attributes:
        operations: how many.
        sessions: how many, each with two requests under way at most.
        things: how many of each shape: bags, registers with and without versions, refs.
        promise: of ordinary reads.
        trouble: share of the writes that are refused, and of all operations that are not answered.
        removals: whether elements are removed.
    """

    operations: int
    sessions: int = 4
    things: int = 2
    promise: Promise = Promise.STRICT
    trouble: float = 0.05
    removals: bool = True


def simulate(world: World, seed: int) -> History:
    """Make a legal history.

    Args:
        world: what it consists of.
        seed: decides everything.
    """
    return _Simulation(world, random.Random(seed)).run()


@dataclass
class _Thing:
    """A thing: its states in the order in which they were; the last one is the truth."""

    name: str
    shape: Shape
    counts: bool
    states: list[Any]


@dataclass
class _Session:
    """What a session knows: acknowledged elements, versions, and how new a state it has been shown."""

    number: int
    elements: list[tuple[str, str]] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    floor: dict[str, int] = field(default_factory=dict)


@dataclass
class _Pending:
    """An operation under way."""

    operation: Operation
    answered: bool
    effective: bool
    state: int = 0


class _Simulation:
    def __init__(self, world: World, dice: random.Random) -> None:
        self._world = world
        self._dice = dice
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = 0
        self._made = 0
        self._done: list[Operation] = []
        self._sessions = [_Session(number) for number in range(world.sessions)]
        self._things = {thing.name: thing for thing in self._make_things()}

    def _make_things(self) -> Sequence[_Thing]:
        found = []
        for number in range(self._world.things):
            found += [
                _Thing(f"bag/{number}", Shape.BAG, counts=False, states=[frozenset()]),
                _Thing(f"text/{number}", Shape.REGISTER, counts=False, states=[(0, "")]),
                _Thing(f"page/{number}", Shape.REGISTER, counts=True, states=[(1, "")]),
                _Thing(f"ref/{number}", Shape.REF, counts=True, states=[(0, "")]),
            ]
        return found

    def run(self) -> History:
        for session in self._sessions:
            for _ in range(2):
                self._at(self._dice.random(), partial(self._begin, session))
        while self._events:
            now, _, event = heapq.heappop(self._events)
            event(now)
        return History(tuple(sorted(self._done, key=lambda operation: operation.ended)))

    def _at(self, instant: float, event: Callable[[float], None]) -> None:
        self._order += 1
        heapq.heappush(self._events, (instant, self._order, event))

    def _begin(self, session: _Session, now: float) -> None:
        if self._made >= self._world.operations:
            return
        self._made += 1
        operation = self._choose(session, now)
        trouble = self._dice.random() < self._world.trouble
        refused = trouble and operation.writes and self._dice.random() < 0.3
        pending = _Pending(operation, answered=not trouble or refused, effective=not refused)
        took = self._dice.uniform(0.001, 0.4)
        effect = now + self._dice.uniform(0.0, took)
        if not pending.answered:
            took = GIVES_UP
            effect = now + self._dice.choice([0.1, 1.0, 10.0]) * self._dice.random()
            pending.effective = self._dice.random() < 0.5
        if pending.effective:
            self._at(effect, lambda _: self._take_effect(session, pending))
        self._at(now + took, lambda ended: self._end(session, pending, ended))

    def _choose(self, session: _Session, now: float) -> Operation:
        thing = self._dice.choice(list(self._things.values()))
        act, token, aim = self._deed(session, thing)
        promise = Promise.STRICT
        if act in {Act.READ, Act.OPEN}:
            promise = self._dice.choice([self._world.promise, self._world.promise, Promise.EVENTUAL])
            if act is Act.OPEN or thing.shape is not Shape.BAG:
                promise = self._world.promise
        number = self._made
        made = f"w{number}" if act in {Act.ADD, Act.SET} else token
        copies = 2 if thing.name.startswith("text") else 1
        sent = Seen(size=FILE, digest=_digest(made)) if act is Act.ADD else None
        return Operation(
            number=number,
            session=session.number,
            kind=f"{act.value}-{thing.shape.value}",
            act=act,
            shape=thing.shape,
            thing=thing.name,
            began=now,
            ended=now,
            outcome=Outcome.INFO,
            token=made,
            aim=aim,
            seen=sent,
            promise=promise,
            copies=copies,
        )

    def _deed(self, session: _Session, thing: _Thing) -> tuple[Act, str, int]:
        """What to do, to which element, and which version to make."""
        writes = self._dice.random() < 0.35
        if thing.shape is Shape.BAG:
            own = [token for name, token in session.elements if name == thing.name]
            if own and self._dice.random() < 0.2:
                token = self._dice.choice(own)
                if self._world.removals and self._dice.random() < 0.3:
                    session.elements.remove((thing.name, token))
                    return Act.REMOVE, token, 0
                return Act.OPEN, token, 0
            return (Act.ADD if writes else Act.READ), "", 0
        if not writes or (thing.counts and thing.name not in session.versions):
            return Act.READ, "", 0
        return Act.SET, "", session.versions[thing.name] + 1 if thing.counts else 0

    def _take_effect(self, session: _Session, pending: _Pending) -> None:
        operation = pending.operation
        thing = self._things[operation.thing]
        if operation.writes:
            pending.effective = self._write(thing, operation)
            pending.state = len(thing.states) - 1
            return
        newest = len(thing.states) - 1
        oldest = {
            Promise.STRICT: newest,
            Promise.SESSION: session.floor.get(thing.name, 0),
            Promise.EVENTUAL: 0,
        }[operation.promise]
        pending.state = self._dice.randint(oldest, newest)
        pending.operation = replace(operation, seen=self._show(thing, operation, pending.state))

    def _write(self, thing: _Thing, operation: Operation) -> bool:
        """Change a thing. Returns whether that was done; a version that is taken refuses it."""
        now = thing.states[-1]
        if operation.act is Act.ADD:
            thing.states.append(now | {operation.token})
        elif operation.act is Act.REMOVE:
            thing.states.append(now - {operation.token})
        elif thing.counts and operation.aim != now[0] + 1:
            return False
        else:
            thing.states.append((now[0] + 1 if thing.counts else 0, operation.token))
        return True

    def _show(self, thing: _Thing, operation: Operation, state: int) -> Seen:
        shown = thing.states[state]
        if operation.act is Act.OPEN:
            if operation.token not in shown:
                return Seen(missing=True)
            return Seen(size=FILE, digest=_digest(operation.token))
        if thing.shape is Shape.BAG:
            return Seen(tuple(sorted(shown)) * operation.copies)
        version, token = shown
        tokens = (token,) * operation.copies if token else ()
        # A ref tells what it names, and no number.
        return Seen(tokens, 0 if thing.shape is Shape.REF else version)

    def _end(self, session: _Session, pending: _Pending, ended: float) -> None:
        operation = replace(pending.operation, ended=ended)
        if not pending.answered:
            outcome = Outcome.INFO if operation.writes else Outcome.FAIL
            seen = operation.seen if operation.writes else None
            operation = replace(operation, outcome=outcome, seen=seen)
        elif operation.writes and not pending.effective:
            operation = replace(operation, outcome=Outcome.FAIL)
            session.versions.pop(operation.thing, None)
        else:
            operation = replace(operation, outcome=Outcome.OK)
            self._learn(session, operation, pending.state)
        self._done.append(operation)
        self._at(ended + self._dice.uniform(0.0, 0.3), lambda now: self._begin(session, now))

    def _learn(self, session: _Session, operation: Operation, state: int) -> None:
        name = operation.thing
        if operation.promise is not Promise.EVENTUAL:
            session.floor[name] = max(session.floor.get(name, 0), state)
        if operation.act is Act.ADD:
            session.elements.append((name, operation.token))
        if operation.shape is not Shape.BAG and self._things[name].counts:
            version = operation.aim
            if operation.act is Act.READ:
                version = int(self._things[name].states[state][0])
            session.versions[name] = max(session.versions.get(name, 0), version)


def _digest(token: str) -> str:
    return digest_of(payload_of(token, FILE).encode())

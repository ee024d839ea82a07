"""The controller dies after every single thing that lasts, in every operation; its successor ends in the same place.

Here the host itself plays, with store and journal: a death between the end of an operation in the store and its line
in the journal is one of many.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from telamon.operator.operations import UNENDED, Wish
from telamon.plan.operations.registry import PLANNERS
from telamon.platforms.memory.parts import Behaviour
from telamon.products.indexing import IndexWays
from telamon.run.recall import recall
from tests.simulation.stepping import END, Lying, Stepped
from tests.support.acts import ACTS, Act
from tests.support.hosting import stack

PRODUCT = "jira"
OLD, NEWER, NEXT_MAJOR = "11.3.1", "11.3.2", "12.0.1"
EVERY = 24
"""In `make test` the controller dies after every so manyth thing; `make test-all` lets it die after each."""


@dataclass(frozen=True)
class Release:
    """A change of version.

    Attributes:
        verb: that brings it.
        to: what.
        behaviour: of the product meanwhile.
    """

    verb: str
    to: str
    words: str
    behaviour: Behaviour

    def __str__(self) -> str:
        return f"{self.verb} {self.words}"


RELEASES = tuple(
    Release(verb, to, words, behaviour)
    for verb, to in (("upgrade", NEWER), ("major-upgrade", NEXT_MAJOR))
    for words, behaviour in (
        ("that is good", Behaviour()),
        ("that never starts", Behaviour(dead_releases=frozenset({to}))),
        ("that errs", Behaviour(sick_releases=frozenset({to}))),
    )
)


@dataclass
class Play:
    """One operation under the host.

    Args:
        act: what is asked for.
    """

    act: Act | Release

    def prepared(self) -> Stepped:
        """A stack at rest, to which whatever comes before the operation was done."""
        found = Stepped(Lying.empty(), self._index)
        found.host.put(stack(), "stack.yaml")
        found.run()
        if isinstance(self.act, Release):
            found.world.platform.behave(PRODUCT, self.act.behaviour)
        elif self.act.first == "upgrade":
            found.world.platform.behave(PRODUCT, Behaviour(stuck_tasks=4))
            found.host.put(stack(version=NEWER), "stack.yaml")
            found.run()
        elif self.act.first:
            self._operate(found, self.act.first)
            found.run()
        return found

    def begin(self, found: Stepped) -> None:
        """Come to the moment from which on the controller may die, and do what starts there."""
        if not self.cancelled:
            found.watch()
            self._ask(found)
            return
        self._ask(found)
        found.run(found.has_begun)
        found.watch()
        self._cancel(found)

    def insist(self, found: Stepped) -> None:
        """Ask again, as whoever got no answer does, unless it can be seen that it was heard."""
        asked = [one for one in found.host.operations.all() if one.spec.verb == self.act.verb]
        if self.cancelled:
            if not any(one.status.cancelled for one in asked):
                self._cancel(found)
        elif not asked:
            found.run(found.has_looked)
            self._ask(found)

    def successor(self, world: Lying) -> Stepped:
        """Another controller over a world that it finds."""
        found = Stepped(world, self._index)
        found.host.resume()
        return found

    @property
    def cancelled(self) -> bool:
        """Whether somebody cancels it while its first work runs."""
        return isinstance(self.act, Act) and self.act.cancelled

    @property
    def _index(self) -> IndexWays | None:
        return self.act.index if isinstance(self.act, Act) else None

    def _ask(self, found: Stepped) -> None:
        if isinstance(self.act, Release):
            downtime = [PRODUCT] if self.act.verb == "major-upgrade" else []
            found.host.put(stack(version=self.act.to), "stack.yaml", downtime=downtime)
        else:
            self._operate(found, self.act.verb)

    def _cancel(self, found: Stepped) -> None:
        (name,) = (one.metadata.name for one in found.host.operations.all() if one.status.phase in UNENDED)
        found.host.cancel(name)

    def _operate(self, found: Stepped, verb: str) -> None:
        assert isinstance(self.act, Act)
        params = {key: _ours(value) for key, value in self.act.params.items()}
        found.host.operate(Wish(verb, _ours(self.act.component), _ours(self.act.member), params))


def _ours(text: str) -> str:
    return text.replace("tracker", PRODUCT)


def all_of(found: Stepped) -> list[object]:
    """What there is in the end, what is remembered, and what journal and store say of it."""
    world, desired = found.world, {name: lane.outcome for name, lane in found.host.lanes().items()}
    members: list[object] = []
    lines: list[object] = []
    for name, outcome in desired.items():
        assert outcome is not None
        seen = world.platform.observe(outcome.view.desired)
        members.append(
            (name, seen.held, [(one.name, one.life, one.release, one.admitted) for one in seen.members])
        )
        entries = world.journal.read(name)
        # A fact may be told twice where the controller died in between; the end of an operation may not.
        told = [(entry.kind, entry.subject) for entry in entries if entry.kind in {"fact", "forgotten"}]
        ended = [entry.subject for entry in entries if entry.kind == "ended"]
        lines.append((name, list(dict.fromkeys(told)), ended, recall(entries).facts))
    operations = [(one.metadata.name, one.status.phase) for one in found.host.operations.all()]
    return [members, lines, operations]


def deaths_in(play: Play) -> tuple[list[Lying], list[object]]:
    """The world after each thing that lasts in an operation, and what there is at its end."""
    plain = play.prepared()
    play.begin(plain)
    plain.run()
    return plain.deaths, all_of(plain)


def outlive(play: Play, death: Lying, expected: list[object]) -> None:
    """Let a successor go on from there."""
    found = play.successor(death)
    play.insist(found)
    found.run()
    assert all_of(found) == expected, f"after {death.after}"


def test_every_verb_there_is_was_thought_of() -> None:
    assert {act.verb for act in ACTS} | {release.verb for release in RELEASES} == set(PLANNERS)


@pytest.mark.parametrize("act", [*ACTS, *RELEASES], ids=str)
def test_a_controller_may_die_at_the_end_of_an_operation_and_now_and_then(act: Act | Release) -> None:
    play = Play(act)
    deaths, expected = deaths_in(play)
    ends = [death for death in deaths if death.after.startswith(END)]
    assert ends
    for death in (*ends, *deaths[len(str(act)) % EVERY :: EVERY]):
        outlive(play, death, expected)


@pytest.mark.exhaustive
@pytest.mark.parametrize("act", [*ACTS, *RELEASES], ids=str)
def test_a_controller_may_die_after_anything_that_lasts(act: Act | Release) -> None:
    play = Play(act)
    deaths, expected = deaths_in(play)
    for death in deaths:
        outlive(play, death, expected)

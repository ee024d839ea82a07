"""Histories by seed, and the death of the controller after every single verb of every operation."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from telamon.naming import DATABASE
from telamon.plan.operations.registry import PLANNERS
from telamon.plan.step import Begin, Call
from tests.simulation.faulty import ControllerDied, FaultyPlatform, Odds
from tests.simulation.history import COMPONENT, DATABASE_RELEASE, NEW, History, Plot, play
from tests.support.acts import ACTS, SAVED, SILENT, Act
from tests.support.stacks import database, product, world

CHUNK = 25
KINDNESS = Odds()


@pytest.mark.parametrize("chunk", range(40))
def test_a_thousand_histories_end_well(chunk: int) -> None:
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        play(seed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("chunk", range(40, 400))
def test_nine_thousand_more_histories_end_well(chunk: int) -> None:
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        play(seed)


def test_another_release_of_the_database_comes_in_whatever_happens() -> None:
    for seed in range(CHUNK):
        play(seed, DATABASE_RELEASE)


@pytest.mark.exhaustive
@pytest.mark.parametrize("chunk", range(1, 40))
def test_another_release_of_the_database_comes_in_in_many_more_histories(chunk: int) -> None:
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        play(seed, DATABASE_RELEASE)


@pytest.mark.parametrize("servers", [1, 2])
def test_a_controller_that_dies_while_servers_change_their_release_leaves_the_same_servers(
    servers: int,
) -> None:
    def begun() -> History:
        history = History(7, servers=servers, verb=DATABASE_RELEASE)
        history.begin()
        return history

    plain = begun()
    before = plain.platform.verbs
    plain.made.run()
    verbs = plain.platform.verbs - before
    assert verbs > servers
    for number in range(1, verbs + 1):
        history = begun()
        history.platform.dies_after = history.platform.verbs + number
        for _ in range(4_000):
            if history.deaths:
                break
            history.survive(history.made.tick)
        assert history.deaths, f"verb {number} was never reached"
        history.made.run()
        assert picture(history, DATABASE) == picture(plain, DATABASE), f"after verb {number}"


def test_a_look_from_before_a_verb_never_passes_for_one_from_after_it() -> None:
    made = world(database(), product(2))
    made.run()
    platform = FaultyPlatform(made.platform, random.Random(1), Odds(late=1.0))
    desired = made.desired[COMPONENT]
    seen = platform.observe(desired).member(f"{COMPONENT}-0")
    assert seen is not None
    assert seen.admitted
    platform.drain(COMPONENT, f"{COMPONENT}-0")
    for _ in range(20):
        looked = platform.observe(desired)
        seen = looked.member(f"{COMPONENT}-0")
        assert seen is not None
        assert looked.at < made.clock.now() or not seen.admitted


PLOTS = {
    "upgrade": Plot("upgrade", good=True, cancelled_at=None, struck_at=(), odds=KINDNESS, cdn=True),
    "saved-upgrade": Plot(
        "upgrade", good=True, cancelled_at=None, struck_at=(), odds=KINDNESS, cdn=True, saving=SAVED
    ),
    "bad-upgrade": Plot("upgrade", good=False, cancelled_at=None, struck_at=(), odds=KINDNESS, cdn=True),
    "major-upgrade": Plot(
        "major-upgrade", good=True, cancelled_at=None, struck_at=(), odds=KINDNESS, cdn=True
    ),
    "bad-major-upgrade": Plot(
        "major-upgrade", good=False, cancelled_at=None, struck_at=(), odds=KINDNESS, cdn=True
    ),
    "restart": Plot("restart", good=True, cancelled_at=None, struck_at=(), odds=KINDNESS, cdn=True),
}


def prepared(plot: Plot) -> History:
    """A kind history that has come to the begin of its operation."""
    history = History(7)
    history.plot = plot
    history.made.desired[COMPONENT] = replace(history.made.desired[COMPONENT], saving=plot.saving)
    history.platform.odds = KINDNESS
    history.begin()
    return history


def told(history: History) -> list[tuple[str, str]]:
    """What the journal says that lasts: facts, and how operations ended."""
    entries = history.made.journal.read(COMPONENT)
    lasting = [
        (entry.kind, entry.subject) for entry in entries if entry.kind in {"fact", "forgotten", "ended"}
    ]
    return list(dict.fromkeys(lasting))


@pytest.mark.parametrize("name", PLOTS)
def test_a_controller_that_dies_after_any_verb_leaves_the_same_end(name: str) -> None:
    plain = prepared(PLOTS[name])
    before = plain.platform.verbs
    plain.end()
    verbs = plain.platform.verbs - before
    assert verbs > 5
    for number in range(1, verbs + 1):
        history = prepared(PLOTS[name])
        history.platform.dies_after = history.platform.verbs + number
        died = False
        for _ in range(600):
            try:
                history.made.tick()
            except ControllerDied:
                died = True
                history.survive(lambda: None)
                history._connect()
                break
        assert died, f"verb {number} was never reached"
        history.end()
        assert told(history) == told(plain), f"after verb {number} of {name}"
        assert history.made.desired[COMPONENT] == plain.made.desired[COMPONENT]
        if name in {"upgrade", "saved-upgrade"}:
            assert history.made.executors[COMPONENT].memory.release == NEW


def test_every_verb_there_is_was_thought_of() -> None:
    assert {act.verb for act in ACTS} | {plot.verb for plot in PLOTS.values()} == set(PLANNERS)


def begun(act: Act) -> History:
    """A kind history in which the operation was just accepted."""
    history = History(7, servers=2)
    history.platform.odds = KINDNESS
    act.prepare(history.made)
    if act.first:
        act.precede(history.made)
        over(history)
    act.ask(history.made)
    if act.cancelled:
        history.made.run_until(lambda: isinstance(history.made.steps[-1], Begin | Call))
        history.made.cancel(act.component)
    return history


def over(history: History) -> None:
    """Go on until the operation has ended, and a little longer."""
    for _ in range(4_000):
        history.made.tick()
        if not history.made.operations:
            break
    decisions = {name: outcome.decision for name, outcome in history.made.outcomes.items()}
    assert not history.made.operations, decisions
    for _ in range(60):
        history.made.tick()


def picture(history: History, component: str) -> tuple[object, ...]:
    """What there is in the end, and what is remembered."""
    made = history.made
    state = made.platform.observe(made.desired[component])
    members = tuple((one.name, one.life, one.release, one.admitted) for one in state.members)
    endings = {name: finished.ending for name, finished in made.endings.items()}
    return (members, state.held, made.executors[component].memory.facts, endings)


@pytest.mark.parametrize("act", ACTS, ids=str)
def test_a_controller_that_dies_in_any_operation_leaves_the_same_picture(act: Act) -> None:
    plain = begun(act)
    before = plain.platform.verbs
    over(plain)
    verbs = plain.platform.verbs - before
    assert verbs or act.verb in SILENT, "nothing was done"
    assert plain.made.endings[f"{act.verb}-{act.component}-1"].ending == act.ending
    for number in range(1, verbs + 1):
        history = begun(act)
        history.platform.dies_after = history.platform.verbs + number
        for _ in range(4_000):
            deaths = history.deaths
            history.survive(history.made.tick)
            if history.deaths > deaths:
                break
        else:
            raise AssertionError(f"verb {number} of {act.verb} was never reached")
        over(history)
        assert picture(history, act.component) == picture(plain, act.component), (
            f"after verb {number} of {act.verb}"
        )

"""Histories by seed, and the death of the controller after every single verb of every operation."""

from __future__ import annotations

import pytest

from tests.simulation.faulty import ControllerDied, Odds
from tests.simulation.history import COMPONENT, NEW, History, Plot, play

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


PLOTS = {
    "upgrade": Plot("upgrade", good=True, cancelled_at=None, struck_at=(), odds=KINDNESS),
    "bad-upgrade": Plot("upgrade", good=False, cancelled_at=None, struck_at=(), odds=KINDNESS),
    "major-upgrade": Plot("major-upgrade", good=True, cancelled_at=None, struck_at=(), odds=KINDNESS),
    "bad-major-upgrade": Plot("major-upgrade", good=False, cancelled_at=None, struck_at=(), odds=KINDNESS),
    "restart": Plot("restart", good=True, cancelled_at=None, struck_at=(), odds=KINDNESS),
}


def prepared(plot: Plot) -> History:
    """A kind history that has come to the begin of its operation."""
    history = History(7)
    history.plot = plot
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
        if name == "upgrade":
            assert history.made.executors[COMPONENT].memory.release == NEW

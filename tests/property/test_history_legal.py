"""Legal histories raise no alarm, whatever their users did; what is damaged is shown by the least that shows it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest

from bench.histories import World, simulate
from telamon.products.traffic import Act, Promise
from telamon.proof.history.checker import check
from telamon.proof.history.model import History, Operation
from telamon.proof.history.verdict import Anomaly, Fault
from telamon.proof.history.words import told
from telamon.proof.meaning import Seen

WORLDS = {
    "strict": World(60),
    "session": World(60, promise=Promise.SESSION),
    "eventual": World(60, promise=Promise.EVENTUAL),
    "troubled": World(60, promise=Promise.SESSION, trouble=0.3),
    "crowded": World(60, sessions=12, things=1),
    "kept": World(60, things=1, removals=False),
}


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS.keys())
@pytest.mark.parametrize("first", [0])
def test_a_legal_history_raises_no_alarm(world: World, first: int) -> None:
    raises_no_alarm(world, range(first, first + 150))


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS.keys())
def test_ten_thousand_legal_histories_raise_no_alarm(world: World) -> None:
    raises_no_alarm(world, range(1000, 1000 + 10_000 // len(WORLDS) + 1))


def raises_no_alarm(world: World, seeds: range) -> None:
    written = 0
    for seed in seeds:
        verdict = check(simulate(world, seed))
        assert verdict.clean, [
            (seed, anomaly.words, [*map(told, anomaly.witness)]) for anomaly in verdict.anomalies
        ]
        written += verdict.read_back
    # A generator that writes nothing, or whose writes nobody reads, would make this test worthless.
    assert written > 5 * len(seeds)


# -------------------------------------------------------------------------------------------------------------- damage


def damage(history: History, dice: random.Random) -> Mapping[int, Operation]:
    """Spoil what some of the answers showed."""
    spoiled = {one.number: one for one in history}
    looks = [one for one in history if one.seen is not None and one.ok and not one.writes]
    for _ in range(dice.randint(1, 3)):
        one = spoiled[dice.choice(looks).number]
        assert one.seen is not None
        spoiled[one.number] = replace(one, seen=spoil(one, one.seen, dice, spoiled=spoiled))
    return spoiled


def spoil(one: Operation, seen: Seen, dice: random.Random, *, spoiled: Mapping[int, Operation]) -> Seen:
    others = [other.seen for other in spoiled.values() if other.thing == one.thing and other.act is one.act]
    tokens = list(seen.tokens)
    deeds = [lambda: dice.choice([other for other in others if other is not None])]
    if one.act is Act.OPEN:
        deeds += [
            lambda: Seen(missing=True),
            lambda: replace(seen, size=7, digest="0"),
            lambda: replace(seen, digest="0"),
        ]
    elif tokens:
        deeds += [
            lambda: replace(seen, tokens=tuple(tokens[1:])),
            lambda: replace(seen, tokens=(*tokens, *tokens)),
            lambda: replace(seen, tokens=(*tokens, tokens[0])),
            lambda: replace(seen, tokens=("w999",)),
            lambda: replace(seen, tokens=()),
        ]
    if seen.version:
        deeds.append(lambda: replace(seen, version=seen.version + dice.randint(-1, 2)))
    return dice.choice(deeds)()


def shows(anomaly: Anomaly, operations: list[Operation]) -> bool:
    found = check(History(operations)).anomalies
    return any((one.fault, one.words) == (anomaly.fault, anomaly.words) for one in found)


@pytest.mark.parametrize("promise", [Promise.STRICT, Promise.SESSION])
def test_what_is_found_is_shown_by_the_least_that_shows_it(promise: Promise) -> None:
    found: Counter[Fault] = Counter()
    for seed in range(400):
        history = simulate(World(50, things=1, promise=promise), seed)
        damaged = History(tuple(damage(history, random.Random(seed)).values()))
        for anomaly in check(damaged).anomalies:
            found[anomaly.fault] += 1
            witness = list(anomaly.witness)
            case = (seed, anomaly.fault, anomaly.words, [*map(told, witness)])
            assert shows(anomaly, witness), case
            for left_out in witness:
                rest = [one for one in witness if one is not left_out]
                assert not rest or not shows(anomaly, rest), (*case, left_out.number)
    assert sum(found.values()) > 150
    assert len(found) >= 8, found

"""When each request of a plan is due, by whom, and what it is. Pure: the seed decides everything."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from telamon.products.traffic import Kind
from telamon.proof.workload import LoadPlan

NO_SESSION = -1


@dataclass(frozen=True, slots=True)
class Planned:
    """One request to come.

    Attributes:
        number: from 0, in the order in which requests are due.
        due: seconds after the beginning of the run.
        session: whose it is; :data:`NO_SESSION` where its kind belongs to none.
        kind: what is asked.
        picks: pool name to the value chosen, for the pools that the kind names.
    """

    number: int
    due: float
    session: int
    kind: Kind
    picks: Mapping[str, str]


def schedule(plan: LoadPlan) -> Iterator[Planned]:
    """Yield every request of a plan, in the order in which they are due.

    Requests are evenly spaced. Sessions take turns in rounds of changing order, so that each asks equally often and
    its silence is bounded: at most twice the number of sessions over the rate.
    """
    dice = random.Random(plan.seed)  # noqa: S311 - nothing here is secret, and a run must be repeatable.
    sessions = _sessions(plan.sessions, dice)
    weights = [kind.weight for kind in plan.kinds]
    pools = {kind.name: sorted(kind.names() & set(plan.pools)) for kind in plan.kinds}
    for number in range(int(plan.rate * plan.seconds)):
        (kind,) = dice.choices(plan.kinds, weights)
        picks = {pool: dice.choice(plan.pools[pool]) for pool in pools[kind.name]}
        session = NO_SESSION if kind.fresh else next(sessions)
        yield Planned(number, number / plan.rate, session, kind, picks)


def _sessions(count: int, dice: random.Random) -> Iterator[int]:
    order = list(range(count))
    while True:
        dice.shuffle(order)
        yield from order

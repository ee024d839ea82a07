"""What an operation would do is what it does then."""

from __future__ import annotations

import pytest

from telamon.errors import RefusedError
from telamon.plan.operation import Running
from telamon.plan.step import Forget, Record, describe
from telamon.run.foresee import foresee_operation
from tests.support.acts import ACTS, Act
from tests.support.stacks import World, world

DECIDED_ON_THE_WAY = [
    act for act in ACTS if act.verb in {"index-sync", "rotate-database-password"} or "replace" in act.params
]
FORESEEN = [act for act in ACTS if not act.cancelled and act not in DECIDED_ON_THE_WAY]


def ready(act: Act) -> World:
    """A stack that runs, and of which all that the operation needs is done."""
    made = world()
    made.run()
    act.prepare(made)
    act.precede(made)
    made.run()
    return made


def foreseen(made: World, act: Act) -> list[str]:
    """Steps that the operation would take, in the words of people."""
    running = Running(f"{act.verb}-{act.component}-1", act.verb, act.member, act.params, made.clock.now())
    views = {name: made.view(name) for name in made.desired}
    return [step.step for step in foresee_operation(views, act.component, running=running).steps]


@pytest.mark.parametrize("act", FORESEEN, ids=str)
def test_the_steps_that_are_shown_are_the_steps_that_are_taken(act: Act) -> None:
    made = ready(act)
    shown = foreseen(made, act)
    made.steps.clear()
    act.ask(made)
    made.run()
    taken = [describe(step) for step in made.steps if not isinstance(step, Record | Forget)]
    assert sorted(shown) == sorted(taken)


@pytest.mark.parametrize("act", DECIDED_ON_THE_WAY, ids=str)
def test_what_is_decided_on_the_way_is_not_guessed(act: Act) -> None:
    with pytest.raises(RefusedError, match="decided on the way"):
        foreseen(ready(act), act)

"""What is said of room is true: held against every assignment of pods to machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telamon.desired import fit as fitting
from telamon.desired.fit import Machine, Pod, Verdict, fit, without_one

AMOUNTS = st.integers(0, 6)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Pod], list[Machine]]:
    """A few pods of a few components, and a few machines; amounts are small, so that many of them just fit."""
    components = {name: (draw(AMOUNTS), draw(AMOUNTS), draw(st.booleans())) for name in "abc"}
    names = draw(st.lists(st.sampled_from("abc"), max_size=6))
    pods = [
        Pod(f"{name}-{number}", name, components[name][0], components[name][1], apart=components[name][2])
        for number, name in enumerate(names)
    ]
    sizes = draw(st.lists(st.tuples(st.sampled_from("xy"), st.integers(0, 9), st.integers(0, 9)), max_size=3))
    machines = [
        Machine(f"{group}-{number}", group, cpu, memory) for number, (group, cpu, memory) in enumerate(sizes)
    ]
    return pods, machines


def holds(pods: Sequence[Pod], machines: Sequence[Machine], places: Mapping[str, str]) -> bool:
    """Whether a packing keeps every bound."""
    for machine in machines:
        there = [pod for pod in pods if places[pod.name] == machine.name]
        many = Counter(pod.component for pod in there if pod.apart)
        if sum(pod.cpu for pod in there) > machine.cpu or sum(pod.memory for pod in there) > machine.memory:
            return False
        if any(count > 1 for count in many.values()):
            return False
    return True


def possible(pods: Sequence[Pod], machines: Sequence[Machine]) -> bool:
    """Whether there is any packing at all: all of them are tried."""
    names = [machine.name for machine in machines]
    return any(
        holds(pods, machines, dict(zip([pod.name for pod in pods], chosen, strict=True)))
        for chosen in product(names, repeat=len(pods))
    )


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_the_answer_is_true(world: tuple[list[Pod], list[Machine]]) -> None:
    pods, machines = world
    answer = fit(pods, machines)
    assert answer.verdict is (Verdict.FITS if possible(pods, machines) else Verdict.CANNOT)
    if answer.verdict is Verdict.FITS:
        assert set(answer.places) == {pod.name for pod in pods}
        assert holds(pods, machines, answer.places)
    else:
        assert answer.why


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_every_reason_alone_excludes_every_packing(world: tuple[list[Pod], list[Machine]]) -> None:
    pods, machines = world
    for reason in fitting._reasons(pods, machines):
        assert pods == [] or not possible(pods, machines), reason


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_the_loss_of_a_machine_is_the_same_question_with_one_less(
    world: tuple[list[Pod], list[Machine]],
) -> None:
    pods, machines = world
    answers = dict(without_one(pods, machines))
    assert set(answers) == {machine.group for machine in machines}
    for group, answer in answers.items():
        # Machines of a group are alike for whoever wrote the file; here they differ, and the first one is lost.
        lost = next(machine for machine in machines if machine.group == group)
        left = [machine for machine in machines if machine is not lost]
        assert (answer.verdict is Verdict.FITS) == possible(pods, left)


def test_what_nobody_knows_is_not_called_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    # They fit exactly, and first-fit decreasing does not see how; then the search is cut short.
    pods = [Pod(f"p-{n}", f"c{n}", 0, size, apart=False) for n, size in enumerate((4, 4, 3, 3, 3, 3))]
    machines = [Machine(f"m-{n}", "m", 0, 10) for n in range(2)]
    assert fit(pods, machines).verdict is Verdict.FITS
    monkeypatch.setattr(fitting, "MOST_TRIED", 3)
    assert fit(pods, machines).verdict is Verdict.UNKNOWN

"""A machine is emptied without two pods of a stack being away at once, and from wherever it was left off."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from telamon.plan.draining import (
    Await,
    Close,
    Crew,
    Emptied,
    Evict,
    Fleet,
    Machine,
    Placed,
    Refuse,
    next_move,
)

HERE, ELSEWHERE = "machine-0", "machine-1"
STACKS = ("acme", "beta")


def machine(name: str) -> Machine:
    """One that is ready and takes pods."""
    return Machine(name, "v1.35.4", 35, "", ready=True, closed=False)


def member(stack: str, number: int, place: str) -> Placed:
    """A pod that is ready."""
    name = f"jira-{number}"
    owner = "StatefulSet"
    return Placed(
        f"{stack}-jira", name, f"{stack}-{name}", place, owner, stack=stack, component="jira", ready=True
    )


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    """Two machines with members of two stacks, and pods of others."""
    places = st.sampled_from((HERE, ELSEWHERE))
    sizes = {stack: draw(st.integers(1, 3)) for stack in STACKS}
    members = [member(stack, number, draw(places)) for stack in STACKS for number in range(sizes[stack])]
    owners = draw(st.lists(st.sampled_from(("ReplicaSet", "DaemonSet", "Job", "Mirror")), max_size=4))
    others = [
        Placed(
            "kube-system",
            f"o-{number}",
            f"o-{number}",
            draw(places),
            owner,
            mirror=owner == "Mirror",
            ready=True,
        )
        for number, owner in enumerate(owners)
    ]
    crews = tuple(Crew(f"{stack}-jira", "jira", stack, "jira", sizes[stack]) for stack in STACKS)
    told = tuple((stack, "") for stack in STACKS)
    return Fleet((machine(HERE), machine(ELSEWHERE)), (*members, *others), crews, told, 35)


def closed(fleet: Fleet, stacks: tuple[str, ...]) -> Fleet:
    """The cluster after the machine was closed."""
    first, *others = fleet.machines
    known = first.emptied_for or frozenset()
    return replace(fleet, machines=(replace(first, closed=True, emptied_for=known | set(stacks)), *others))


def with_pod(fleet: Fleet, uid: str, pod: Placed | None) -> Fleet:
    """The cluster with a pod in the place of that one, or without it."""
    kept = tuple(each for each in fleet.pods if each.uid != uid)
    return replace(fleet, pods=kept if pod is None else (*kept, pod))


@settings(max_examples=200, deadline=None)
@given(fleets())
def test_it_ends_with_nobody_left_and_one_pod_away_at_a_time(fleet: Fleet) -> None:
    staying = {pod.uid for pod in fleet.pods if pod.machine == HERE and not pod.moves}
    evicted = []
    for _ in range(200):
        move = next_move(fleet, fleet.machines[0])
        if isinstance(move, Emptied):
            break
        if isinstance(move, Close):
            fleet = closed(fleet, move.stacks)
            continue
        assert isinstance(move, Evict)
        pod = move.pod
        evicted.append(pod.uid)
        # It ends, is away, is made again, and is ready: nothing else may leave before that.
        ending = with_pod(fleet, pod.uid, replace(pod, ending=True))
        assert isinstance(next_move(ending, ending.machines[0]), Await)
        new = replace(pod, uid=f"{pod.uid}-again", machine=ELSEWHERE)
        if pod.stack:
            for meanwhile in (None, replace(new, machine="", ready=False), replace(new, ready=False)):
                between = with_pod(fleet, pod.uid, meanwhile)
                assert isinstance(next_move(between, between.machines[0]), Await)
        fleet = with_pod(fleet, pod.uid, new)
    assert isinstance(next_move(fleet, fleet.machines[0]), Emptied)
    assert {pod.uid for pod in fleet.pods if pod.machine == HERE} == staying
    assert len(evicted) == len(set(evicted))


@settings(max_examples=200, deadline=None)
@given(fleets(), st.sampled_from(STACKS), st.booleans())
def test_nothing_leaves_while_a_stack_concerned_is_not_well(fleet: Fleet, sick: str, begun: bool) -> None:
    if begun:
        fleet = closed(fleet, fleet.stacks(fleet.machines[0]))
    concerned = sick in fleet.stacks(fleet.machines[0])
    told = tuple((stack, "jira-0 is slow" if stack == sick else "") for stack in STACKS)
    move = next_move(replace(fleet, unwell=told), fleet.machines[0])
    if concerned:
        assert isinstance(move, Await)
        assert "jira-0 is slow" in move.words
    else:
        assert move == next_move(fleet, fleet.machines[0])


@given(fleets())
def test_a_pod_that_nothing_makes_again_is_refused_before_anything_begins(fleet: Fleet) -> None:
    bare = replace(fleet, pods=(*fleet.pods, Placed("default", "bare", "bare", HERE)))
    move = next_move(bare, bare.machines[0])
    assert isinstance(move, Refuse)
    assert (move.guard, "default/bare" in move.words) == ("pods-are-made-again", True)


def test_a_stack_whose_last_member_has_left_is_waited_for_all_the_same() -> None:
    pods = (member("acme", 0, ELSEWHERE),)
    crews = (Crew("acme-jira", "jira", "acme", "jira", 1),)
    fleet = closed(Fleet((machine(HERE), machine(ELSEWHERE)), pods, crews, (("acme", ""),)), ("acme",))
    assert next_move(fleet, fleet.machines[0]) == Emptied()
    away = replace(fleet, pods=())
    assert next_move(away, away.machines[0]) == Await("acme-jira/jira has 0 of 1 pods ready")


def test_a_job_that_works_on_data_is_let_finish() -> None:
    job = replace(member("acme", 0, HERE), owner="Job", name="work-x")
    fleet = closed(Fleet((machine(HERE), machine(ELSEWHERE)), (job,), (), (("acme", ""),)), ("acme",))
    move = next_move(fleet, fleet.machines[0])
    assert isinstance(move, Await)
    assert "works on data" in move.words

"""What each step does to the picture: one prediction for everybody.

The CLI unfolds it into a preview, the executor polls until it is seen, the contract suite holds every adapter to it,
the simulator replays it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from telamon.plan.step import (
    Admit,
    ApplyObjects,
    Call,
    Drain,
    MakeDatabase,
    Record,
    RemoveMember,
    StartMember,
    Step,
    StopMember,
)
from telamon.plan.view import View
from telamon.state.phase import Phase
from telamon.state.world import ComponentState, IndexState, JobPhase, JobState, Life, MemberState

MemberStep = Admit | Drain | StartMember | StopMember | RemoveMember

RESULTS: Mapping[str, str] = {"set-up": "complete"}
"""What a flow returns when all goes well; every other call returns "done"."""


def apply(step: Step, view: View) -> View:
    """The view right after the step took effect; time has not passed.

    Args:
        step: any step.
        view: the picture before it.
    """
    seen = view.seen
    match step:
        case ApplyObjects():
            return view.with_seen(replace(seen, objects=view.desired.objects))
        case MakeDatabase():
            return view.with_seen(replace(seen, database_ready=True))
        case Record():
            return replace(view, memory=view.memory.with_fact(step.fact))
        case Call():
            job = JobState(
                step.job, JobPhase.SUCCEEDED, ended=view.now, result=RESULTS.get(step.call, "done")
            )
            called = replace(seen, jobs={**seen.jobs, step.job: job})
            return view.with_seen(_set_up(called, step.member) if step.call == "set-up" else called)
        case RemoveMember():
            return view.with_seen(seen.without_member(step.member))
        case Admit() | Drain() | StartMember() | StopMember():
            return _member_step(step, view)


def _member_step(step: Admit | Drain | StartMember | StopMember, view: View) -> View:
    wanted = view.desired.member(step.member)
    member = view.seen.member(step.member) or MemberState(step.member, wanted.ordinal if wanted else 0)
    failed = isinstance(step, StartMember | StopMember) and step.failure
    memory = view.memory
    if failed:
        memory = memory.with_failure(step.member, at=view.now, reason=step.because)
    return replace(view, seen=view.seen.with_member(_changed(step, member, view)), memory=memory)


def _changed(step: Admit | Drain | StartMember | StopMember, member: MemberState, view: View) -> MemberState:
    match step:
        case Admit():
            return member.with_(admitted=True)
        case Drain():
            return member.with_(admitted=False)
        case StopMember():
            return MemberState(
                member.name,
                member.ordinal,
                release=member.release,
                admitted=member.admitted and view.desired.rotates,
                indexed=member.indexed,
                clustered=member.clustered,
            )
        case StartMember():
            return _started(member, view)


def _started(member: MemberState, view: View) -> MemberState:
    wanted = view.desired.member(member.name)
    return member.with_(
        life=Life.ALIVE,
        revision=wanted.revision if wanted else None,
        release=wanted.release if wanted else None,
        phase=Phase.STARTING,
        phase_since=view.now,
        started=view.now,
        clustered=view.desired.clustered,
        indexed=view.desired.indexed,
        joined=None,
        joined_since=view.now,
        index=None,
        database_lost_since=None,
        exit=None,
    )


def _set_up(seen: ComponentState, name: str) -> ComponentState:
    member = seen.member(name)
    return seen if member is None else seen.with_member(member.with_(phase=Phase.RUNNING))


def settle(view: View) -> View:
    """The view after enough time: what starts has started, what ends has ended, what catches up has caught up.

    A product that is not set up stops at FIRST_RUN.
    """
    seen = view.seen
    for member in view.seen.members:
        seen = seen.with_member(_settled(member, view))
    return view.with_seen(seen)


def _settled(member: MemberState, view: View) -> MemberState:
    if member.life is Life.ENDING:
        return (
            apply(StopMember(view.desired.name, member.name, "ending"), view).seen.member(member.name)
            or member
        )
    if member.life is not Life.ALIVE:
        return member
    phase = member.phase
    if phase in {Phase.STARTING, Phase.UNREACHABLE}:
        ready = view.is_set_up() or view.desired.sets_itself_up
        phase = Phase.RUNNING if ready else Phase.FIRST_RUN
    if phase is not Phase.RUNNING:
        return member.with_(phase=phase)
    # Registry and index are asked in the name of the service account: without it neither is known.
    asked = not view.desired.account or view.memory.knows("service-account")
    return member.with_(
        phase=phase,
        joined=True if member.clustered and asked else None,
        index=IndexState(readable=True, behind=0) if member.indexed and asked else None,
        admitted=member.admitted or not view.desired.rotates,
    )


def seen_in(step: Step, view: View) -> bool:
    """Whether the step's effect shows in a later picture (or was overtaken by one that makes it moot)."""
    match step:
        case ApplyObjects():
            return view.seen.objects == view.desired.objects
        case MakeDatabase():
            return view.seen.database_ready is True
        case Record():
            return view.memory.knows(step.fact)
        case Call():
            return step.job in view.seen.jobs
        case _:
            return _member_step_seen(step, view.seen.member(step.member))


def _member_step_seen(step: MemberStep, member: MemberState | None) -> bool:
    match step:
        case RemoveMember():
            return member is None
        case StartMember():
            return member is not None and member.life is not Life.ABSENT
        case StopMember():
            return member is None or member.life is Life.ABSENT
        case Admit():
            return member is not None and member.admitted
        case Drain():
            return member is None or not member.admitted

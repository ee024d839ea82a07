"""What each step does to the picture: one prediction for everybody.

The CLI unfolds it into a preview, the executor polls until it is seen, the contract suite holds every adapter to it,
the simulator replays it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from telamon.plan import database_effects
from telamon.plan.database_step import Bootstrap, Establish, Fence, Follow, Promote, Synchronise
from telamon.plan.step import (
    Admit,
    ApplyObjects,
    Begin,
    BreakOff,
    Call,
    Drain,
    Forget,
    Hold,
    LetGo,
    MakeDatabase,
    Record,
    RemoveMember,
    StartMember,
    Step,
    StopMember,
)
from telamon.plan.view import Memory, View
from telamon.state.phase import Phase
from telamon.state.world import (
    INTERRUPTED,
    ComponentState,
    Copies,
    IndexState,
    JobPhase,
    JobState,
    Life,
    MemberState,
    UpgradePhase,
)

MemberStep = Admit | Drain | StartMember | StopMember | RemoveMember

RESULTS: Mapping[str, str] = {"set-up": "complete"}
"""What a flow returns when all goes well; every other call returns "done"."""


UPGRADE_PHASES: Mapping[str, UpgradePhase] = {
    "upgrade-start": UpgradePhase.READY_TO_UPGRADE,
    "upgrade-approve": UpgradePhase.STABLE,
    "upgrade-cancel": UpgradePhase.STABLE,
    "upgrade-retryUpgrade": UpgradePhase.STABLE,
}
"""Where a cluster stands after it was told something."""


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
        case Record() | Forget():
            return replace(view, memory=_remembered(step, view.memory))
        case Hold() | LetGo():
            return view.with_seen(replace(seen, held=isinstance(step, Hold)))
        case Call() | Begin() | BreakOff():
            return _broken_off(step, view) if isinstance(step, BreakOff) else _worked(step, view)
        case RemoveMember():
            return view.with_seen(seen.without_member(step.member))
        case Admit() | Drain() | StartMember() | StopMember():
            return _member_step(step, view)
        case Establish() | Bootstrap() | Fence() | Promote() | Follow() | Synchronise():
            return database_effects.apply_database(step, view)


def _remembered(step: Record | Forget, memory: Memory) -> Memory:
    known = isinstance(step, Record)
    return memory.with_fact(step.fact) if known else memory.without_fact(step.fact)


def _worked(step: Call | Begin, view: View) -> View:
    """A job that has come to a good end."""
    result = RESULTS.get(step.call, "done") if isinstance(step, Call) else "done"
    job = JobState(step.job, JobPhase.SUCCEEDED, ended=view.now, result=result)
    seen = replace(view.seen, jobs={**view.seen.jobs, step.job: job})
    if isinstance(step, Call) and step.call == "set-up":
        seen = _set_up(seen, step.member)
    if isinstance(step, Call) and step.call == "forget-node":
        left = {node: alive for node, alive in seen.registered.items() if node != step.argument}
        seen = replace(seen, registered=left)
    if isinstance(step, Call) and step.call in UPGRADE_PHASES:
        seen = replace(seen, upgrade=UPGRADE_PHASES[step.call])
    return view.with_seen(seen)


def _broken_off(step: BreakOff, view: View) -> View:
    """A job that has ended before it was done; one that does not run stays as it is."""
    job = view.seen.jobs.get(step.job)
    if job is None or job.phase is not JobPhase.RUNNING:
        return view
    ended = replace(job, phase=JobPhase.FAILED, ended=view.now, result=INTERRUPTED, progress="")
    return view.with_seen(replace(view.seen, jobs={**view.seen.jobs, step.job: ended}))


def _member_step(step: Admit | Drain | StartMember | StopMember, view: View) -> View:
    wanted = view.desired.member(step.member)
    member = view.seen.member(step.member) or MemberState(step.member, wanted.ordinal if wanted else 0)
    failed = isinstance(step, StartMember | StopMember) and step.failure
    memory = view.memory
    if failed:
        memory = memory.with_failure(step.member, at=view.now, reason=step.because)
    seen = view.seen.with_member(_changed(step, member, view))
    if seen.copies is not None and isinstance(step, StartMember | StopMember):
        seen = replace(seen, copies=Copies(whole=False, detail=f"{step.member} has none yet"))
    return replace(view, seen=seen, memory=memory)


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
                replication=database_effects.ended(member).replication,
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
        rendered_earlier=False,
        replication=database_effects.started(member.replication),
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
    alive = {member.name for member in seen.members if member.life is Life.ALIVE}
    registered = {node: node in alive for node in seen.registered}
    copies = Copies(whole=True) if view.desired.keeps_copies else None
    return view.with_seen(replace(seen, upgrade=_upgrade_phase(view), registered=registered, copies=copies))


def _upgrade_phase(view: View) -> UpgradePhase | None:
    """What a cluster in upgrade mode makes of its nodes."""
    wanted, phase = view.desired.upgrade, view.seen.upgrade
    if wanted is None or not wanted.mode:
        return phase
    if phase in {None, UpgradePhase.STABLE}:
        return UpgradePhase.STABLE
    releases = {member.release for member in view.seen.members if member.life is Life.ALIVE}
    if releases == {wanted.from_release}:
        return UpgradePhase.READY_TO_UPGRADE
    return UpgradePhase.READY_TO_RUN_UPGRADE_TASKS if releases == {wanted.to_release} else UpgradePhase.MIXED


def _settled(member: MemberState, view: View) -> MemberState:
    if member.life is Life.ENDING:
        return (
            apply(StopMember(view.desired.name, member.name, "ending"), view).seen.member(member.name)
            or member
        )
    if member.life is not Life.ALIVE:
        return member
    if member.replication is not None:
        return database_effects.settled(member, view.seen)
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
        case Record() | Forget():
            return view.memory.knows(step.fact) is isinstance(step, Record)
        case Hold() | LetGo():
            return view.seen.held is isinstance(step, Hold)
        case Call() | Begin():
            return step.job in view.seen.jobs
        case BreakOff():
            job = view.seen.jobs.get(step.job)
            return job is None or job.phase is not JobPhase.RUNNING
        case Establish() | Bootstrap() | Fence() | Promote() | Follow() | Synchronise():
            return database_effects.seen_database(step, view)
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

"""What each step on a database does to the picture; :mod:`telamon.plan.effects` has the rest."""

from __future__ import annotations

from dataclasses import replace

from telamon.plan.database_step import Bootstrap, DatabaseStep, Establish, Fence, Follow, Promote, Synchronise
from telamon.plan.view import View
from telamon.state.phase import Phase
from telamon.state.world import (
    ComponentState,
    JobPhase,
    JobState,
    Life,
    MemberState,
    Replication,
    Role,
)


def apply_database(step: DatabaseStep, view: View) -> View:
    """The view right after the step took effect.

    Args:
        step: any step on a database.
        view: the picture before it.
    """
    member = _member(view, step.member)
    match step:
        case Establish():
            empty = Replication(Role.PRIMARY, writer=False, admits=False)
            return _with(view, member.with_(replication=empty))
        case Bootstrap():
            part = member.replication
            return view if part is None else _with(view, member.with_(replication=replace(part, admits=True)))
        case Fence():
            memory = view.memory
            if step.failure:
                memory = memory.with_failure(step.member, at=view.now, reason=step.because)
            return replace(_with(view, ended(member)), memory=memory)
        case Promote():
            return _with(view, member.with_(replication=Replication(Role.PRIMARY, writer=False)))
        case Follow():
            followed = member.with_(replication=Replication(Role.STANDBY, in_sync=False))
            return _with(_with_job(view, step.job), followed)
        case Synchronise():
            return _synchronised(step, view)


def seen_database(step: DatabaseStep, view: View) -> bool:
    """Whether the step's effect shows in a later picture."""
    member = view.seen.member(step.member)
    part = member.replication if member is not None else None
    match step:
        case Establish():
            return part is not None
        case Bootstrap():
            return part is None or part.admits is not False
        case Fence():
            return member is None or member.life is Life.ABSENT
        case Promote():
            return part is not None and part.role is Role.PRIMARY
        case Follow():
            return step.job in view.seen.jobs
        case Synchronise():
            if step.standby:
                return step.job in view.seen.jobs
            return part is not None and not part.demands


def started(part: Replication | None) -> Replication | None:
    """A server's part right after its start: a primary takes the writer's address with it."""
    return None if part is None else replace(part, writer=part.role is Role.PRIMARY)


def ended(member: MemberState) -> MemberState:
    """A server that does not run any more; its disk keeps the role."""
    part = member.replication
    kept = Replication(part.role, writer=False, lost_since=part.lost_since) if part is not None else None
    return member.with_(
        life=Life.ABSENT,
        revision=None,
        release=None,
        phase=Phase.UNREACHABLE,
        started=None,
        admitted=False,
        exit=None,
        replication=kept,
    )


def settled(member: MemberState, seen: ComponentState) -> MemberState:
    """A server that runs, after enough time: a standby has received what there is."""
    part = member.replication
    if part is None:
        return member
    if part.role is Role.PRIMARY:
        return member.with_(phase=Phase.RUNNING, admitted=bool(part.writer))
    streams = any(
        other.replication is not None and other.replication.writer and other.life is Life.ALIVE
        for other in seen.members
    )
    heard = replace(part, lag=0, lost_since=None) if streams else part
    return member.with_(phase=Phase.RUNNING, admitted=False, replication=heard)


def _synchronised(step: Synchronise, view: View) -> View:
    primary = _member(view, step.member)
    if primary.replication is not None:
        demanding = replace(primary.replication, demands=step.standby)
        view = _with(view, primary.with_(replication=demanding))
    for other in view.seen.members:
        part = other.replication
        if part is None or part.role is not Role.STANDBY:
            continue
        chosen = other.name == step.standby
        changed = replace(part, in_sync=chosen, attested=step.term if chosen else None)
        view = _with(view, other.with_(replication=changed))
    return _with_job(view, step.job) if step.standby else view


def _member(view: View, name: str) -> MemberState:
    wanted = view.desired.member(name)
    return view.seen.member(name) or MemberState(name, wanted.ordinal if wanted else 0)


def _with(view: View, member: MemberState) -> View:
    return view.with_seen(view.seen.with_member(member))


def _with_job(view: View, job: str) -> View:
    done = JobState(job, JobPhase.SUCCEEDED, ended=view.now, result="done")
    return view.with_seen(replace(view.seen, jobs={**view.seen.jobs, job: done}))

"""Guards of the database: what keeps one writer, and every acknowledged write.

Each is a function ``(step, view) -> Refusal | None`` as in :mod:`telamon.plan.checks`, and needs nothing from others.
"""

from __future__ import annotations

from telamon.plan.database_step import Follow, Promote, Synchronise
from telamon.plan.step import Refusal, StartMember, Step, StopMember
from telamon.plan.view import View
from telamon.plan.writer import heir, recorded
from telamon.products.release import numbers
from telamon.state.world import ComponentKind, Life, Role


def one_writer_starts(step: Step, view: View) -> Refusal | None:
    """A server that would take writes starts only where it is the recorded primary."""
    member = view.seen.member(step.member) if isinstance(step, StartMember) else None
    part = member.replication if member is not None else None
    record = recorded(view.memory)
    if member is None or part is None or part.role is not Role.PRIMARY:
        return None
    if record is not None and record.primary == member.name:
        return None
    return Refusal(
        "one-writer-starts",
        f"{member.name} would take writes and is not the recorded primary",
        "it becomes a standby first",
    )


def promoted_as_recorded(step: Step, view: View) -> Refusal | None:
    """Only the recorded primary is promoted, and only when nobody else could take writes."""
    if not isinstance(step, Promote):
        return None
    record = recorded(view.memory)
    if record is None or record.primary != step.member:
        return Refusal("promoted-as-recorded", f"{step.member} is not the recorded primary", "wait")
    for member in view.seen.members:
        runs = member.life in {Life.ALIVE, Life.ENDING}
        writes = member.replication is not None and member.replication.role is Role.PRIMARY
        if runs and writes and member.name != step.member:
            return Refusal(
                "promoted-as-recorded", f"{member.name} may still take writes", "it is ended first"
            )
    return None


def primary_hands_over(step: Step, view: View) -> Refusal | None:
    """The primary is stopped on purpose only when a standby takes over without losing a write."""
    if not isinstance(step, StopMember) or step.failure or view.desired.kind is not ComponentKind.DATABASE:
        return None
    record, member = recorded(view.memory), view.seen.member(step.member)
    serves = member is not None and member.replication is not None and member.replication.writer
    alone = len({found.name for found in view.desired.members} | {step.member}) == 1
    if not view.desired.members or alone or not serves or record is None or record.primary != step.member:
        return None
    found = heir(view, record)
    part = found.replication if found is not None else None
    if part is not None and part.in_sync:
        return None
    return Refusal(
        "primary-hands-over",
        f"no standby has every acknowledged write of {step.member}",
        "wait until a standby is in sync",
    )


def keeps_what_may_be_needed(step: Step, view: View) -> Refusal | None:
    """The data of the recorded primary, or of the standby recorded in sync, is never replaced."""
    if not isinstance(step, Follow):
        return None
    record = recorded(view.memory)
    if record is not None and step.member not in {record.primary, record.synced}:
        return None
    return Refusal(
        "keeps-what-may-be-needed",
        f"{step.member} may hold acknowledged writes that no other server has",
        "record first that it does not",
    )


def waits_as_recorded(step: Step, view: View) -> Refusal | None:
    """Commits change whom they wait for only while no standby is recorded as in sync."""
    if not isinstance(step, Synchronise):
        return None
    record = recorded(view.memory)
    if record is not None and not record.synced:
        return None
    return Refusal(
        "waits-as-recorded", f"{step.member} is recorded with a standby in sync", "take the record back first"
    )


def data_keep_their_release(step: Step, view: View) -> Refusal | None:
    """Servers go on to a newer minor release alone: their data have been written by the one in force.

    While servers are on their way to a release none is in force but the old one, so whoever thinks better of it goes
    back. Source: PostgreSQL documentation, 18.6 "Upgrading a PostgreSQL Cluster": minor releases share the format of
    data, major ones do not.
    """
    if not isinstance(step, StartMember | StopMember) or view.desired.kind is not ComponentKind.DATABASE:
        return None
    wanted, had = view.desired.member(step.member), view.memory.release
    if wanted is None or had is None or (step.failure and isinstance(step, StopMember)):
        return None
    before, after = numbers(had), numbers(wanted.release)
    if before[0] == after[0] and before <= after:
        return None
    if before[0] != after[0]:
        why = "data of one major release are not read by another"
        remedy = (
            "ask for the old one again; data are carried over by a backup that is restored in a new stack"
        )
    else:
        why = "a minor release is not taken back"
        remedy = "ask for that release or a newer one"
    return Refusal(
        "data-keep-their-release",
        f"{view.desired.name} is of {had}, and {step.member} would be {wanted.release}: {why}",
        remedy,
    )

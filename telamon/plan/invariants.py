"""What must hold before and after every step, whoever asked for it.

A guard refuses a step; an invariant accuses the world. A broken one stops the executor for that component until it
holds again, because a picture that cannot be is no ground to act on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from telamon.plan.database_step import Promote
from telamon.plan.step import Admit, Drain, RemoveMember, StartMember, Step, StopMember
from telamon.plan.view import View
from telamon.state.classify import UP, Condition
from telamon.state.world import ComponentKind, Life, Role


@dataclass(frozen=True)
class Violation:
    """One invariant that does not hold."""

    invariant: str
    message: str


def one_database_primary(view: View) -> Violation | None:
    """Two primaries that clients reach are the one thing that loses acknowledged data for certain."""
    primaries = [
        member.name
        for member in view.seen.members
        if member.life is Life.ALIVE and member.replication is not None and member.replication.writer
    ]
    if len(primaries) > 1:
        return Violation("one-database-primary", f"{' and '.join(primaries)} are both writable")
    return None


def one_member_a_name(view: View) -> Violation | None:
    """Two living members of one name would share a home."""
    names = [member.name for member in view.seen.members if member.life is not Life.ABSENT]
    twice = sorted({name for name in names if names.count(name) > 1})
    return Violation("one-member-a-name", f"{twice[0]} was seen twice") if twice else None


INVARIANTS: tuple[Callable[[View], Violation | None], ...] = (one_database_primary, one_member_a_name)
"""Invariants of a single picture."""


def violations(view: View) -> tuple[Violation, ...]:
    """Every invariant of the picture that does not hold."""
    found = (invariant(view) for invariant in INVARIANTS)
    return tuple(violation for violation in found if violation is not None)


def serving_is_kept(step: Step, *, before: View, after: View) -> Violation | None:
    """No voluntary step takes the serving members under the minimum."""
    if not isinstance(step, Drain | StopMember | RemoveMember) or not before.desired.members:
        return None
    member = before.seen.member(step.member)
    if member is None or before.condition(member) not in UP or len(before.desired.members) == 1:
        return None
    if before.desired.kind is ComponentKind.DATABASE:
        return None
    needed = before.must_serve
    if len(before.serving()) >= needed > len(after.serving()):
        return Violation(
            "serving-is-kept", f"{step.member} would leave {len(after.serving())} of {needed} serving"
        )
    return None


def nothing_unfit_is_admitted(step: Step, *, before: View, after: View) -> Violation | None:
    """A member with a torn index, not joined, or not RUNNING never enters the rotation."""
    if not isinstance(step, Admit):
        return None
    member = after.seen.member(step.member)
    condition = Condition.ABSENT if member is None else before.condition(member)
    if condition not in UP:
        return Violation("nothing-unfit-is-admitted", f"{step.member} is {condition.value}")
    return None


def one_takes_writes(step: Step, *, before: View, after: View) -> Violation | None:
    """No step starts or promotes a server while another that could take writes lives."""
    if not isinstance(step, Promote | StartMember) or before.desired.kind is not ComponentKind.DATABASE:
        return None
    able = [
        member.name
        for member in after.seen.members
        if member.life in {Life.ALIVE, Life.ENDING}
        and member.replication is not None
        and member.replication.role is Role.PRIMARY
    ]
    if step.member in able and len(able) > 1:
        return Violation("one-database-primary", f"{' and '.join(able)} could both take writes")
    return None


class Transition(Protocol):
    """An invariant of a step: the picture before it and the one predicted after it."""

    def __call__(self, step: Step, *, before: View, after: View) -> Violation | None:
        """What is broken, or ``None``."""


TRANSITIONS: tuple[Transition, ...] = (serving_is_kept, nothing_unfit_is_admitted, one_takes_writes)
"""Invariants of a step: the picture before it and the one predicted after it."""


def step_violations(step: Step, *, before: View, after: View) -> tuple[Violation, ...]:
    """Every invariant that the predicted step would break."""
    found = (invariant(step, before=before, after=after) for invariant in TRANSITIONS)
    return (*violations(after), *(violation for violation in found if violation is not None))

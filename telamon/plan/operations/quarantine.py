"""``quarantine`` and ``release``: a member out of service, kept running as it is, until somebody has looked at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telamon.naming import ComponentName, member_name
from telamon.plan.operation import Running
from telamon.plan.operations.base import Planner, Proposal, broken_off, worked
from telamon.plan.step import Begin, Finished, Forget, Record, Refusal, Wait
from telamon.plan.view import QUARANTINED, REPLACED, View
from telamon.plan.works.evidence import GatherEvidence
from telamon.state.world import ComponentKind

EVIDENCE: Final = "evidence"
REPLACE: Final = "replace"
"""Particular of the operation: ``yes`` where another member is to be added first."""


class Quarantine(Planner):
    """Replace it first where that is asked for, take it out of rotation, and gather what may not last.

    A member in quarantine is neither admitted nor healed: whoever looks at it finds it as it was.
    """

    verb = "quarantine"
    words = "take a member out of service, and leave it running"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """Users must be served by somebody else, now or after the replacement."""
        name = operation.member
        if not name:
            known = ", ".join(member.name for member in view.desired.members)
            yield Refusal("member-is-named", "nobody says which member", f"name one of {known}")
        elif view.is_set_aside(name):
            words = f"`telamon release {name}` ends it"
            yield Refusal("not-aside-yet", f"{name} is in quarantine already", words)
        elif view.desired.member(name) is None:
            yield Refusal("member-is-desired", f"{name} is leaving anyhow", "wait until it is gone")
        elif _replaces(operation):
            yield from _no_room(view)
        elif all(member.name == name for member in view.serving()):
            yield Refusal(
                "somebody-else-serves",
                f"{name} is the last member that serves",
                "wait until another one serves, or add one first with --replace",
            )

    def is_foreseen(self, view: View, operation: Running) -> bool:
        """A replacement is one member more than is desired yet."""
        return not _replaces(operation)

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """Replacement, quarantine, evidence."""
        member, name = operation.member, view.desired.name
        why = f"{operation.name}: {self.words}"
        if view.is_set_aside(member):
            yield from _let_back(view, operation) if operation.cancelled else _gathered(view, operation)
        elif operation.cancelled:
            yield from _taken_back(view, member)
        elif _replaces(operation) and _replacement(view, member) is None:
            fact = f"{REPLACED}{member}:{member_name(ComponentName(name), len(view.desired.members))}"
            yield Record(name, fact, why)
        elif (missing := _missing(view, member)) is not None:
            yield Wait("Quarantining", f"{missing} before {member} can leave", seconds=0.5)
        else:
            yield Record(name, f"{QUARANTINED}{member}", why)


class Release(Planner):
    """Heal it if need be, let it serve again, and then let go of whoever replaced it."""

    verb = "release"
    words = "end the quarantine of a member"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """Only what is in quarantine is released."""
        if not view.is_set_aside(operation.member):
            facts = sorted(fact for fact in view.memory.facts if fact.startswith(QUARANTINED))
            aside = ", ".join(fact.removeprefix(QUARANTINED) for fact in facts)
            yield Refusal(
                "is-aside",
                f"{operation.member or 'nobody'} is not in quarantine",
                f"in quarantine: {aside or 'nobody'}",
            )

    def is_foreseen(self, view: View, operation: Running) -> bool:
        """A replacement that goes is one member less than is desired yet."""
        return _replacement(view, operation.member) is None

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """Quarantine ends; the replacement goes once the member serves."""
        name, member = view.desired.name, operation.member
        if view.is_set_aside(member):
            yield Forget(name, f"{QUARANTINED}{member}", "somebody asked for it")
            return
        wanted = view.desired.member(member) is not None
        if wanted and not operation.cancelled and member not in {found.name for found in view.serving()}:
            # The standing rules start, heal and admit it.
            return
        replacement = _replacement(view, member)
        if replacement is not None:
            yield Forget(name, f"{REPLACED}{member}:{replacement}", f"{member} is out of quarantine")
        elif operation.cancelled:
            yield Finished("Cancelled", f"{member} is out of quarantine; nobody waits until it serves")
        else:
            yield Finished(
                "Succeeded", f"{member} serves again" if wanted else f"{member} is not desired any more"
            )


def _replaces(operation: Running) -> bool:
    return operation.params.get(REPLACE) == "yes"


def _no_room(view: View) -> Iterator[Refusal]:
    name, most = view.desired.name, view.desired.most_members
    if view.desired.kind is not ComponentKind.PRODUCT:
        yield Refusal("products-are-replaced", f"{name} is no product", "go on without --replace")
    elif len(view.desired.members) >= most:
        words = f"{name} has {len(view.desired.members)} members, and {most} are the most it can have"
        yield Refusal("room-for-another", words, "go on without --replace")


def _replacement(view: View, member: str) -> str | None:
    """Who stands in for a member, if anybody was asked to."""
    start = f"{REPLACED}{member}:"
    return next((fact.removeprefix(start) for fact in view.memory.facts if fact.startswith(start)), None)


def _missing(view: View, member: str) -> str | None:
    """Who must serve before a member can leave; ``None`` where nobody is waited for."""
    serving = {found.name for found in view.serving()}
    replacement = _replacement(view, member)
    if replacement is not None:
        return None if replacement in serving else f"{replacement} must serve"
    return None if serving - {member} else "somebody else must serve"


def _gathered(view: View, operation: Running) -> Iterator[Proposal]:
    """Evidence, once the member gets no more requests."""
    member = operation.member
    found = view.seen.member(member)
    if found is not None and found.admitted and view.desired.rotates:
        yield Wait("Quarantining", f"{member} is leaving the front door", seconds=0.3)
        return
    step = Begin(view.desired.name, operation.job(EVIDENCE), GatherEvidence(member), "it may not last")
    until = f"{member} is in quarantine until `telamon release {member}`"
    left = next(worked(view, step), None)
    if isinstance(left, Finished):
        # What cannot be gathered is no reason to let a sick member serve again.
        yield Finished("Succeeded", f"{until}; nothing was gathered: {left.message}")
    elif left is not None:
        yield left
    else:
        yield Finished("Succeeded", f"{until}; {view.seen.jobs[step.job].result}")


def _let_back(view: View, operation: Running) -> Iterator[Proposal]:
    """Nothing more is gathered, and the standing rules let it serve again."""
    left = tuple(broken_off(view, operation.job(EVIDENCE), because=f"{operation.name} was cancelled"))
    yield from left or (
        Forget(view.desired.name, f"{QUARANTINED}{operation.member}", "somebody asked for it"),
    )


def _taken_back(view: View, member: str) -> Iterator[Proposal]:
    replacement = _replacement(view, member)
    if replacement is not None:
        yield Forget(view.desired.name, f"{REPLACED}{member}:{replacement}", "somebody asked for it")
    else:
        yield Finished("Cancelled", f"{member} goes on serving")

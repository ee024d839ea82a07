"""``rotate-database-password``: nodes log in to their database as another role, with another password, one by one.

Two roles take turns. Both act as the owner of the database from their first word, so whatever either makes belongs to
the owner, and both can be used at once: nobody has to stop while a password changes. Steps, each taken from what is
seen:

1. let the role whose turn it is log in, with a new password;
2. name it as the one that nodes log in as: every node of the product, and of the companions that share its database,
   is outdated by that, and the standing rules replace one after the other;
3. when nobody logs in as the role before, let it log in no more, and end what sessions it has left.

Nodes that log in as the owner itself, as those of every stack do at first, go the same way; then the owner logs in no
more. A node that does not come up with the new log-in turns the whole rotation back, which is the same way with the
roles exchanged. Once the old role is ended there is nothing to turn back to.

Sources: PostgreSQL 17 documentation, "Role Membership", ``ALTER ROLE … SET``, ``pg_terminate_backend``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from telamon.plan.operation import Running
from telamon.plan.operations.base import (
    Planner,
    Proposal,
    broken_off,
    insisted,
    reason_to_turn_back,
    turn_back,
    unwell,
    worked,
)
from telamon.plan.step import Begin, Finished, Record, Refusal, Wait
from telamon.plan.view import LOGIN, View
from telamon.plan.works.rotation import DisableLogin, EnableLogin
from telamon.state.classify import Condition
from telamon.state.world import INTERRUPTED, JobPhase, Life

FEWEST = 2
"""Nodes that a cluster must have for one of them to be away."""
HOPELESS = 2
"""Failures of a node after which its new log-in is given up; one may be anybody's fault."""
ASKED = "somebody asked for it"
TURN = "turn:"
"""Begin of the fact that names the role before and the role after."""
ENDING = "ending"
"""Fact: from here on the role before may be unable to log in, so nothing turns back to it."""


@dataclass(frozen=True)
class _Turn:
    """Which role follows which."""

    old: str
    new: str


class RotateDatabasePassword(Planner):
    """Enable one role, move every node over to it, disable the other."""

    verb = "rotate-database-password"
    words = "give the nodes another log-in to their database, one by one"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """Only where nobody notices, and only what Telamon itself keeps."""
        desired = view.desired
        if not desired.database:
            yield Refusal(
                "has-a-database",
                f"{desired.name} has no database of its own",
                "name the product whose database it is",
            )
            return
        if desired.no_turn:
            yield Refusal("log-in-is-ours", desired.no_turn, "have whoever keeps it give out another one")
            return
        if desired.login_turn is None:
            yield Refusal(
                "log-in-is-ours",
                f"the stack file tells the nodes of {desired.name} whom to log in to the database as",
                "change it there, or leave its variables out so that Telamon keeps them",
            )
            return
        if desired.upgrade is not None:
            yield Refusal(
                "release-is-in-force",
                f"{desired.name} is to be of another release",
                "let the upgrade come to its end first",
            )
        if len(desired.members) < FEWEST:
            yield Refusal(
                "two-nodes-at-least",
                f"{desired.name} has one node, and its users would be without it",
                "add a second node",
            )
        yield from unwell(view)
        for name in desired.login_turn.shared_with:
            standing = view.neighbours.get(name)
            if standing is None or standing.login != desired.login:
                yield Refusal(
                    "companions-are-well",
                    f"{name} shares the database, and not all of its members are well",
                    f"wait until {name} is well",
                )
            elif standing.living < FEWEST:
                yield Refusal(
                    "two-nodes-at-least",
                    f"{name} has one member, and users would be without it",
                    "add a second one",
                )

    def is_foreseen(self, view: View, operation: Running) -> bool:
        """Nodes with another log-in are others than are desired yet."""
        return False

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """The next thing to do, from what is seen."""
        turn = _turn(view, operation)
        if turn is None:
            yield from self._begin(view, operation)
        elif reason_to_turn_back(view, operation) is not None:
            yield from self._return(view, operation, turn=turn)
        elif view.desired.login != turn.new:
            yield from self._prepare(view, operation, turn=turn)
        else:
            yield from self._move(view, operation, turn=turn)

    def _begin(self, view: View, operation: Running) -> Iterator[Proposal]:
        name, following = view.desired.name, view.desired.login_turn
        if operation.cancelled:
            yield Finished("Cancelled", "nothing had been changed yet")
        elif following is None:
            yield Finished("Failed", f"the stack file tells the nodes of {name} whom to log in as")
        else:
            fact = operation.fact(f"{TURN}{view.desired.login}>{following.next}")
            yield Record(name, fact, f"{following.next} follows {view.desired.login}")

    def _prepare(self, view: View, operation: Running, *, turn: _Turn) -> Iterator[Proposal]:
        name, work = view.desired.name, EnableLogin(turn.new)
        step = Begin(name, operation.job(work.kind), work, f"{operation.name} to {turn.new}")
        job = view.seen.jobs.get(step.job)
        if operation.cancelled:
            left = tuple(broken_off(view, step.job, because=f"{operation.name} was cancelled"))
            yield from left or (turn_back(view, operation, reason=ASKED),)
        elif job is not None and job.phase is JobPhase.FAILED and job.result != INTERRUPTED:
            yield turn_back(view, operation, reason=job.detail)
        else:
            left = tuple(worked(view, step))
            # Naming it has the nodes desired anew; where that failed, naming it again does it again.
            yield from left or (Record(name, f"{LOGIN}{turn.new}", f"{turn.new} can log in"),)

    def _move(self, view: View, operation: Running, *, turn: _Turn) -> Iterator[Proposal]:
        work = DisableLogin(turn.old)
        last = Begin(view.desired.name, operation.job(work.kind), work, operation.name)
        # A job that failed is away for a moment before it is made anew, and one that ended goes a day later.
        ending = last.job in view.seen.jobs or view.memory.knows(operation.fact(ENDING))
        reason = ASKED if operation.cancelled else _trouble(view, operation)
        if reason is not None and not ending:
            yield turn_back(view, operation, reason=reason)
        elif not ending and (behind := _behind(view, turn.new)):
            yield from behind
        elif not ending:
            yield Record(view.desired.name, operation.fact(ENDING), f"nobody logs in as {turn.old} any more")
        else:
            left = tuple(insisted(view, last))
            yield from left or (Finished("Succeeded", f"{view.desired.name} logs in as {turn.new}"),)

    def _return(self, view: View, operation: Running, *, turn: _Turn) -> Iterator[Proposal]:
        name, reason = view.desired.name, reason_to_turn_back(view, operation) or ""
        if view.desired.login != turn.old:
            yield Record(name, f"{LOGIN}{turn.old}", reason)
            return
        behind = _behind(view, turn.old)
        if behind:
            yield from behind
            return
        work = DisableLogin(turn.new)
        left = tuple(insisted(view, Begin(name, operation.job(f"{work.kind}-new"), work, reason)))
        ending = Finished(
            "Cancelled" if operation.cancelled else "Failed",
            f"{name} logs in as {turn.old} as before: {reason}",
        )
        yield from left or (ending,)


def _turn(view: View, operation: Running) -> _Turn | None:
    begin = operation.fact(TURN)
    found = next((fact.removeprefix(begin) for fact in view.memory.facts if fact.startswith(begin)), None)
    if found is None:
        return None
    old, _, new = found.partition(">")
    return _Turn(old, new)


def _behind(view: View, login: str) -> tuple[Proposal, ...]:
    """What to wait for until everybody logs in as a role; the standing rules do the rest. Empty: everybody does."""
    if view.login_in_use() != login:
        return (
            Wait("Rotating", f"the nodes of {view.desired.name} go over to {login} one by one", seconds=0.5),
        )
    following = view.desired.login_turn
    for name in following.shared_with if following is not None else ():
        standing = view.neighbours.get(name)
        if standing is None or standing.login != login:
            return (Wait("Rotating", f"the members of {name} go over to {login} one by one", seconds=0.5),)
    return ()


def _trouble(view: View, operation: Running) -> str | None:
    """Why a log-in is given up. What it is not to be blamed for does not count: a database that is away."""
    for requirement in view.desired.requires:
        standing = view.neighbours.get(requirement.component)
        if standing is not None and not standing.ready:
            return None
    for wanted, member, condition in view.wanted():
        if member.revision not in {None, wanted.revision}:
            continue
        failures = view.failures(member.name)
        if condition in {Condition.FAILED, Condition.STALLED}:
            return f"{member.name} is {condition.value}"
        if failures.last > operation.since and failures.count + (member.life is Life.EXITED) >= HOPELESS:
            return f"{member.name} failed {HOPELESS} times ({member.exit or failures.reason})"
    return None

"""The standing operation: bring one component from whatever is seen to what is desired.

:func:`telamon.plan.decide.next_step` walks ordered tuples of rules. A rule proposes steps and waits, the most urgent
first; the first proposal that every guard allows is the decision. Protection comes first (take the unfit out of
rotation), then capacity (admit the fit); then whatever operation is in progress; then healing, progress, replacement.
A refused proposal does not stop later rules: it only becomes the reason shown when nothing else can be done.

Progress is what exists: there is no cursor, so resuming after a crash is calling ``next_step`` again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from telamon.naming import DATABASE
from telamon.plan.busy import least_busy_first
from telamon.plan.cloning import quieten, seed
from telamon.plan.keeping import forget_departed, forget_held, keep_maintenance, leave_registry
from telamon.plan.setup import account, keep_account, set_up
from telamon.plan.step import (
    Admit,
    ApplyObjects,
    Call,
    Drain,
    Forget,
    MakeDatabase,
    Record,
    RemoveMember,
    StartMember,
    Step,
    StopMember,
    Wait,
)
from telamon.plan.view import APPLIED, MENDED, RELEASE, View
from telamon.plan.window import await_window, may_be_replaced
from telamon.state.classify import UP, Condition
from telamon.state.phase import Phase
from telamon.state.world import ComponentKind, JobPhase, Life, MemberState

Rule = Callable[[View], Iterator[Step | Wait]]

JOIN_PREPARED_FOR = 600.0
"""Seconds for which what was prepared for a joining node counts as fresh."""

DATABASE_NOTICED_WITHIN = 20.0
"""Seconds in which a node must have found a database that is back: connection pools retry, health checks are asked
every few seconds, and restarting a node that is about to recover costs its users more than waiting."""

CURED_BY_RESTART: Mapping[Condition, str] = {
    Condition.HUNG: "it does not answer",
    Condition.STALLED: "it comes to no end with starting or stopping",
    Condition.FAILED: "it reports ERROR",
    Condition.ISOLATED: "its cluster does not count it in",
    Condition.DATABASE_LOST: "it lost its database",
    Condition.INDEX_BROKEN: "its search index cannot be read",
}
"""Conditions in which a living member is restarted. A broken index is in it because both Jira and Confluence recover
their index while they start, and only then. Source: Jira KB "Index startup procedure in Jira 9.4 and later";
Confluence "Administer your Data Center search index"."""


def apply_objects(view: View) -> Iterator[Step | Wait]:
    """Files and manifests come before anything that reads them."""
    if not view.desired.members or view.drift:
        return
    if view.seen.objects != view.desired.objects:
        why = "first time" if view.seen.objects is None else "configuration changed"
        yield ApplyObjects(view.desired.name, why)
    elif view.desired.leaves_drift and view.memory.applied != view.desired.objects:
        why = "from now on what is changed by hand is told and left"
        yield Record(view.desired.name, f"{APPLIED}{view.desired.objects}", why)


def leave_rotation(view: View) -> Iterator[Step | Wait]:
    """No traffic for a member that cannot take it."""
    if not view.desired.rotates:
        return
    for member in view.seen.members:
        condition = view.condition(member)
        aside = view.is_set_aside(member.name)
        if not member.admitted or (not aside and (condition in UP or _shared_trouble(condition, view))):
            continue
        why = "it is quarantined" if aside else f"it is {condition.value}"
        yield Drain(view.desired.name, member.name, why)


def enter_rotation(view: View) -> Iterator[Step | Wait]:
    """Traffic for every member that is fit, unless it was drained to be replaced or is kept out on purpose.

    Where too few serve such a member is taken back all the same, but for the only one there is: its drain was known to
    leave nobody, and it would be drained again, and so on for ever.
    """
    if not view.desired.rotates or not view.is_set_up():
        return
    needed = view.must_serve if len(view.desired.members) > 1 else 0
    for wanted, member, condition in view.kept():
        waits = member.revision != wanted.revision or member.name in view.kept_out
        if condition is Condition.READY and (not waits or len(view.serving()) < needed):
            yield Admit(view.desired.name, member.name, "it is fit to serve")


def end_surplus(view: View) -> Iterator[Step | Wait]:
    """Members nobody desires: drain, stop, forget."""
    for member in view.surplus():
        name, why = view.desired.name, "it is no longer desired"
        if view.desired.rotates and member.admitted:
            yield Drain(name, member.name, why)
        elif member.life is Life.ALIVE:
            yield StopMember(name, member.name, why)
        elif member.life is Life.ENDING:
            yield Wait("Stopping", f"{member.name} is stopping{_held(member)}")
        else:
            yield RemoveMember(name, member.name, why)


def end_the_sick(view: View) -> Iterator[Step | Wait]:
    """A member that is alive and no use is stopped, so that it can be started afresh."""
    for _, member, condition in view.kept():
        reason = CURED_BY_RESTART.get(condition)
        if reason is None:
            continue
        if _shared_trouble(condition, view):
            yield Wait("DatabaseDown", f"{member.name}: {reason}, and the database itself is down")
            continue
        kill = condition is Condition.HUNG
        yield StopMember(view.desired.name, member.name, reason, kill=kill, failure=True)


def make_database(view: View) -> Iterator[Step | Wait]:
    """Database and role, before the first member."""
    if not view.desired.database or view.seen.database_ready or not view.desired.members:
        return
    # Where nobody of ours keeps the server, nobody can tell how it is: whoever makes the database finds out.
    is_ours = any(requirement.component == DATABASE for requirement in view.desired.requires)
    server = view.neighbours.get(DATABASE)
    if is_ours and (server is None or not server.ready):
        yield Wait("WaitingForDatabase", "the database server is not ready yet")
    else:
        yield MakeDatabase(view.desired.name, "it has no database yet")


def remember(view: View) -> Iterator[Step | Wait]:
    """Facts that cannot be seen once every member is down."""
    name = view.desired.name
    made = view.seen.jobs.get("service-account")
    if made is not None and made.result == "done" and not view.memory.knows("service-account"):
        yield Record(name, "service-account", "it was made")
    for _, member, condition in view.wanted():
        runs = member.life is Life.ALIVE and member.phase is Phase.RUNNING
        if runs and not view.is_set_up():
            yield Record(name, "set-up", f"{member.name} is RUNNING")
        if runs and member.release and view.desired.kind is ComponentKind.PRODUCT and not view.memory.release:
            yield Record(name, f"{RELEASE}{member.release}", f"{member.name} is RUNNING")
        if condition in UP and view.memory.knows(f"{MENDED}{member.name}"):
            yield Forget(name, f"{MENDED}{member.name}", f"{member.name} is well again")
        joined = f"joined:{member.name}"
        if condition in UP and view.desired.prepares_join and not view.memory.knows(joined):
            yield Record(name, joined, f"{member.name} has joined")


def start_missing(view: View) -> Iterator[Step | Wait]:
    """Start what should run and does not, one by one, ever more patiently where it keeps failing."""
    for wanted, member, condition in view.kept():
        if condition not in {Condition.ABSENT, Condition.EXITED}:
            continue
        failures = view.failures(wanted.name)
        crashed = condition is Condition.EXITED
        # The crash that is seen now is not yet in the journal: starting it is what records it.
        delay = view.desired.policy.delay(failures.count)
        # A clock that was set back must not turn seconds of back-off into hours.
        left = min(failures.last + delay - view.now, delay) if failures.count else 0.0
        if left > 0:
            quarantined = failures.count >= view.desired.policy.quarantine_after
            why = f"{wanted.name} failed {failures.count} times in a row ({failures.reason})"
            # Without a countdown: a text that changes every second would be shown, and stored, every second.
            reason = "Quarantined" if quarantined else "BackOff"
            yield Wait(reason, f"{why}; it rests {delay:.0f} s before the next start", left)
            continue
        if needs_preparation(wanted.name, view):
            yield from prepare_join(wanted.name, view)
            continue
        because = f"it ended: {member.exit or 'gone'}" if crashed else "it does not run"
        yield StartMember(view.desired.name, wanted.name, because, failure=crashed)


def needs_preparation(name: str, view: View) -> bool:
    """Whether a running node must prepare before this one joins for the first time."""
    return view.desired.prepares_join and bool(view.fit()) and not view.memory.knows(f"joined:{name}")


def prepare_join(name: str, view: View) -> Iterator[Step | Wait]:
    """Ask a fit member to prepare (Jira: an index snapshot), and start the new one when that is done and fresh."""
    helper = view.fit()[0]
    job = view.seen.jobs.get("prepare-join")
    if job is not None and job.phase is JobPhase.RUNNING:
        yield Wait("PreparingJoin", f"{helper.name} prepares for {name}")
        return
    if job is not None and job.ended is not None:
        age = abs(view.now - job.ended)
        if job.phase is JobPhase.SUCCEEDED and job.result == "done" and age < JOIN_PREPARED_FOR:
            yield StartMember(view.desired.name, name, "it does not run")
            return
        if age < view.desired.policy.look_again:
            yield Wait("PreparingJoin", job.detail or f"{helper.name} prepares for {name}")
            return
    yield Call(view.desired.name, helper.name, "prepare-join", f"{name} is about to join")


def replace_outdated(view: View) -> Iterator[Step | Wait]:
    """Bring changed configuration into force, one member at a time, while all others are well."""
    outdated = [
        (member, condition)
        for wanted, member, condition in view.kept()
        if member.revision not in {None, wanted.revision} and condition in UP
    ]
    settled = all(
        condition in UP and member.name not in view.kept_out for _, member, condition in view.kept()
    )
    ordered = least_busy_first([member for member, _ in outdated])
    # A member that was drained for this is finished first.
    for member in sorted(ordered, key=lambda found: found.admitted and view.desired.rotates):
        why = "its configuration changed"
        if not settled:
            yield Wait("Replacing", f"{member.name} waits until every other member is well")
        elif not may_be_replaced(view, member.name):
            continue
        elif view.desired.rotates and member.admitted:
            yield Drain(view.desired.name, member.name, why)
        else:
            yield StopMember(view.desired.name, member.name, why)


def wait_for_the_busy(view: View) -> Iterator[Step | Wait]:
    """Members on their way need nothing but time."""
    for _, member, condition in view.kept():
        if condition not in UP:
            yield Wait(condition.value, f"{member.name} is {condition.value}{_held(member)}")


def wait_for_copies(view: View) -> Iterator[Step | Wait]:
    """Of several members that hold copies of one another's data none may be lost before every copy is there."""
    copies = view.seen.copies
    if copies is not None and not copies.whole and len(view.desired.members) > 1:
        yield Wait("Replicating", f"not every copy of its data is there: {copies.detail}")


def _held(member: MemberState) -> str:
    """What keeps a member from ending, as the end of a sentence."""
    return f": {member.held}" if member.held else ""


PROTECTING: tuple[Rule, ...] = (
    keep_maintenance,
    leave_rotation,
    apply_objects,
    enter_rotation,
    remember,
    forget_departed,
    forget_held,
)
"""Rules that go before everything an operation may want, in the order of urgency."""

STANDING: tuple[Rule, ...] = (
    end_surplus,
    end_the_sick,
    make_database,
    seed,
    set_up,
    account,
    quieten,
    keep_account,
    start_missing,
    replace_outdated,
    leave_registry,
    wait_for_the_busy,
    wait_for_copies,
    await_window,
)
"""Rules that bring about what is desired, in the order of urgency."""


def _shared_trouble(condition: Condition, view: View) -> bool:
    """Whether the member suffers from something that a restart of the member cannot cure."""
    if condition not in {Condition.DATABASE_LOST, Condition.FAILED}:
        return False
    return any(
        requirement.component == "database"
        and (not standing.ready or view.now - standing.since < DATABASE_NOTICED_WITHIN)
        for requirement in view.desired.requires
        if (standing := view.neighbours.get(requirement.component)) is not None
    )

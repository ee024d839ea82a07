"""The rules of a database of one primary and standbys: one writer, whatever is lost.

They stand where the rules of :mod:`telamon.plan.converge` do for other components. Each decides from the record
(:mod:`telamon.plan.writer`) and a fresh picture; none remembers what the one before it did.

Traps:
    * A server is made a primary in three steps: it is recorded, it is promoted, and it is started again with the
      address that clients write to, which the kernel gives to one process alone.
    * Commits that wait for a lost standby are not acknowledged, so nothing is lost by waiting; they are let go only
      after the record says that the standby lacks them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from telamon.plan import converge
from telamon.plan.database_step import Bootstrap, Establish, Fence, Follow, Promote, Synchronise
from telamon.plan.logkeeping import keep_log
from telamon.plan.step import Forget, Record, Step, StopMember, Wait
from telamon.plan.view import RELEASE, View
from telamon.plan.window import await_window, may_be_replaced
from telamon.plan.writer import Writer, heir, is_out_of_touch, recorded
from telamon.state.classify import UP, Condition
from telamon.state.phase import Phase
from telamon.state.world import JobPhase, JobState, Life, MemberState, Role

FALL_BACK_AFTER = 1.5
"""Seconds for which commits wait for a standby that the primary has not heard of."""

NEARLY_THERE = 1 << 20
"""Bytes that a standby may lack when commits begin to wait for it: what it receives within a moment."""

JOB_RESTS = 5.0
"""Seconds to leave between two tries of a job."""

STALE_AFTER = 120.0
"""Seconds after which a standby that runs and hears nothing from a primary that serves is copied anew: what it lacks is
not kept for ever."""

STALE = "stale:"
"""Begin of the fact that a standby's data are to be replaced; the member and the instant follow."""

SICK = frozenset({Condition.HUNG, Condition.STALLED, Condition.FAILED})
LIVING = frozenset({Life.ALIVE, Life.ENDING})


def end_the_unrecorded(view: View) -> Iterator[Step | Wait]:
    """A server that could take writes and is not the recorded primary is ended before anything else."""
    record = recorded(view.memory)
    for member in view.seen.members:
        part = member.replication
        if record is None or part is None or part.role is not Role.PRIMARY or member.life not in LIVING:
            continue
        if member.name != record.primary:
            why = f"{record.primary} takes writes now"
            yield Fence(view.desired.name, member.name, why, failure=True)


def establish(view: View) -> Iterator[Step | Wait]:
    """The first primary, once in the life of a stack. Data that is there is recorded, never made anew."""
    if recorded(view.memory) is not None or not view.desired.members:
        return
    name = view.desired.name
    with_data = [member for member in view.seen.members if member.replication is not None]
    primaries = [
        member for member in with_data if member.replication and member.replication.role is Role.PRIMARY
    ]
    if len(primaries) == 1:
        yield Record(name, Writer(1, primaries[0].name).fact, "it holds the data")
    elif with_data:
        found = " and ".join(member.name for member in primaries or with_data)
        yield Wait("WriterUnknown", f"nothing says whose data is the newest: {found}", seconds=5.0)
    elif view.seen.objects is not None:
        yield Establish(name, view.desired.members[0].name, "there is no data yet")


def bootstrap(view: View) -> Iterator[Step | Wait]:
    """Telamon's own roles are made where they are missing: on the primary, from which its standbys have them.

    A standby that has run since before an update is only told to read again who may come in.
    """
    record = recorded(view.memory)
    primary = view.seen.member(record.primary) if record is not None else None
    part = primary.replication if primary is not None else None
    if primary is None or part is None or part.role is not Role.PRIMARY:
        return
    others = (member for member in view.seen.members if member.name != primary.name)
    for member in (primary, *(others if part.admits else ())):
        admits = member.replication.admits if member.replication is not None else None
        if admits is False and member.life is Life.ALIVE and member.phase is Phase.RUNNING:
            yield Bootstrap(
                view.desired.name, member.name, "Telamon's own roles do not get in as they should"
            )


def fail_over(view: View) -> Iterator[Step | Wait]:
    """The primary is lost and a standby has everything: end the one for certain, then record the other.

    A primary that stopped in order is lost in the same sense: whoever stops it hands over.
    """
    record = recorded(view.memory)
    if record is None or heir(view, record) is None:
        return
    primary = view.seen.member(record.primary) or MemberState(record.primary, 0)
    condition = view.condition(primary)
    runs = primary.life in LIVING
    if runs and condition not in SICK:
        return
    if primary.life is not Life.ABSENT:
        why = f"it is {condition.value}" if runs else f"it ended: {primary.exit or 'gone'}"
        yield Fence(view.desired.name, primary.name, why, failure=True)
    else:
        why = f"{record.primary} does not run, and {record.synced} has every acknowledged write"
        yield Record(view.desired.name, record.succeeded().fact, why)


def promote(view: View) -> Iterator[Step | Wait]:
    """Make of the recorded primary one that takes writes, and gives clients their address back."""
    record = recorded(view.memory)
    primary = view.seen.member(record.primary) if record is not None else None
    part = primary.replication if primary is not None else None
    if primary is None or part is None or primary.life is not Life.ALIVE:
        return
    if primary.phase is not Phase.RUNNING:
        return
    if part.role is Role.STANDBY:
        yield Promote(view.desired.name, primary.name, "it is the recorded primary")
    elif part.writer is False:
        yield StopMember(view.desired.name, primary.name, "it starts again with the address of the writer")


def fall_back(view: View) -> Iterator[Step | Wait]:
    """Commits do not wait for a lost standby for ever; the record says so before the first goes without it."""
    record = recorded(view.memory)
    if record is None or not view.desired.members or not _serves(view, record):
        return
    name = view.desired.name
    if record.synced:
        lost = view.seen.member(record.synced)
        if is_out_of_touch(lost, now=view.now, patience=FALL_BACK_AFTER):
            yield Record(name, record.alone().fact, f"{record.primary} has lost touch with {record.synced}")
        elif _goes_without(view, record):
            why = f"commits on {record.primary} do not wait for {record.synced}, though they were to"
            yield Record(name, record.alone().fact, why)
        return
    demanded = _demands(view, record)
    if not demanded:
        return
    if is_out_of_touch(view.seen.member(demanded), now=view.now, patience=FALL_BACK_AFTER):
        why = f"{demanded} is out of touch, and recorded as such"
        yield Synchronise(name, record.primary, "", record.term, why)


def _goes_without(view: View, record: Writer) -> bool:
    """Whether the primary says that commits do not wait for the standby that is recorded as in sync.

    A step whose error came first may have told it so afterwards, or somebody else has.
    """
    standby = view.seen.member(record.synced)
    part = standby.replication if standby is not None else None
    return part is not None and part.in_sync is False and _demands(view, record) != record.synced


def follow(view: View) -> Iterator[Step | Wait]:
    """A server without data of its own, or with that of a former primary, becomes a standby."""
    record = recorded(view.memory)
    if record is None:
        return
    name = view.desired.name
    for wanted, member, _ in view.wanted():
        part = member.replication
        if wanted.name == record.primary or member.life in LIVING or view.is_set_aside(wanted.name):
            continue
        stale = _stale(view, wanted.name)
        if part is not None and part.role is Role.STANDBY and stale is None:
            continue
        if stale is not None and _copied_since(view, wanted.name, instant=stale):
            yield Forget(name, f"{STALE}{wanted.name}:{stale}", "it has a new copy")
        elif not _serves(view, record):
            yield Wait("WaitingForPrimary", f"{wanted.name} follows once {record.primary} serves")
        elif record.synced == wanted.name:
            yield Record(name, record.alone().fact, f"{wanted.name} has no standby's data any more")
        else:
            yield from _copy(view, record, wanted.name)


def replace_stale(view: View) -> Iterator[Step | Wait]:
    """A standby that cannot follow any more is stopped, and then copied anew."""
    record = recorded(view.memory)
    if record is None or not _serves(view, record):
        return
    primary = view.seen.member(record.primary)
    for wanted, member, _ in view.wanted():
        part, name = member.replication, view.desired.name
        if member.life is not Life.ALIVE or part is None or part.role is not Role.STANDBY:
            continue
        settled = [view.now - found.phase_since for found in (primary, member) if found is not None]
        if _stale(view, wanted.name) is not None:
            yield StopMember(name, wanted.name, "its data are to be replaced")
        elif min(settled) > STALE_AFTER and is_out_of_touch(member, now=view.now, patience=STALE_AFTER):
            fact = f"{STALE}{wanted.name}:{int(view.now)}"
            yield Record(name, fact, f"it runs and has heard nothing for {STALE_AFTER:.0f} s")


def _stale(view: View, member: str) -> int | None:
    """The instant at which a member's data were found to be stale, if they were."""
    start = f"{STALE}{member}:"
    found = next((fact for fact in view.memory.facts if fact.startswith(start)), None)
    return None if found is None else int(found.removeprefix(start))


def _copied_since(view: View, member: str, *, instant: int) -> bool:
    job = view.seen.jobs.get(f"follow/{member}")
    return job is not None and job.phase is JobPhase.SUCCEEDED and (job.ended or 0.0) >= instant


def _copy(view: View, record: Writer, member: str) -> Iterator[Step | Wait]:
    step = Follow(view.desired.name, member, record.primary, "it has no standby's data")
    job = view.seen.jobs.get(step.job)
    if job is not None and job.phase is JobPhase.RUNNING:
        yield Wait("Copying", f"{member} copies the data of {record.primary}")
    elif job is not None and job.phase is JobPhase.FAILED and _just_ended(job, view):
        yield Wait("CopyFailed", f"{member} could not copy the data of {record.primary}: {job.detail}")
    else:
        yield step


def start_servers(view: View) -> Iterator[Step | Wait]:
    """The recorded primary first: a standby that finds none would look as if it had been lost."""
    record = recorded(view.memory)
    if record is None:
        return
    ready = [
        member
        for member in view.desired.members
        if view.member(member).replication is not None and _stale(view, member.name) is None
    ]
    ordered = sorted(ready, key=lambda member: (member.name != record.primary, member.ordinal))
    yield from converge.start_missing(replace(view, desired=replace(view.desired, members=tuple(ordered))))
    primary = view.seen.member(record.primary)
    if view.desired.members and (primary is None or primary.replication is None):
        yield Wait("PrimaryLost", _why_lost(view, record), seconds=5.0)


def _why_lost(view: View, record: Writer) -> str:
    others = [member.name for member in view.desired.members if member.name != record.primary]
    rest = (
        f"; {', '.join(others)} may lack acknowledged writes and is not promoted by itself" if others else ""
    )
    return f"the data of {record.primary} is gone{rest}"


def synchronise(view: View) -> Iterator[Step | Wait]:
    """Let commits wait for a standby that has nearly everything, and record it once it has everything."""
    record = recorded(view.memory)
    if record is None or record.synced or not _serves(view, record):
        return
    name = view.desired.name
    for wanted, member, _ in view.wanted():
        part = member.replication
        if wanted.name == record.primary or part is None or member.life is not Life.ALIVE:
            continue
        if part.role is not Role.STANDBY or is_out_of_touch(member, now=view.now, patience=0.0):
            continue
        if part.in_sync and part.attested == record.term:
            yield Record(name, record.with_standby(wanted.name).fact, "it has every acknowledged write")
        else:
            yield from _begin_to_wait(view, record, member)


def _begin_to_wait(view: View, record: Writer, standby: MemberState) -> Iterator[Step | Wait]:
    why = "it has nearly everything"
    step = Synchronise(view.desired.name, record.primary, standby.name, record.term, why)
    job, lag = view.seen.jobs.get(step.job), standby.replication.lag if standby.replication else None
    if job is not None and job.phase is JobPhase.RUNNING:
        yield Wait("Synchronising", f"commits on {record.primary} begin to wait for {standby.name}")
    elif job is not None and job.phase is JobPhase.FAILED and _just_ended(job, view):
        yield Wait("Synchronising", job.detail)
    elif job is not None and _demands(view, record) == standby.name and _just_ended(job, view):
        yield Wait("Synchronising", f"{standby.name} has not confirmed everything yet")
    elif lag is not None and lag < NEARLY_THERE:
        yield step


def _just_ended(job: JobState, view: View) -> bool:
    return job.ended is not None and abs(view.now - job.ended) < JOB_RESTS


def remember_release(view: View) -> Iterator[Step | Wait]:
    """The release in force is the one that every server runs: none is older, and nobody goes back behind it."""
    if not view.desired.members or any(condition not in UP for _, _, condition in view.wanted()):
        return
    releases = {member.release for _, member, _ in view.wanted()}
    release = releases.pop() if len(releases) == 1 else None
    if release and release != view.memory.release:
        yield Record(view.desired.name, f"{RELEASE}{release}", "every server runs it")


def replace_outdated(view: View) -> Iterator[Step | Wait]:
    """Bring changed configuration or another release into force: standbys first, the primary after it handed over."""
    record = recorded(view.memory)
    outdated = [
        (wanted, member)
        for wanted, member, condition in view.wanted()
        if member.revision not in {None, wanted.revision} and condition in UP
    ]
    settled = all(condition in UP for _, _, condition in view.wanted())
    outdated.sort(key=lambda found: record is not None and found[1].name == record.primary)
    for wanted, member in outdated:
        if not settled:
            yield Wait("Replacing", f"{member.name} waits until every other server is well")
        elif may_be_replaced(view, member.name):
            changes = member.release not in {None, wanted.release}
            why = (
                f"{member.release} gives way to {wanted.release}" if changes else "its configuration changed"
            )
            yield StopMember(view.desired.name, member.name, why)


def _serves(view: View, record: Writer) -> bool:
    primary = view.seen.member(record.primary)
    return primary is not None and view.condition(primary) is Condition.SERVING


def _demands(view: View, record: Writer) -> str:
    primary = view.seen.member(record.primary)
    return primary.replication.demands if primary is not None and primary.replication is not None else ""


PROTECTING: tuple[converge.Rule, ...] = (
    end_the_unrecorded,
    converge.apply_objects,
    establish,
    fail_over,
    bootstrap,
    promote,
    fall_back,
)
"""Rules that go before everything an operation may want, in the order of urgency."""

STANDING: tuple[converge.Rule, ...] = (
    converge.end_surplus,
    converge.end_the_sick,
    start_servers,
    follow,
    replace_stale,
    synchronise,
    remember_release,
    replace_outdated,
    keep_log,
    converge.wait_for_the_busy,
    await_window,
)
"""Rules that bring about what is desired, in the order of urgency."""

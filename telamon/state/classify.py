"""Name what is seen before judging it.

:func:`classify` is the only reader of raw member attributes that gives them a meaning. The planner decides by its
answer, the status report shows it, the invariants are written in its terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from telamon.state.phase import Phase
from telamon.state.world import Life, MemberState, Replication, Role


class Condition(StrEnum):
    """What a member is, from the worst to the best."""

    ABSENT = "Absent"
    EXITED = "Exited"
    STOPPING = "Stopping"
    HUNG = "Hung"
    """Alive, and silent for longer than a busy node may be."""
    STALLED = "Stalled"
    """Starting, or stopping by itself, for longer than that may take."""
    FAILED = "Failed"
    """It reports ERROR."""
    DATABASE_LOST = "DatabaseLost"
    STARTING = "Starting"
    SETUP_REQUIRED = "SetupRequired"
    MAINTENANCE = "Maintenance"
    JOINING = "Joining"
    """RUNNING, and the cluster does not count it in yet."""
    ISOLATED = "Isolated"
    """RUNNING, and the cluster has not counted it in for longer than joining may take."""
    INDEX_BROKEN = "IndexBroken"
    CATCHING_UP = "CatchingUp"
    READY = "Ready"
    """Fit to serve, not admitted."""
    SERVING = "Serving"


UP = frozenset({Condition.READY, Condition.SERVING})
"""Conditions in which a member is fit to serve."""


@dataclass(frozen=True)
class Patience:
    """How long a member may be silent or starting before that counts as sick.

    Attributes:
        hang: seconds without an answer after it had been reachable.
        start: seconds from start to RUNNING (or FIRST_RUN).
        stop: seconds for which it may say STOPPING though nobody asked it to stop.
        lag: operations an index may lack and still count as caught up.
        catch_up: seconds from RUNNING until its index must have caught up; then it is given another one.
        join: seconds from RUNNING, or from its loss, until the cluster must count it in.
        database: seconds for which it may be without its database before a restart is worth trying.
    """

    hang: float = 3.0
    start: float = 900.0
    stop: float = 120.0
    lag: int = 0
    catch_up: float = 900.0
    join: float = 120.0
    database: float = 5.0


def classify(member: MemberState, *, now: float, patience: Patience) -> Condition:
    """Name a member's condition.

    Args:
        member: as it was seen.
        now: instant of the judgement, seconds.
        patience: the limits that apply to this component.

    Returns:
        Exactly one condition; the order of the tests is the order of importance.
    """
    if member.life is Life.ABSENT:
        return Condition.ABSENT
    if member.life is Life.EXITED:
        return Condition.EXITED
    if member.life is Life.ENDING:
        return Condition.STOPPING
    return _alive(member, now=now, patience=patience)


def _alive(member: MemberState, *, now: float, patience: Patience) -> Condition:
    starting_for = now - (member.started if member.started is not None else now)
    match member.phase:
        case Phase.UNREACHABLE:
            return _silent(member, now=now, patience=patience, starting_for=starting_for)
        case Phase.STARTING:
            return Condition.STALLED if starting_for > patience.start else Condition.STARTING
        case Phase.FIRST_RUN:
            return Condition.SETUP_REQUIRED
        case Phase.MAINTENANCE:
            return Condition.MAINTENANCE
        case Phase.ERROR:
            return Condition.FAILED
        case Phase.STOPPING:
            ends_too_slowly = now - member.phase_since > patience.stop
            return Condition.STALLED if ends_too_slowly else Condition.STOPPING
        case Phase.RUNNING:
            return _running(member, now=now, patience=patience)


def _silent(member: MemberState, *, now: float, patience: Patience, starting_for: float) -> Condition:
    never_answered = member.started is not None and member.phase_since <= member.started
    if never_answered:
        return Condition.STALLED if starting_for > patience.start else Condition.STARTING
    # A node that answered before and is silent now: a pause of the event loop is short, a hang is not.
    if now - member.phase_since > patience.hang:
        return Condition.HUNG
    return Condition.SERVING if member.admitted else Condition.STARTING


def _running(member: MemberState, *, now: float, patience: Patience) -> Condition:
    if member.replication is not None:
        return _server(member.replication)
    lost = member.database_lost_since
    if lost is not None and now - lost > patience.database:
        return Condition.DATABASE_LOST
    # What is not known yet speaks against admitting a member, never against one that serves already: a controller
    # that has just restarted must not empty the rotation.
    if member.clustered and (member.joined is False or (member.joined is None and not member.admitted)):
        alone = member.joined is False and now - max(member.joined_since, member.phase_since) > patience.join
        return Condition.ISOLATED if alone else Condition.JOINING
    if member.indexed and _index_lags(member, patience=patience):
        return Condition.INDEX_BROKEN if member.index and not member.index.readable else Condition.CATCHING_UP
    return Condition.SERVING if member.admitted else Condition.READY


def _server(part: Replication) -> Condition:
    """A database server serves when clients can write to it, and is ready when it could take over without a loss."""
    if part.role is Role.PRIMARY:
        return Condition.SERVING if part.writer else Condition.JOINING
    return Condition.READY if part.in_sync else Condition.CATCHING_UP


def _index_lags(member: MemberState, *, patience: Patience) -> bool:
    if member.index is None:
        return not member.admitted
    if not member.index.readable:
        return True
    behind = member.index.behind
    return behind is not None and behind > patience.lag and not member.admitted

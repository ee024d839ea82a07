"""What is reported: outcomes of the lanes, as the status of the Stack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from telamon.desired.windows import gate
from telamon.model.status import ComponentStatus, IndexStatus, MemberStatus, StackStatus, StatusCondition
from telamon.plan.operations.releasing import of_one_release
from telamon.plan.step import Done, Finished, Wait, describe
from telamon.plan.view import View
from telamon.plan.window import AWAITS, opens
from telamon.products.release import Way
from telamon.run.executor import Outcome
from telamon.state.world import Life, MemberState, Replication, Role, UpgradePhase

Truth = Literal["True", "False", "Unknown"]

ILL = frozenset(
    {
        "Quarantined",
        "StepFailed",
        "BackOff",
        "NothingRecorded",
        "Defect",
        "ServiceAccountFailed",
        "LoginRefused",
        "TokenEnds",
        "UpgradeFailed",
        "FinalTasksFailed",
        "LogNotKept",
    }
)
"""Reasons for which a component counts as degraded: it will not come right by waiting alone."""
LEFT = frozenset({"Paused", AWAITS})
"""Reasons for which a component is left as it is on purpose: there is nothing that anybody would wait for now."""


DRIFTED = "Drifted"
"""Condition: something was changed by hand, and is left as it is because somebody has said so."""


@dataclass
class Transitions:
    """Since when each condition has the status it has."""

    known: dict[str, tuple[Truth, datetime]] = field(default_factory=dict)

    @classmethod
    def after(cls, conditions: Iterable[StatusCondition]) -> Transitions:
        """Go on from conditions that an earlier controller reported."""
        return cls({found.type: (found.status, found.last_transition_time) for found in conditions})

    def since(self, type_: str, status: Truth, *, now: datetime) -> datetime:
        """The instant of the last change, which is now if this is one."""
        before = self.known.get(type_)
        if before is None or before[0] != status:
            self.known[type_] = (status, now)
        return self.known[type_][1]


@dataclass(frozen=True)
class Trouble:
    """Why the last pass of a lane came to nothing.

    Attributes:
        reason: in one word.
        message: for people.
        remedy: what would help, if that is known.
    """

    reason: str
    message: str
    remedy: str | None


@dataclass(frozen=True)
class Lane:
    """What a lane last came to, with what it counted.

    Attributes:
        outcome: of the last pass that came to something, ``None`` before the first.
        generation: of the spec that pass looked at.
        restarts: by member.
        trouble: of the passes since, if there were any.
        current: whether that pass looked at what is desired now. An operation may change that within a generation,
            also of other components than its own.
    """

    outcome: Outcome | None
    generation: int
    restarts: Mapping[str, int]
    trouble: Trouble | None = None
    current: bool = True


def stack_status(
    lanes: Mapping[str, Lane],
    *,
    generation: int,
    now: datetime,
    transitions: Transitions,
    urls: Mapping[str, str],
) -> StackStatus:
    """The status of the whole stack.

    Args:
        lanes: by component, in the order in which they are shown.
        generation: of the spec in force.
        now: time of the report.
        transitions: remembers when conditions changed; updated.
        urls: where to go, by product.
    """
    components = tuple(component_status(name, lane, generation=generation) for name, lane in lanes.items())
    members = tuple(
        member
        for name, lane in lanes.items()
        if lane.outcome is not None
        for member in member_statuses(lane.outcome.view, lane.restarts)
    )
    return StackStatus(
        observed_generation=min((lane.generation for lane in lanes.values()), default=generation),
        conditions=(
            *_conditions(components, generation=generation, now=now, transitions=transitions),
            *_drifted(lanes, generation=generation, now=now, transitions=transitions),
        ),
        components=components,
        members=members,
        urls=urls,
    )


def component_status(name: str, lane: Lane, *, generation: int) -> ComponentStatus:
    """One component: what it does or waits for."""
    outcome, trouble = lane.outcome, lane.trouble
    if trouble is not None:
        view = outcome.view if outcome is not None else None
        return ComponentStatus(
            name=name,
            kind=view.desired.kind.value if view is not None else "",
            product=view.desired.product if view is not None else "",
            ready=view is not None and view.standing().ready,
            done=False,
            reason=trouble.reason,
            message=trouble.message,
            remedy=trouble.remedy or "",
        )
    if outcome is None or lane.generation != generation or not lane.current:
        kind = "" if outcome is None else outcome.view.desired.kind.value
        return ComponentStatus(
            name=name, kind=kind, ready=False, done=False, reason="Waiting", message="not looked at"
        )
    view, decision = outcome.view, outcome.decision
    reason, message, url = "Acting", "", ""
    held = view.desired.upgrade is not None and view.operation is None
    if isinstance(decision, Done):
        reason, message = _held(view) if held else _finished(view)
    elif isinstance(decision, Wait):
        reason, message, url = decision.reason, decision.message, decision.url
    elif isinstance(decision, Finished):
        message = decision.message
    else:
        message = f"{describe(decision)}: {decision.because}"
    quarantined = [member.name for member in view.desired.members if view.is_quarantined(member.name)]
    earlier = [member.name for member in view.seen.members if member.rendered_earlier]
    if earlier and isinstance(decision, Done):
        told = f"{', '.join(earlier)}: runs as an earlier Telamon rendered it, until it starts anew"
        message = f"{message}; {told}".removeprefix("; ")
    if quarantined and reason not in {"Quarantined", "SetupRequired"}:
        message = f"{', '.join(quarantined)} is quarantined; {message}"
    if view.drift:
        message = f"{view.drift}, and is left so; {message}".removesuffix("; ")
    if view.seen.held:
        message = f"its users see the maintenance page; {message}".removesuffix("; ")
    return ComponentStatus(
        name=name,
        kind=view.desired.kind.value,
        product=view.desired.product,
        ready=view.standing().ready,
        done=reason == "Done" or reason in LEFT,
        reason=reason,
        message=message,
        remedy=outcome.remedy or (_held_remedy(view) if held else _look_at(view, quarantined, earlier)),
        url=url,
    )


def _held(view: View) -> tuple[str, str]:
    """Reason and words for a component that does not come to the release that the stack file asks for."""
    wanted = view.desired.upgrade
    if wanted is None:
        return "Done", ""
    if view.memory.later == wanted.to_release:
        shut = gate(view.desired.windows, view.now)
        when = opens(shut) if shut is not None and not shut.open else "in the maintenance window that is open"
        return AWAITS, f"the upgrade from {wanted.from_release} to {wanted.to_release} begins {when}"
    if view.memory.held == wanted.to_release:
        told = f"held at {wanted.from_release}: the upgrade to {wanted.to_release} did not succeed"
        return "UpgradeFailed", told
    return "UpgradeNotBegun", f"the upgrade from {wanted.from_release} to {wanted.to_release} is not begun"


def _held_remedy(view: View) -> str:
    component, wanted = view.desired.name, view.desired.upgrade
    if wanted is not None and view.memory.later == wanted.to_release:
        return "`telamon operations list` names it, and `telamon operations cancel` gives it up"
    if wanted is not None and wanted.jump.way is Way.DOWNTIME:
        again = f"`telamon upgrade {component} {wanted.to_release} --downtime`"
    else:
        again = f"`telamon retry {component}`"
    return f"`telamon operations list` tells why; {again} tries again, or put the old version back"


def _finished(view: View) -> tuple[str, str]:
    """Reason and words for a component of which nothing is left to do, as far as Telamon goes."""
    if view.seen.upgrade is not UpgradePhase.UPGRADE_TASKS_FAILED or view.operation is not None:
        return "Done", ""
    return "FinalTasksFailed", next(of_one_release(view)).message


def _look_at(view: View, quarantined: list[str], earlier: list[str]) -> str:
    component = view.desired.name
    if quarantined:
        return f"`telamon logs {quarantined[0]}` shows what it wrote; `telamon retry {component}` tries again at once"
    if view.seen.upgrade is UpgradePhase.UPGRADE_TASKS_FAILED and view.operation is None:
        return next(of_one_release(view)).remedy
    return f"`telamon restart {component}` has it start anew now" if earlier else ""


def member_statuses(view: View, restarts: Mapping[str, int]) -> tuple[MemberStatus, ...]:
    """Every member of a component, desired or left over."""
    wanted = [view.member(member) for member in view.desired.members]
    serving = {member.name for member in view.serving()}
    return tuple(
        MemberStatus(
            name=member.name,
            component=view.desired.name,
            version=member.release if member.life in {Life.ALIVE, Life.ENDING} else None,
            state=_state(member, view),
            serving=member.name in serving,
            restarts=restarts.get(member.name, 0),
            since=datetime.fromtimestamp(member.phase_since, UTC) if member.phase_since else None,
            message=_why(member, view),
            address=member.address,
            role=member.replication.role.value if member.replication is not None else None,
            in_sync=member.replication.in_sync if member.replication is not None else None,
            lag=member.replication.lag if member.replication is not None else None,
            index=_index(member),
        )
        for member in (*wanted, *view.surplus())
    )


def _index(member: MemberState) -> IndexStatus | None:
    found = member.index if member.indexed else None
    return None if found is None else IndexStatus(readable=found.readable, behind=found.behind)


def _state(member: MemberState, view: View) -> str:
    aside = view.is_quarantined(member.name) or view.is_set_aside(member.name)
    return "Quarantined" if aside else view.condition(member).value


def _why(member: MemberState, view: View) -> str:
    failures = view.failures(member.name)
    if view.is_quarantined(member.name):
        return f"failed {failures.count} times in a row, last: {failures.reason}"
    if view.is_set_aside(member.name):
        return f"somebody looks at it, it is {view.condition(member).value}; `telamon release {member.name}` ends that"
    return member.exit or member.held or (_part(member.replication) if member.replication is not None else "")


def _part(part: Replication) -> str:
    """A database server's part in replication, for people."""
    if part.role is Role.PRIMARY:
        return f"primary; commits wait for {part.demands}" if part.demands else "primary, without a standby"
    if part.in_sync:
        return "standby, has every acknowledged write"
    return "standby, out of touch" if part.lag is None else f"standby, {part.lag:,} bytes behind"


def _conditions(
    components: tuple[ComponentStatus, ...], *, generation: int, now: datetime, transitions: Transitions
) -> tuple[StatusCondition, ...]:
    unready = [component for component in components if not component.ready]
    busy = [component for component in components if not component.done]
    waiting = [
        component for component in components if component.reason in {"SetupRequired", "SetupRejected"}
    ]
    failed = [
        component for component in components if component.reason in {"UpgradeFailed", "FinalTasksFailed"}
    ]
    later = [component for component in components if component.reason == AWAITS]
    ill = [component for component in components if component.reason in ILL]
    found = (
        ("Ready", not (unready or busy), _first(unready or busy)),
        ("Available", not unready, _first(unready)),
        ("Progressing", bool(busy), _first(busy)),
        ("Degraded", bool(ill), _first(ill)),
        ("SetupRequired", bool(waiting), _first(waiting)),
        ("UpgradeFailed", bool(failed), _first(failed)),
        (AWAITS, bool(later), _first(later)),
    )
    return tuple(
        _condition(type_, holds, about, generation=generation, now=now, transitions=transitions)
        for type_, holds, about in found
    )


def _drifted(
    lanes: Mapping[str, Lane], *, generation: int, now: datetime, transitions: Transitions
) -> Iterator[StatusCondition]:
    """Whether something was changed by hand, where somebody has said that this is told and left."""
    views = [lane.outcome.view for lane in lanes.values() if lane.outcome is not None]
    if not any(view.desired.leaves_drift for view in views):
        return
    found = [
        ComponentStatus(
            name=view.desired.name, kind="", ready=True, done=True, reason="LeftAsItIs", message=view.drift
        )
        for view in views
        if view.drift
    ]
    yield _condition(
        DRIFTED, bool(found), _first(found), generation=generation, now=now, transitions=transitions
    )


def _condition(
    type_: str,
    holds: bool,
    about: ComponentStatus | None,
    *,
    generation: int,
    now: datetime,
    transitions: Transitions,
) -> StatusCondition:
    status: Truth = "True" if holds else "False"
    return StatusCondition(
        type=type_,
        status=status,
        reason=about.reason if about else "AsDesired",
        message=f"{about.name}: {about.message}" if about else "",
        last_transition_time=transitions.since(type_, status, now=now),
        observed_generation=generation,
    )


def _first(components: list[ComponentStatus]) -> ComponentStatus | None:
    return components[0] if components else None
